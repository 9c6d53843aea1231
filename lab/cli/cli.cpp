// SPDX-License-Identifier: Apache-2.0
#include "lab/cli/cli.hpp"

#include <CLI/CLI.hpp>

#include "lab/cli/verbs.hpp"

namespace podid::lab::cli {

int run(const std::vector<std::string>& arguments, const Environment& environment) {
  // The name is what people type: `podid lab` runs this program.
  CLI::App app{"A local lab: Kubernetes, Azure, nodes and pods on this machine, in network namespaces", "podid lab"};
  int status = kOk;
  const Verbs verbs(app, environment, status);
  // CLI11 takes the arguments last first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, environment.out, environment.err);
    return code == 0 ? kOk : kUsage;
  }
  return status;
}

}  // namespace podid::lab::cli
