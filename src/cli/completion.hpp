// SPDX-License-Identifier: Apache-2.0
// `podid completion bash|zsh|fish`: the shell asks the program itself, by a hidden verb, what may come next.
#pragma once
#include <string>
#include <vector>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// What may stand in the place of the last of `words` (which may be empty), sorted: verbs, or long options.
std::vector<std::string> complete(const CLI::App& app, const std::vector<std::string>& words);

// Adds the verbs to `app`; parsing runs one and sets `status`. Lives as long as `app` is used.
class CompletionVerb {
 public:
  CompletionVerb(CLI::App& app, const Environment& environment, int& status);

 private:
  const Environment& environment_;
  std::string shell_;
};

}  // namespace podid::cli
