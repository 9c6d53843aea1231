// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.hpp"

#include "cli/explain_verb.hpp"
#include "cli/lab_verb.hpp"
#include "cli/run_app.hpp"

namespace podid::cli {

int run(const std::vector<std::string>& arguments, const Environment& environment) {
  CLI::App app{"Pod Identity: Microsoft Entra ID tokens for Kubernetes pods", "podid"};
  app.require_subcommand(1);
  int status = kOk;
  const LabVerb lab(app, environment, status);
  const ExplainVerb explain(app, environment, status);
  return run_app(app, arguments, status, environment.out, environment.err);
}

}  // namespace podid::cli
