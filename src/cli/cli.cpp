// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.hpp"

#include <CLI/CLI.hpp>

#include "cli/explain_verb.hpp"
#include "cli/lab_verb.hpp"

namespace podid::cli {

int run(const std::vector<std::string>& arguments, const Environment& environment) {
  CLI::App app{"Pod Identity: Microsoft Entra ID tokens for Kubernetes pods", "podid"};
  app.require_subcommand(1);
  int status = kOk;
  const LabVerb lab(app, environment, status);
  const ExplainVerb explain(app, environment, status);
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

}  // namespace podid::cli
