// SPDX-License-Identifier: Apache-2.0
#include "cli/show/mode_options.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "zones/time_zones.hpp"

namespace podid::cli {

PolicyReading ModeOptions::policy_reading() const {
  if (policy == "off") return PolicyReading::none;
  return policy == "enforce" ? PolicyReading::needed : PolicyReading::if_there;
}

ExplainRequest ModeOptions::chosen(bool has_policy) const {
  ExplainRequest chosen = request;
  if (mode == "managed") chosen.mode = core::OperationMode::managed;
  chosen.policy = core::IdentityPolicyMode{policy_reading() == PolicyReading::needed || has_policy};
  chosen.zones = [zones = std::make_shared<zones::TimeZones>()](std::string_view name) { return zones->find(name); };
  return chosen;
}

void add_mode_options(CLI::App& verb, ModeOptions& options) {
  verb.add_option("--mode", options.mode, "The NMI's --operation-mode: standard or managed")
      ->check(CLI::IsMember({"standard", "managed"}))
      ->capture_default_str();
  verb.add_flag("--force-namespaced", options.request.namespaced, "The NMI runs with --forceNamespaced");
  verb.add_option(
          "--identity-policy", options.policy,
          "The programs' --identity-policy: off or enforce; auto: enforce where there is an AzureIdentityPolicy "
          "default")
      ->check(CLI::IsMember({"auto", "off", "enforce"}))
      ->capture_default_str();
  verb.add_option("--mic-namespace", options.request.mic_namespace,
                  "The NMI's --MICNamespace; empty: it runs with --mic-short-circuit=false")
      ->capture_default_str();
  verb.add_option("--mic-service-account", options.request.mic_service_accounts,
                  "The NMI's --mic-service-account; none: its default");
  verb.add_option("--controller-identity", options.request.controller_identity, "The NMI's --controller-identity");
}

}  // namespace podid::cli
