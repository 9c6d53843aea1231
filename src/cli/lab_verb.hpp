// SPDX-License-Identifier: Apache-2.0
// `podid lab …`: hands over to the program podid-lab, as git does with its sub-commands. What only a lab needs (a fake API
// server, a token issuer with its keys) is not in the operator's tool.
#pragma once
#include <string>
#include <vector>

#include "cli/common/environment.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

// Adds the verb to `app`; parsing runs it and sets `status`. Lives as long as `app` is used.
class LabVerb {
 public:
  LabVerb(CLI::App& app, const Environment& environment, int& status);

 private:
  // Does not return when the program could be started.
  int become_lab(const std::vector<std::string>& arguments) const;

  const Environment& environment_;
};

}  // namespace podid::cli
