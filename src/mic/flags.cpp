// SPDX-License-Identifier: Apache-2.0
#include "mic/flags.hpp"

#include <ostream>
#include <utility>

#include "base/flags/cli_flags.hpp"
#include "base/version.hpp"

namespace podid::mic {
namespace {

constexpr base::Duration kShortest = std::chrono::milliseconds(1);

struct Extra {
  bool version = false;
  double client_qps = 0;
};

void add_flags(base::FlagSet& flags, MicOptions& options, Extra& extra) {
  flags.add("version", extra.version, "print the version and exit");
  flags.add("kubeconfig", options.kubeconfig, "path of a kubeconfig; empty: the pod's own service account");
  flags.add("cloudconfig", options.cloud_config, "path of azure.json; empty: CLOUD, TENANT_ID, ... in the environment");
  flags.add(
      "no-azure", options.no_azure,
      "beside NMIs in managed mode: no assignments and no calls to Azure, only the status of bindings and grants");
  flags.add("forceNamespaced", options.namespaced,
            "identity, binding and pod must share a namespace (also FORCENAMESPACED=true in the environment)");
  flags.add("keep-identity-for-finished-pods", options.keep_identity_for_finished_pods,
            "pods that have Succeeded or Failed keep their identity until they are deleted");
  flags.add_choice(
      "identity-policy", options.identity_policy, {"off", "enforce"},
      "enforce: identities are used only where the AzureIdentityPolicy named default lets them be; give the "
      "NMIs the same");
  flags.add("window-lead-time", options.window_lead_time,
            "of bindings with spec.access: identities are attached so long before they may be used", base::Duration(0));
  flags.add("window-detach-delay", options.window_detach_delay,
            "and detached so long after, unless another pod of the machine may use them", base::Duration(0));
  flags.add("syncRetryDuration", options.sync_retry_duration, "period of the unconditional full pass", kShortest);

  LeaderElectionOptions& election = options.leader_election;
  flags.add("leader-election-instance", election.instance, "identity in the lock; empty: the host name");
  flags.add("leader-election-namespace", election.ns, "namespace of the lock");
  flags.add("leader-election-name", election.name, "name of the lock");
  flags.add("leader-election-duration", election.lease_duration, "a lock not renewed for this long is taken over",
            std::chrono::seconds(1));
  flags.add_choice("leader-election-resource-lock", election.resource_lock, {"leases", "endpointsleases", "endpoints"},
                   "kind of the lock; endpointsleases holds both, for rolling upgrades from aad-pod-identity");

  flags.add("listen-address", options.probe_address, "address of the probe and metrics ports");
  flags.add_port("http-probe-port", options.probe_port, "port of /healthz, /livez and /readyz");
  flags.add_port("prometheus-port", options.prometheus_port, "port of /metrics");
  flags.add_ignored("enableProfile", "there is no profiling server; use perf", base::FlagSet::Ignored::switch_alone);
  flags.add_ignored("enableScaleFeatures", "deprecated", base::FlagSet::Ignored::switch_alone);

  flags.add("createDeleteBatch", options.create_delete_batch, "writes to the API server in flight per VM or scale set",
            1);
  flags.add("clientQps", extra.client_qps,
            "requests a second to the API server, and its burst; 0: no limit of our own");
  flags.add("max-parallel-arm", options.max_parallel_arm, "VMs and scale sets that are changed at the same time", 1);

  flags.add("immutable-user-msis", options.immutable_user_msis,
            "client ids or resource ids of identities that are never detached");
  flags.add("allow-cluster-identity", options.allow_cluster_identity,
            "pods may get the identity of the cloud configuration's userAssignedIdentityID, with a warning event");
  flags.add("update-user-msi-max-retry", options.update_user_msi_max_retry,
            "further attempts without the identities that Azure refused", 0);
  flags.add("update-user-msi-retry-interval", options.update_user_msi_retry_interval, "wait before each of those",
            kShortest);
  flags.add("identity-assignment-reconcile-interval", options.identity_assignment_reconcile_interval,
            "identities detached by others are attached again within this time", kShortest);

  flags.add("enable-type-upgrade", options.enable_type_upgrade, "rewrite objects of old releases once");
  flags.add("config-map-name", options.config_map_name, "ConfigMap that remembers the rewriting");
  flags.add("type-upgrade-status-key", options.type_upgrade_status_key, "key in it");
  flags.add("custom-user-agent", options.custom_user_agent, "added to the user agent");
  base::add_log_flags(flags, options.log);
}

}  // namespace

std::variant<MicOptions, int> parse_flags(const std::vector<std::string>& arguments,
                                          const base::Environment& environment, std::ostream& out, std::ostream& err) {
  MicOptions options;
  Extra extra;
  base::FlagSet flags("mic", "Keeps the identities of pods assigned to their VMs and scale sets.");
  add_flags(flags, options, extra);
  if (const auto exit_code = flags.parse(arguments, out, err)) return *exit_code;
  if (extra.version) {
    out << base::version_line() << '\n';
    return 0;
  }
  if (extra.client_qps > 0 && extra.client_qps < 1) {
    err << "--clientQps=" << extra.client_qps << ": must be at least 1, or 0 for no limit\n";
    return 2;
  }
  if (extra.client_qps > 0) options.client_qps = extra.client_qps;
  if (environment("FORCENAMESPACED") == "true") options.namespaced = true;
  options.ns = environment("MIC_POD_NAMESPACE");
  if (options.ns.empty()) {
    err << "namespace not specified. Please add meta.namespace as env variable MIC_POD_NAMESPACE\n";
    return 255;
  }
  return options;
}

}  // namespace podid::mic
