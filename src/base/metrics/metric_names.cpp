// SPDX-License-Identifier: Apache-2.0
#include "base/metrics/metric_names.hpp"

namespace podid::base::metric {

std::span<const MetricDefinition* const> all() {
  static constexpr const MetricDefinition* kAll[] = {
      &kNmiOperationsDuration,
      &kImdsOperationsDuration,
      &kImdsOperationsErrors,
      &kKubernetesApiErrors,
      &kAssignedIdentityAdditionDuration,
      &kAssignedIdentityDeletionDuration,
      &kAssignedIdentityUpdateDuration,
      &kAssignedIdentityAdditions,
      &kAssignedIdentityDeletions,
      &kAssignedIdentityUpdates,
      &kMicCycleDuration,
      &kMicCycles,
      &kMicNewLeaderElections,
      &kCloudProviderOperationsDuration,
      &kCloudProviderOperationsErrors,
      &kMetricsOverflow,
      &kModeInfo,
      &kNmiRefusals,
      &kNmiWindowDenied,
      &kNmiGrantsActive,
      &kNmiCrdFieldMissing,
      &kNmiTokensIssued,
      &kNmiTokenCacheEntries,
      &kNmiTokenRefreshes,
      &kNmiWaitingRequests,
      &kNmiLimitHits,
      &kNmiClientIdMismatches,
      &kNmiConnections,
      &kNmiPods,
      &kNmiRedirectActive,
      &kNmiFenceActive,
      &kNmiRedirectProven,
      &kNmiRedirectRepairs,
      &kNmiRedirectErrors,
      &kNmiHardening,
      &kNmiAuditWait,
      &kNmiAuditFailures,
      &kNmiAuditUnsigned,
      &kNmiProxiedRequests,
      &kEventsDropped,
      &kBadObjects,
      &kMicLeader,
      &kMicQueueDepth,
      &kMicAzureLatency,
      &kMicBadIdentities,
      &kMicThrottled,
      &kMicGrants,
      &kMicPolicyMissing,
      &kMicCrdFieldMissing,
      &kMicConfigReloads,
  };
  return kAll;
}

}  // namespace podid::base::metric
