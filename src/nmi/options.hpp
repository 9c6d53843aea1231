// SPDX-License-Identifier: Apache-2.0
// What the NMI can be told, as a value: the flags of nmi.md §1, the environment, and ours.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/flags/log_flags.hpp"
#include "core/decide.hpp"
#include "core/refusal_text.hpp"

namespace podid::nmi {

struct NmiOptions {
  // Where we listen and what we stand in front of.
  std::string listen_address = "127.0.0.1";
  std::uint16_t port = 2579;
  std::string listen_address6;
  std::string metadata_ip = "169.254.169.254";
  std::uint16_t metadata_port = 80;
  std::string metadata_ip6;
  std::string probe_address = "::";  // of the probe and metrics ports
  std::uint16_t probe_port = 8080;
  std::uint16_t prometheus_port = 9090;

  // Redirect.
  std::string redirect = "auto";
  std::string pod_interfaces = "auto";
  int check_interval_seconds = 60;  // --ipt-update-interval-sec
  bool conntrack_deletion = true;
  bool cleanup_on_exit = false;
  int fence_priority = 2;  // 0: no fence
  bool allow_wireserver = false;
  bool self_proof = true;
  std::string prober_namespace;  // empty: no prober counts
  bool uninstall = false;

  // Cluster.
  std::string kubeconfig;  // empty: $KUBECONFIG, else in-cluster
  std::string node;
  std::string mode = "standard";  // or "managed"
  bool namespaced = false;
  bool scale_features = true;
  std::string mic_namespace = "default";
  bool mic_short_circuit = true;
  std::string identity_policy = "off";            // or "enforce" (SEC-10)
  std::vector<std::string> mic_service_accounts;  // empty: those of aad-pod-identity's manifests and charts
  std::string controller_identity;                // a client ID, "system", or any
  std::string startup_taint_prefix = "startup.aadpodidentity.k8s.io/";
  bool allow_kubenet = false;
  std::string cni_config_dir = "/etc/cni/net.d";
  std::string kubelet_config = "/etc/default/kubelet";
  base::Duration max_snapshot_age = std::chrono::minutes(10);
  base::Duration event_series_interval = std::chrono::seconds(30);

  // Answers.
  bool metadata_header_required = true;
  bool block_instance_metadata = false;
  bool strict_paths = false;
  std::vector<std::string> proxy_paths;  // as proxy_path_form() leaves them
  bool scheduled_event_posts = false;
  bool retry_after_header = false;
  bool legacy_refusals = false;
  bool host_token = true;
  std::string host_token_socket;                  // empty: none
  std::vector<std::uint32_t> host_token_uids{0};  // of processes that may use the socket
  bool permanent_config_errors_403 = false;
  core::LegacyRetry retry;   // K, A, I
  bool retry_given = false;  // one of the three was given: they replace max_wait
  base::Duration max_wait = std::chrono::seconds(40);

  // Tokens.
  base::Duration token_max_age = std::chrono::hours(1);
  base::Duration token_timeout = std::chrono::seconds(20);
  bool allow_cross_namespace_secrets = false;
  std::vector<std::string> allowed_ad_endpoints;
  std::vector<std::string> never_issue;

  // Limits. What holds for all pods is divided among the workers; a pod always meets the same one.
  int workers = 0;  // 0: as many as the machine has processors, at most 4
  int max_connections = 16384;
  int max_connections_per_pod = 1024;
  int max_waiting = 4096;
  int max_waiting_per_pod = 256;
  int max_requests_per_pod = 1000;  // a second, of any kind; 0: no limit
  int max_forwards_per_pod = 20;    // a second, to the real endpoint; 0: no limit
  int max_new_tokens_per_pod = 10;  // fetches a second, four times as many at once; 0: no limit
  int max_imds_requests = 20;       // for tokens, a second, of all pods together; 0: no limit
  int max_cached_tokens = 4096;
  int max_header_bytes = 64 * 1024;
  base::Duration shutdown_timeout = std::chrono::seconds(10);

  // Audit log (D19).
  std::string audit_log_path;     // empty: none; "-": standard output
  int audit_log_maxsize = 100;    // MiB
  int audit_log_maxbackup = 100;  // 0: no limit
  int audit_log_maxage = 366;     // days; 0: no limit
  base::Duration audit_fold = std::chrono::seconds(1);
  std::string audit_failure = "refuse";  // or "continue"
  base::Duration audit_sync_interval = std::chrono::seconds(1);
  bool audit_full_client_id = false;

  std::string custom_user_agent;
  base::LogOptions log;

  core::OperationMode operation_mode() const {
    return mode == "managed" ? core::OperationMode::managed : core::OperationMode::standard;
  }
};

}  // namespace podid::nmi
