// SPDX-License-Identifier: Apache-2.0
#include "mic/control/metrics.hpp"

namespace podid::mic {
namespace metric = base::metric;

MicMetrics::MicMetrics(base::MetricsRegistry& registry)
    : addition_duration_(registry.histogram(metric::kAssignedIdentityAdditionDuration)),
      update_duration_(registry.histogram(metric::kAssignedIdentityUpdateDuration)),
      deletion_duration_(registry.histogram(metric::kAssignedIdentityDeletionDuration)),
      additions_(registry.counter(metric::kAssignedIdentityAdditions)),
      updates_(registry.counter(metric::kAssignedIdentityUpdates)),
      deletions_(registry.counter(metric::kAssignedIdentityDeletions)),
      api_errors_(registry.counter(metric::kKubernetesApiErrors)),
      cycle_duration_(registry.histogram(metric::kMicCycleDuration)),
      cycles_(registry.counter(metric::kMicCycles)),
      elections_(registry.counter(metric::kMicNewLeaderElections)),
      azure_duration_(registry.histogram(metric::kCloudProviderOperationsDuration)),
      azure_errors_(registry.counter(metric::kCloudProviderOperationsErrors)),
      round_duration_(registry.histogram(metric::kMicAzureLatency)),
      leader_(registry.gauge(metric::kMicLeader)),
      queue_(registry.gauge(metric::kMicQueueDepth)),
      bad_identities_(registry.gauge(metric::kMicBadIdentities)),
      throttled_(registry.gauge(metric::kMicThrottled)),
      reloads_(registry.counter(metric::kMicConfigReloads)),
      bad_objects_(registry.counter(metric::kBadObjects)),
      mode_(registry.gauge(metric::kModeInfo)),
      grants_(registry.gauge(metric::kMicGrants)),
      policy_missing_(registry.gauge(metric::kMicPolicyMissing)),
      crd_field_missing_(registry.gauge(metric::kMicCrdFieldMissing)),
      events_dropped_(registry.counter(metric::kEventsDropped)) {}

void MicMetrics::events_dropped(std::uint64_t total) {
  if (total == events_dropped_so_far_) return;
  events_dropped_.increment({}, total - events_dropped_so_far_);
  events_dropped_so_far_ = total;
}

void MicMetrics::added(base::Duration took) {
  additions_.increment();
  addition_duration_.observe({}, base::in_seconds(took));
}

void MicMetrics::updated(base::Duration took) {
  updates_.increment();
  update_duration_.observe({}, base::in_seconds(took));
}

void MicMetrics::deleted(base::Duration took) {
  deletions_.increment();
  deletion_duration_.observe({}, base::in_seconds(took));
}

void MicMetrics::cycle(base::Duration took) {
  cycles_.increment();
  cycle_duration_.observe({}, base::in_seconds(took));
}

void MicMetrics::azure_succeeded(std::string_view operation, base::Duration took) {
  azure_duration_.observe({operation}, base::in_seconds(took));
}

void MicMetrics::azure_failed(std::string_view operation) { azure_errors_.increment({operation}); }

void MicMetrics::azure_round(std::string_view operation, std::string_view resource, base::Duration took) {
  round_duration_.observe({operation, resource}, base::in_seconds(took));
}

}  // namespace podid::mic
