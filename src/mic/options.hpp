// SPDX-License-Identifier: Apache-2.0
// What the controller can be told, as a value: the flags of mic.md §1, the environment, and ours.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/flags/log_flags.hpp"

namespace podid::mic {

struct LeaderElectionOptions {
  std::string instance;  // identity in the lock; empty: the host name
  std::string ns = "default";
  std::string name = "aad-pod-identity-mic";
  base::Duration lease_duration = std::chrono::seconds(15);
  std::string resource_lock = "leases";  // or "endpointsleases", "endpoints" (MIC-8)
};

struct MicOptions {
  std::string kubeconfig;    // empty: in-cluster
  std::string cloud_config;  // azure.json; empty: environment variables
  std::string ns;            // MIC_POD_NAMESPACE, required
  bool no_azure = false;     // status of bindings and grants alone, beside NMIs in managed mode (D16)
  bool namespaced = false;
  bool keep_identity_for_finished_pods = false;  // MIC-21
  std::string identity_policy = "off";           // or "enforce" (SEC-10)
  base::Duration sync_retry_duration = std::chrono::hours(1);
  base::Duration window_lead_time = std::chrono::minutes(2);
  base::Duration window_detach_delay = std::chrono::minutes(5);

  LeaderElectionOptions leader_election;

  std::string probe_address = "0.0.0.0";
  std::uint16_t probe_port = 8080;  // 0: chosen by the kernel
  std::uint16_t prometheus_port = 8888;

  std::int64_t create_delete_batch = 20;  // API writes in flight per VM or scale set
  std::optional<double> client_qps;       // API requests a second; unset: the API server's own fairness decides (MIC-6)
  std::int64_t max_parallel_arm = 16;     // MIC-25

  std::vector<std::string> immutable_user_msis;  // client ids or resource ids
  bool allow_cluster_identity = true;            // pods may get the identity that the cluster itself runs under
  int update_user_msi_max_retry = 2;
  base::Duration update_user_msi_retry_interval = std::chrono::seconds(1);
  base::Duration identity_assignment_reconcile_interval = std::chrono::minutes(3);

  bool enable_type_upgrade = true;
  std::string config_map_name = "aad-pod-identity-config";
  std::string type_upgrade_status_key = "type-upgrade-status";

  std::string custom_user_agent;
  base::LogOptions log;
};

}  // namespace podid::mic
