// SPDX-License-Identifier: Apache-2.0
#include "lab/cli/cli.hpp"

#include "cli/run_app.hpp"
#include "lab/cli/verbs.hpp"

namespace podid::lab::cli {

int run(const std::vector<std::string>& arguments, const Environment& environment) {
  // The name is what people type: `podid lab` runs this program.
  CLI::App app{"A local lab: Kubernetes, Azure, nodes and pods on this machine, in network namespaces", "podid lab"};
  int status = kOk;
  const Verbs verbs(app, environment, status);
  return podid::cli::run_app(app, arguments, status, environment.out, environment.err);
}

}  // namespace podid::lab::cli
