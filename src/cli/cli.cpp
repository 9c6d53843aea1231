// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.hpp"

#include "cli/audit/audit_verb.hpp"
#include "cli/completion.hpp"
#include "cli/grant/grant_verb.hpp"
#include "cli/lab_verb.hpp"
#include "cli/run_app.hpp"
#include "cli/show/explain_verb.hpp"
#include "cli/show/status_verb.hpp"
#include "cli/show/who_can_verb.hpp"
#include "cli/usage/usage_verb.hpp"
#include "cli/version_verb.hpp"

namespace podid::cli {

int run(const std::vector<std::string>& arguments, const Environment& environment) {
  CLI::App app{"Pod Identity: Microsoft Entra ID tokens for Kubernetes pods", "podid"};
  app.require_subcommand(1);
  int status = kOk;
  const AuditVerb audit(app, environment, status);
  const ExplainVerb explain(app, environment, status);
  const GrantVerb grant(app, environment, status);
  const StatusVerb look(app, environment, status);
  const WhoCanVerb who_can(app, environment, status);
  const UsageVerb usage(app, environment, status);
  const LabVerb lab(app, environment, status);
  const VersionVerb version(app, environment, status);
  const CompletionVerb completion(app, environment, status);
  return run_app(app, arguments, status, environment.out, environment.err);
}

}  // namespace podid::cli
