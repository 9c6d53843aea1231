// SPDX-License-Identifier: Apache-2.0
// The limits of a worker's requests, and what all workers answer from.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics/metrics.hpp"
#include "nmi/pods/redirect_proof.hpp"
#include "nmi/pods/snapshot_source.hpp"
#include "nmi/record/audit_recorder.hpp"
#include "nmi/request/authorizer.hpp"
#include "nmi/request/path.hpp"
#include "nmi/token/token_broker.hpp"

namespace podid::nmi {

struct RequestHandlerOptions {
  RouteOptions routes;
  AuthorizerOptions authorizer;
  bool metadata_header_required = true;
  // What a pod's header Host may say, each with its port where there may be one (SEC-9).
  std::vector<std::string> hosts{"169.254.169.254", "169.254.169.254:80"};
  bool scheduled_event_posts = false;  // pods may acknowledge scheduled events of the node
  bool host_token = true;              // also to processes of the node that come by TCP
  bool permanent_config_errors_403 = false;
  base::Duration max_snapshot_age = std::chrono::minutes(10);
  // This worker's shares.
  std::size_t max_waiting = 4096;
  std::size_t max_waiting_per_pod = 512;
  double max_requests_per_pod = 0;  // a second, of any kind; 0: no limit
  double max_forwards_per_pod = 0;  // a second, to the real endpoint; 0: no limit
};

// What all workers share, all thread-safe but for `audit`.
struct RequestHandlerContext {
  const SnapshotSource& snapshots;
  TokenBroker& broker;
  base::Clock& clock;
  base::MetricsRegistry& metrics;
  RedirectProof* proof = nullptr;  // null: to nobody
  AuditRecorder* audit = nullptr;  // of this worker; null: no audit log
  // Has the API server asked what is bound to a pod, and a snapshot published with the answer. Null: nobody looks.
  std::function<void(LookKey)> look = {};
};

}  // namespace podid::nmi
