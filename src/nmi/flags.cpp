// SPDX-License-Identifier: Apache-2.0
#include "nmi/flags.hpp"

#include <algorithm>
#include <ostream>
#include <thread>

#include "base/flags/cli_flags.hpp"
#include "base/text.hpp"
#include "base/version.hpp"
#include "nmi/limits.hpp"
#include "nmi/node_rules.hpp"
#include "nmi/redirect/fence_rules.hpp"
#include "nmi/request/path.hpp"
#include "nmi/token/token_owner.hpp"

namespace podid::nmi {
namespace {

void add_upstream_flags(base::FlagSet& flags, NmiOptions& o) {
  flags.add("nmi-listen-address", o.listen_address, "IPv4 address the service listens on");
  flags.add_port("nmi-port", o.port, "port the service listens on");
  flags.add("metadata-ip", o.metadata_ip, "address of the instance metadata service");
  flags.add_port("metadata-port", o.metadata_port, "port of the instance metadata service");
  flags.add("node", o.node, "name of the node that we run on");
  flags.add("ipt-update-interval-sec", o.check_interval_seconds,
            "seconds between looks at the rules of the iptables back end", 1);
  flags.add("forceNamespaced", o.namespaced,
            "pod, binding and identity must be in one namespace (also FORCENAMESPACED=true)");
  flags.add_choice(
      "identity-policy", o.identity_policy, {"off", "enforce"},
      "enforce: identities are used only where the AzureIdentityPolicy named default lets them be; give the "
      "MIC the same");
  flags.add("MICNamespace", o.mic_namespace, "namespace of the controller's pods");
  flags.add_port("http-probe-port", o.probe_port, "port of /healthz, /livez and /readyz");
  flags.add("retry-attempts-for-created", o.retry.attempts_for_created,
            "how many intervals a request waits while no AzureAssignedIdentity exists", 0);
  flags.add("retry-attempts-for-assigned", o.retry.attempts_for_assigned,
            "how many intervals more it waits while that is Created", 0);
  flags.add("find-identity-retry-interval", o.retry.interval_seconds, "seconds of one such interval", 0);
  flags.add("enableScaleFeatures", o.scale_features, "watch only the AzureAssignedIdentities of this node");
  flags.add("block-instance-metadata", o.block_instance_metadata, "refuse /metadata/instance to pods");
  flags.add("metadata-header-required", o.metadata_header_required, "require the header Metadata: true");
  flags.add_port("prometheus-port", o.prometheus_port, "port of /metrics");
  flags.add_choice("operation-mode", o.mode, {"standard", "managed"},
                   "standard: a controller assigns identities; managed: they are on the node already");
  flags.add("allow-network-plugin-kubenet", o.allow_kubenet, "start on nodes with the kubenet network plugin, too");
  flags.add("kubelet-config", o.kubelet_config, "file in which the kubenet network plugin is looked for");
  flags.add("set-retry-after-header", o.retry_after_header,
            "answer an identity that is not found yet with 503 and Retry-After");
  flags.add("enable-conntrack-deletion", o.conntrack_deletion,
            "cut connections to the metadata service that are older than the redirect");
  flags.add("custom-user-agent", o.custom_user_agent, "text put behind our user agent");
  flags.add_ignored("enableProfile", "accepted for compatibility; use perf on the process",
                    base::FlagSet::Ignored::switch_alone);
}

void add_our_flags(base::FlagSet& flags, NmiOptions& o) {
  flags.add("kubeconfig", o.kubeconfig, "kubeconfig file; empty: $KUBECONFIG, else the pod's service account");
  flags.add("workers", o.workers, "threads that answer pods; 0: one per processor, at most 4", 0, 64);
  flags.add_choice("redirect", o.redirect, {"auto", "nftables", "iptables", "none"},
                   "what redirects the pods' metadata traffic to us");
  flags.add("pod-interfaces", o.pod_interfaces,
            "interfaces of pods that get route_localnet: auto, none, or names with *");
  flags.add("metadata-ip6", o.metadata_ip6, "IPv6 address of the metadata service, where there is one");
  flags.add("nmi-listen-address6", o.listen_address6, "IPv6 address of the node to listen on for it");
  flags.add("probe-address", o.probe_address,
            "address of the probe and metrics ports; ::, all of both families (of IPv4 where there is no IPv6)");
  flags.add(
      "cni-config-dir", o.cni_config_dir,
      "folder in which the network plugin is looked for, to warn of one that lets pods take each other's address");
  flags.add("cleanup-on-exit", o.cleanup_on_exit,
            "remove the redirect when stopped (pods then reach the node's own endpoint)");
  flags.add(
      "fence-priority", o.fence_priority,
      "priority of the first of the four routing rules that drop what would be forwarded to the real endpoint; 0: none",
      0, static_cast<int>(kMaxFencePriority));
  flags.add("allow-wireserver", o.allow_wireserver,
            "let pods reach Azure's wireserver (168.63.129.16, TCP ports 80 and 32526)");
  flags.add("self-proof", o.self_proof,
            "try the rules every 10 s by packets from 192.0.0.8, on a veth of our own; not ready while they fail");
  flags.add("prober-namespace", o.prober_namespace,
            "namespace of the pods that prove the redirect (deploy/prober.yaml); empty: none counts");
  flags.add("uninstall", o.uninstall, "remove everything that any NMI made on this node, and exit");
  flags.add("mic-short-circuit", o.mic_short_circuit, "give the controller's pods tokens of the node's identities");
  flags.add("mic-service-account", o.mic_service_accounts,
            "service accounts under which the controller runs, in --MICNamespace; none: those of aad-pod-identity");
  flags.add(
      "controller-identity", o.controller_identity,
      "the only identity that pods get that are let through as the controller: a client ID, or system; empty: any");
  flags.add("startup-taint-prefix", o.startup_taint_prefix,
            "taints of our node with this prefix are removed once we are ready; empty: none");
  flags.add("max-snapshot-age", o.max_snapshot_age,
            "without contact to the API server for longer only cached tokens are handed out", kLeastSnapshotAge);
  flags.add("event-series-interval", o.event_series_interval,
            "an event of issuances or refusals is written at once, then with its new count at most this often",
            std::chrono::seconds(1));
  flags.add("max-wait", o.max_wait, "longest wait of a request for an identity that is being assigned");
  flags.add("legacy-refusals", o.legacy_refusals, "refuse with aad-pod-identity's statuses, texts and waits");
  flags.add("strict-paths", o.strict_paths, "refuse token paths in any spelling, also those IMDS does not know");
  flags.add("proxy-paths", o.proxy_paths,
            "paths that pods may GET from the real endpoint, with all below them, beside /metadata/instance, versions, "
            "attested, scheduledevents and identity/info");
  flags.add("allow-scheduled-event-posts", o.scheduled_event_posts,
            "let pods acknowledge scheduled events, which starts a reboot of the node");
  flags.add("enable-host-token", o.host_token, "serve /host/token to processes of the node at the service's port");
  flags.add("host-token-socket", o.host_token_socket,
            "serve /host/token at this Unix socket, to processes of --host-token-uids alone; empty: none");
  flags.add_custom("host-token-uids", "0", "user IDs that may use --host-token-socket, with commas between them",
                   [&o](std::string_view text) -> std::optional<std::string> {
                     o.host_token_uids.clear();
                     for (const std::string_view each : base::split(text, ',')) {
                       const auto uid = base::parse_number<std::uint32_t>(each);
                       if (!uid) return "must be numbers of users, with commas between them";
                       o.host_token_uids.push_back(*uid);
                     }
                     return std::nullopt;
                   });
  flags.add("token-max-age", o.token_max_age, "a cached token older than this is fetched anew; 0s: no limit");
  flags.add("token-timeout", o.token_timeout, "longest wait for IMDS or Entra ID", std::chrono::seconds(1));
  flags.add("allow-cross-namespace-secrets", o.allow_cross_namespace_secrets,
            "let an AzureIdentity use a Secret of another namespace");
  flags.add("allowed-ad-endpoints", o.allowed_ad_endpoints,
            "directory endpoints that may get secrets, beside the public clouds'");
  flags.add("never-issue", o.never_issue,
            "client or resource IDs of managed identities, and of applications, whose tokens no pod gets");
  flags.add_custom("permanent-config-errors", "503", "status for configuration errors that cannot heal: 503 or 403",
                   [&o](std::string_view text) -> std::optional<std::string> {
                     if (text != "503" && text != "403") return "must be 503 or 403";
                     o.permanent_config_errors_403 = text == "403";
                     return std::nullopt;
                   });
  flags.add("max-connections", o.max_connections, "open connections in all", 1);
  flags.add("max-connections-per-pod", o.max_connections_per_pod, "open connections of one pod", 1);
  flags.add("max-waiting", o.max_waiting, "requests in all that wait for an identity or a token", 1);
  flags.add("max-waiting-per-pod", o.max_waiting_per_pod, "waiting requests of one pod", 1);
  flags.add("max-requests-per-pod", o.max_requests_per_pod, "requests of one pod a second, of any kind; 0: no limit",
            0);
  flags.add("max-forwards-per-pod", o.max_forwards_per_pod,
            "requests of one pod a second that are passed on to the real endpoint; 0: no limit", 0);
  flags.add("max-new-tokens-per-pod", o.max_new_tokens_per_pod,
            "different tokens that one pod may have fetched a second; 0: no limit", 0);
  flags.add("max-imds-requests", o.max_imds_requests,
            "requests a second for new tokens to the metadata endpoint, in all: pods take turns; 0: no limit", 0);
  flags.add("max-cached-tokens", o.max_cached_tokens, "tokens in the cache", 1);
  flags.add("max-header-bytes", o.max_header_bytes, "size of a request's head", 1024);
  flags.add("audit-log-path", o.audit_log_path,
            "file with a record of each token handed out or refused; -: standard output; empty: none");
  flags.add("audit-log-maxsize", o.audit_log_maxsize, "MiB of that file before it is rotated", 1);
  flags.add("audit-log-maxbackup", o.audit_log_maxbackup, "rotated files that are kept; 0: no limit", 0);
  flags.add("audit-log-maxage", o.audit_log_maxage, "days for which rotated files are kept; 0: no limit", 0);
  flags.add("audit-fold", o.audit_fold,
            "the same answer to the same pod within this time is one record with a count; 0s: each is a record");
  flags.add_choice("audit-failure", o.audit_failure, {"refuse", "continue"},
                   "when the audit log cannot be written and what waits for it has no room any more. refuse: no token; "
                   "continue: tokens without a record, whose number the log tells later");
  flags.add("audit-sync-interval", o.audit_sync_interval,
            "how often the audit log is brought to the disk: what a power cut can take");
  flags.add("audit-full-client-id", o.audit_full_client_id, "client IDs in the audit log are not redacted");
  flags.add("shutdown-timeout", o.shutdown_timeout, "longest wait for requests in flight when stopped");
}

}  // namespace

std::variant<NmiOptions, int> parse_flags(const std::vector<std::string>& arguments,
                                          const base::Environment& environment, std::ostream& out, std::ostream& err) {
  NmiOptions options;
  bool version = false;
  base::FlagSet flags("nmi",
                      "Answers the instance metadata requests of the pods of one node.\n"
                      "nmi prove: asks, from an ordinary pod, for what the NMI alone answers (deploy/prober.yaml).");
  flags.add("version", version, "print the version and exit");
  add_upstream_flags(flags, options);
  add_our_flags(flags, options);
  base::add_log_flags(flags, options.log);
  if (const auto exit_code = flags.parse(arguments, out, err)) return *exit_code;
  if (version) {
    out << base::version_line() << '\n';
    return 0;
  }
  if (environment("FORCENAMESPACED") == "true") options.namespaced = true;
  if (options.kubeconfig.empty()) options.kubeconfig = environment("KUBECONFIG");
  options.retry_given = flags.given("retry-attempts-for-created") || flags.given("retry-attempts-for-assigned") ||
                        flags.given("find-identity-retry-interval");
  return options;
}

base::Result<> complete_options(NmiOptions& options) {
  if (options.workers == 0) {
    options.workers = static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, kMostDefaultWorkers));
  }
  if (options.mode == "managed" && !options.namespaced) {
    return base::fail(base::ErrorKind::invalid,
                      "failed to initialize token client, error: managed mode not intialized in force namespaced mode "
                      "(--operation-mode=managed needs --forceNamespaced)");
  }
  if (options.node.empty() && !options.uninstall) {
    return base::fail(base::ErrorKind::invalid, "--node: must be the name of the node that we run on");
  }
  base::Result<RedirectKeeperOptions> rules = node_rules(options);
  if (!rules) return std::unexpected(std::move(rules.error()));
  for (std::string& path : options.proxy_paths) {
    if (const std::string problem = problem_with_proxy_path(path); !problem.empty()) {
      return base::fail(base::ErrorKind::invalid, "--proxy-paths: " + path + ": " + problem);
    }
    path = proxy_path_form(path);
  }
  if (const std::string problem = problem_with_controller_identity(options.controller_identity); !problem.empty()) {
    return base::fail(base::ErrorKind::invalid, "--controller-identity: " + problem);
  }
  // One that names nothing would protect nothing.
  for (const std::string& id : options.never_issue) {
    if (const std::string problem = problem_with_never_issue(id); !problem.empty()) {
      return base::fail(base::ErrorKind::invalid, "--never-issue: " + problem);
    }
  }
  return {};
}

}  // namespace podid::nmi
