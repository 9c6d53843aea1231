// SPDX-License-Identifier: Apache-2.0
// `podid usage`.
#pragma once
#include <memory>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verb to `app`; parsing runs it and sets `status`. Lives as long as `app` is used.
class UsageVerb {
 public:
  UsageVerb(CLI::App& app, const Environment& environment, int& status);
  ~UsageVerb();
  UsageVerb(const UsageVerb&) = delete;
  UsageVerb& operator=(const UsageVerb&) = delete;

 private:
  struct Settings;
  int print();

  const Environment& environment_;
  std::unique_ptr<Settings> settings_;
};

}  // namespace podid::cli
