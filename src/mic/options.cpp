// SPDX-License-Identifier: Apache-2.0
#include "mic/options.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::mic {
namespace {

base::Result<> check_positive(std::string_view flag, base::Duration value) {
  if (value > base::Duration::zero()) return {};
  return base::fail(base::ErrorKind::invalid, fmt::format("--{}={}: must be longer than zero, for example 90s", flag,
                                                          base::format_go_duration(value)));
}

base::Result<> check_at_least(std::string_view flag, std::int64_t value, std::int64_t least) {
  if (value >= least) return {};
  return base::fail(base::ErrorKind::invalid, fmt::format("--{}={}: must be at least {}", flag, value, least));
}

base::Result<> check_port(std::string_view flag, const std::string& value) {
  if (base::parse_number<std::uint16_t>(value)) return {};
  return base::fail(base::ErrorKind::invalid, fmt::format("--{}={}: must be a port number, 0 to 65535", flag, value));
}

}  // namespace

base::Result<> validate(const MicOptions& options) {
  if (options.ns.empty()) {
    return base::fail(base::ErrorKind::invalid,
                      "namespace not specified. Please add meta.namespace as env variable MIC_POD_NAMESPACE");
  }
  if (options.client_qps && !(*options.client_qps >= 1.0)) {
    return base::fail(
        base::ErrorKind::invalid,
        fmt::format("--clientQps={}: must be at least 1 (leave it out for no limit)", *options.client_qps));
  }
  if (options.leader_election.lease_duration < std::chrono::seconds(1)) {
    return base::fail(base::ErrorKind::invalid,
                      fmt::format("--leader-election-duration={}: must be at least 1s",
                                  base::format_go_duration(options.leader_election.lease_duration)));
  }
  const base::Result<> checks[] = {
      check_positive("syncRetryDuration", options.sync_retry_duration),
      check_positive("identity-assignment-reconcile-interval", options.identity_assignment_reconcile_interval),
      check_positive("update-user-msi-retry-interval", options.update_user_msi_retry_interval),
      check_at_least("createDeleteBatch", options.create_delete_batch, 1),
      check_at_least("max-parallel-arm", options.max_parallel_arm, 1),
      check_at_least("update-user-msi-max-retry", options.update_user_msi_max_retry, 0),
      check_port("http-probe-port", options.http_probe_port),
      check_port("prometheus-port", options.prometheus_port),
  };
  for (const base::Result<>& check : checks) {
    if (!check) return check;
  }
  return {};
}

}  // namespace podid::mic
