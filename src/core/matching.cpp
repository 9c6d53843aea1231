// SPDX-License-Identifier: Apache-2.0
#include "core/matching.hpp"

#include <algorithm>
#include <array>

#include "core/ascii.hpp"

namespace podid::core {
namespace {

bool excepts(const AzurePodIdentityException& exception, const Pod& pod) {
  if (exception.meta.ns != pod.ns) return false;
  return std::ranges::any_of(exception.pod_labels, [&pod](const auto& wanted) {
    const auto label = pod.labels.find(wanted.first);
    return label != pod.labels.end() && equal_ignoring_case(label->second, wanted.second);
  });
}

bool has_controller_mark(const Pod& pod) {
  constexpr std::array<std::string_view, 3> kLabels = {"app", "component", "app.kubernetes.io/component"};
  constexpr std::array<std::string_view, 2> kServiceAccounts = {"aad-pod-id-mic-service-account",
                                                                "aad-pod-identity-mic"};
  return std::ranges::any_of(kLabels, [&pod](auto key) { return value_or_empty(pod.labels, key) == "mic"; }) ||
         std::ranges::find(kServiceAccounts, pod.service_account) != kServiceAccounts.end();
}

}  // namespace

bool selects(const AzureIdentityBinding& binding, const Pod& pod) {
  return !binding.selector.empty() && binding.selector == pod.binding_label();
}

bool namespaces_allow(const AzureIdentity& identity, std::string_view binding_namespace, std::string_view pod_namespace,
                      NamespacedMode mode) {
  if (mode == NamespacedMode::off && !identity.namespaced()) return true;
  return identity.meta.ns == pod_namespace && binding_namespace == pod_namespace;
}

bool gives_the_same(const AzureIdentity& copy, const AzureIdentity& identity) {
  return copy.type == identity.type && copy.client_id.same_as(identity.client_id) &&
         copy.resource_id.same_as(identity.resource_id) && equal_ignoring_case(copy.tenant_id, identity.tenant_id) &&
         std::ranges::equal(copy.auxiliary_tenant_ids, identity.auxiliary_tenant_ids, equal_ignoring_case) &&
         copy.ad_endpoint == identity.ad_endpoint && copy.client_password == identity.client_password &&
         copy.namespaced() == identity.namespaced();
}

bool is_excepted(const Pod& pod, std::span<const AzurePodIdentityException> exceptions) {
  return std::ranges::any_of(exceptions, [&pod](const auto& exception) { return excepts(exception, pod); });
}

bool is_excepted(const Pod& pod, std::span<const AzurePodIdentityException* const> exceptions) {
  return std::ranges::any_of(exceptions, [&pod](const auto* exception) { return excepts(*exception, pod); });
}

bool is_controller_pod(const Pod& pod, std::string_view mic_namespace) {
  return equal_ignoring_case(pod.ns, mic_namespace) && pod.replica_set.starts_with("mic-") && has_controller_mark(pod);
}

}  // namespace podid::core
