// SPDX-License-Identifier: Apache-2.0
// Every metric of every program: name, labels, buckets, help text. The one place where they are named;
// docs/metrics.md lists them and a test holds the two together. The first block is aad-pod-identity's, to the
// byte (nmi.md §13).
#pragma once
#include <cstddef>
#include <span>
#include <string_view>

namespace podid::base {

enum class MetricType { counter, gauge, histogram };

struct MetricLabel {
  std::string_view name;
  // Values come from peers (a query parameter, an object's name): they become `other` when the family is
  // full.
  bool open = false;
};

struct MetricDefinition {
  std::string_view name;
  MetricType type;
  std::string_view help;
  std::span<const MetricLabel> labels = {};
  std::span<const double> buckets = {};
  std::size_t most_series = 1000;
};

namespace metric {

// ---- label sets ----
inline constexpr MetricLabel kByOperation[] = {{"operation_type"}};
inline constexpr MetricLabel kNmiOperationLabels[] = {
    {"operation_type"}, {"status_code"}, {"namespace", true}, {"resource", true}};
inline constexpr MetricLabel kByMeasure[] = {{"measure"}};
inline constexpr MetricLabel kByResult[] = {{"result"}};
inline constexpr MetricLabel kByReason[] = {{"reason"}};
inline constexpr MetricLabel kByWhat[] = {{"what"}};
inline constexpr MetricLabel kByPhase[] = {{"phase"}};
inline constexpr MetricLabel kByState[] = {{"state"}};
inline constexpr MetricLabel kByLimit[] = {{"limit"}};
inline constexpr MetricLabel kByResource[] = {{"resource"}};
inline constexpr MetricLabel kByMetric[] = {{"metric"}};
inline constexpr MetricLabel kBySource[] = {{"source"}};
inline constexpr MetricLabel kByAzureResource[] = {{"operation_type"}, {"compute_resource", true}};
inline constexpr MetricLabel kByMode[] = {{"mode"}, {"namespaced"}};

// ---- bucket lists ----
inline constexpr double kAuditWaitBuckets[] = {0.01, 0.05, 0.1, 0.5, 1, 2};
inline constexpr double kB1[] = {0.5, 1, 2, 3, 4, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100};
inline constexpr double kB2[] = {0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 2, 3, 4, 5, 10};
inline constexpr double kB3[] = {0.5, 1, 5, 10, 30, 60, 120, 300, 600, 900, 1200};

// ---- aad-pod-identity's ----
inline constexpr MetricDefinition kNmiOperationsDuration = {
    "aadpodidentity_nmi_operations_duration_seconds", MetricType::histogram, "Duration in seconds for nmi operations",
    kNmiOperationLabels, kB1};
inline constexpr MetricDefinition kImdsOperationsDuration = {
    "aadpodidentity_imds_operations_duration_seconds", MetricType::histogram,
    "Duration in seconds of imds token operations", kByOperation, kB2};
inline constexpr MetricDefinition kImdsOperationsErrors = {
    "aadpodidentity_imds_operations_errors_count", MetricType::counter,
    "Total number of errors in imds token operations", kByOperation};
inline constexpr MetricDefinition kKubernetesApiErrors = {
    "aadpodidentity_kubernetes_api_operations_errors_count", MetricType::counter,
    "Total number of errors in kubernetes api operations", kByOperation};
inline constexpr MetricDefinition kAssignedIdentityAdditionDuration = {
    "aadpodidentity_assigned_identity_addition_duration_seconds",
    MetricType::histogram,
    "Duration in seconds of assigned identity addition operations",
    {},
    kB2};
inline constexpr MetricDefinition kAssignedIdentityDeletionDuration = {
    "aadpodidentity_assigned_identity_deletion_duration_seconds",
    MetricType::histogram,
    "Duration in seconds of assigned identity deletion operations",
    {},
    kB2};
inline constexpr MetricDefinition kAssignedIdentityUpdateDuration = {
    "aadpodidentity_assigned_identity_update_duration_seconds",
    MetricType::histogram,
    "Duration in seconds of assigned identity update operations",
    {},
    kB2};
inline constexpr MetricDefinition kAssignedIdentityAdditions = {
    "aadpodidentity_assigned_identity_addition_count", MetricType::counter,
    "Total number of assigned identity addition operations"};
inline constexpr MetricDefinition kAssignedIdentityDeletions = {
    "aadpodidentity_assigned_identity_deletion_count", MetricType::counter,
    "Total number of assigned identity deletion operations"};
inline constexpr MetricDefinition kAssignedIdentityUpdates = {"aadpodidentity_assigned_identity_update_count",
                                                              MetricType::counter,
                                                              "Total number of assigned identity update operations"};
inline constexpr MetricDefinition kMicCycleDuration = {"aadpodidentity_mic_cycle_duration_seconds",
                                                       MetricType::histogram,
                                                       "Duration in seconds for single mic sync cycle",
                                                       {},
                                                       kB3};
inline constexpr MetricDefinition kMicCycles = {"aadpodidentity_mic_cycle_count", MetricType::counter,
                                                "Total number of cycles executed in mic"};
inline constexpr MetricDefinition kMicNewLeaderElections = {
    "aadpodidentity_mic_new_leader_election_count", MetricType::counter, "Total number of new leader election in mic"};
inline constexpr MetricDefinition kCloudProviderOperationsDuration = {
    "aadpodidentity_cloud_provider_operations_duration_seconds", MetricType::histogram,
    "Duration in seconds of cloudprovider operations", kByOperation, kB3};
inline constexpr MetricDefinition kCloudProviderOperationsErrors = {
    "aadpodidentity_cloud_provider_operations_errors_count", MetricType::counter,
    "Total number of errors in cloud provider operations", kByOperation};

// ---- ours: both programs ----
inline constexpr MetricDefinition kMetricsOverflow = {
    "aadpodidentity_metrics_overflowed_observations_total", MetricType::counter,
    "Observations counted under the label value other because their family was full", kByMetric};
inline constexpr MetricDefinition kModeInfo = {"aadpodidentity_mode_info", MetricType::gauge,
                                               "Always 1; the labels say how the program runs", kByMode};

// ---- ours: NMI ----
inline constexpr MetricDefinition kNmiRefusals = {
    "aadpodidentity_nmi_refusals_total", MetricType::counter,
    "Requests refused, for tokens or to be passed on, by the check that failed", kByReason};
inline constexpr MetricDefinition kNmiWindowDenied = {
    "aadpodidentity_nmi_window_denied_total", MetricType::counter,
    "Token requests refused because of spec.access of the AzureIdentityBinding, by what it says", kByReason};
inline constexpr MetricDefinition kNmiGrantsActive = {
    "aadpodidentity_nmi_grants_active", MetricType::gauge,
    "AzureIdentityGrants that open a binding of a pod of this node now"};
inline constexpr MetricDefinition kNmiCrdFieldMissing = {
    "aadpodidentity_nmi_crd_field_missing", MetricType::gauge,
    "1 where the definition of AzureIdentityBindings drops spec.access, so that bindings are not limited"};
inline constexpr MetricDefinition kNmiTokensIssued = {"aadpodidentity_nmi_tokens_issued_total", MetricType::counter,
                                                      "Tokens handed out, by where they came from", kBySource};
inline constexpr MetricDefinition kNmiTokenCacheEntries = {"aadpodidentity_nmi_token_cache_entries", MetricType::gauge,
                                                           "Tokens in the cache"};
inline constexpr MetricDefinition kNmiTokenRefreshes = {"aadpodidentity_nmi_token_refreshes_total", MetricType::counter,
                                                        "Refreshes of cached tokens ahead of their expiry", kByResult};
inline constexpr MetricDefinition kNmiWaitingRequests = {"aadpodidentity_nmi_waiting_requests", MetricType::gauge,
                                                         "Requests that wait for an identity to be assigned"};
inline constexpr MetricDefinition kNmiLimitHits = {"aadpodidentity_nmi_limit_hits_total", MetricType::counter,
                                                   "Requests and connections refused because a limit was reached",
                                                   kByLimit};
inline constexpr MetricDefinition kNmiAuditWait = {
    "aadpodidentity_nmi_audit_wait_seconds",
    MetricType::histogram,
    "How long answers waited for room for their record in the audit log, of those that did",
    {},
    kAuditWaitBuckets};
inline constexpr MetricDefinition kNmiAuditFailures = {
    "aadpodidentity_nmi_audit_failures_total", MetricType::counter,
    "Seconds in which the audit log could not be written; answers refused, and given without a record, for that",
    kByWhat};
inline constexpr MetricDefinition kNmiAuditUnsigned = {
    "aadpodidentity_nmi_audit_unsigned_records", MetricType::gauge,
    "Records of the audit log that no checkpoint of its key covers yet"};
inline constexpr MetricDefinition kNmiClientIdMismatches = {
    "aadpodidentity_nmi_client_id_mismatch_total", MetricType::counter,
    "Token requests refused because the AzureIdentity names an identity and the client ID of another"};
inline constexpr MetricDefinition kNmiConnections = {"aadpodidentity_nmi_connections", MetricType::gauge,
                                                     "Open connections of pods"};
inline constexpr MetricDefinition kNmiPods = {"aadpodidentity_nmi_pods", MetricType::gauge, "Pods known on this node"};
inline constexpr MetricDefinition kNmiRedirectActive = {"aadpodidentity_nmi_redirect_active", MetricType::gauge,
                                                        "1 while the redirect rules are in place"};
inline constexpr MetricDefinition kNmiFenceActive = {
    "aadpodidentity_nmi_fence_active", MetricType::gauge,
    "1 while the routing rules hold that keep pods' packets from the real endpoint whatever becomes of the redirect"};
inline constexpr MetricDefinition kNmiRedirectProven = {
    "aadpodidentity_nmi_redirect_proven", MetricType::gauge,
    "1 for what is known of the redirect: proven by the prober's requests, failed, or unproven where no prober runs",
    kByState};
inline constexpr MetricDefinition kNmiRedirectRepairs = {"aadpodidentity_nmi_redirect_repairs_total",
                                                         MetricType::counter,
                                                         "Times the redirect rules were found altered and put back"};
inline constexpr MetricDefinition kNmiRedirectErrors = {"aadpodidentity_nmi_redirect_errors_total", MetricType::counter,
                                                        "Failed attempts to read or write the redirect rules"};
inline constexpr MetricDefinition kNmiHardening = {
    "aadpodidentity_nmi_hardening", MetricType::gauge,
    "1 where the process that answers pods has given up what it does not need, 0 where that was not possible",
    kByMeasure};
inline constexpr MetricDefinition kNmiProxiedRequests = {
    "aadpodidentity_nmi_proxied_requests_total", MetricType::counter,
    "Requests passed on to the instance metadata service", kByResult};
inline constexpr MetricDefinition kEventsDropped = {"aadpodidentity_events_dropped_total", MetricType::counter,
                                                    "Kubernetes events dropped because the queue was full"};
inline constexpr MetricDefinition kBadObjects = {"aadpodidentity_bad_objects_total", MetricType::counter,
                                                 "Objects of the API server that could not be read", kByResource};

// ---- ours: MIC ----
inline constexpr MetricDefinition kMicLeader = {"aadpodidentity_mic_leader", MetricType::gauge,
                                                "1 while this process is the leader"};
inline constexpr MetricDefinition kMicQueueDepth = {"aadpodidentity_mic_queue_depth", MetricType::gauge,
                                                    "Keys that wait to be synchronised"};
inline constexpr MetricDefinition kMicAzureLatency = {
    "aadpodidentity_mic_compute_operation_duration_seconds", MetricType::histogram,
    "Duration in seconds of identity operations per VM or scale set", kByAzureResource, kB3};
inline constexpr MetricDefinition kMicBadIdentities = {
    "aadpodidentity_mic_bad_identities", MetricType::gauge,
    "Identities that Azure refused and that are retried with back-off"};
inline constexpr MetricDefinition kMicThrottled = {
    "aadpodidentity_mic_throttled_resources", MetricType::gauge,
    "Azure resources that are left alone until their Retry-After passes"};
inline constexpr MetricDefinition kMicGrants = {"aadpodidentity_mic_grants", MetricType::gauge,
                                                "AzureIdentityGrants, by what their status says", kByPhase};
inline constexpr MetricDefinition kMicPolicyMissing = {
    "aadpodidentity_mic_policy_missing", MetricType::gauge,
    "1 while a binding needs grants and the admission policies that make them trustworthy are not in place"};
inline constexpr MetricDefinition kMicCrdFieldMissing = {
    "aadpodidentity_mic_crd_field_missing", MetricType::gauge,
    "1 when the installed definition of AzureIdentityBinding has no spec.access, which is then dropped"};
inline constexpr MetricDefinition kMicConfigReloads = {"aadpodidentity_mic_config_reloads_total", MetricType::counter,
                                                       "Reloads of the cloud configuration file", kByResult};

// Every definition above, in its order.
std::span<const MetricDefinition* const> all();

}  // namespace metric
}  // namespace podid::base
