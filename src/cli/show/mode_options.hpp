// SPDX-License-Identifier: Apache-2.0
// How the programs run, which the API server does not tell: options that explain, status and who-can share.
#pragma once
#include <string>

#include "cli/show/explain.hpp"
#include "cli/show/explain_objects.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}

namespace podid::cli {

struct ModeOptions {
  std::string mode = "standard";
  std::string policy = "auto";
  ExplainRequest request;

  PolicyReading policy_reading() const;
  // With what was found out about the policy.
  ExplainRequest chosen(bool has_policy) const;
};

// --mode, --force-namespaced, --identity-policy, --mic-namespace, --mic-service-account, --controller-identity. `options` lives
// as long as the app.
void add_mode_options(CLI::App& verb, ModeOptions& options);

}  // namespace podid::cli
