// SPDX-License-Identifier: Apache-2.0
#include "core/matching.hpp"

#include <algorithm>
#include <array>

#include "core/model/ascii.hpp"

namespace podid::core {
namespace {

bool is_controller_pair(std::string_view key, std::string_view value) {
  constexpr std::array<std::string_view, 3> kKeys = {"app", "component", "app.kubernetes.io/component"};
  return std::ranges::find(kKeys, key) != kKeys.end() && equal_ignoring_case(value, "mic");
}

bool has(const Pod& pod, const std::pair<const std::string, std::string>& wanted) {
  const auto label = pod.labels.find(wanted.first);
  return label != pod.labels.end() && equal_ignoring_case(label->second, wanted.second);
}

bool excepts(const AzurePodIdentityException& exception, const Pod& pod) {
  return exception.meta.ns == pod.ns &&
         std::ranges::any_of(exception.pod_labels, [&pod](const auto& wanted) { return has(pod, wanted); });
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

bool is_excepted_for_itself(const Pod& pod, std::span<const AzurePodIdentityException* const> exceptions) {
  return std::ranges::any_of(exceptions, [&pod](const auto* exception) {
    return exception->meta.ns == pod.ns && std::ranges::any_of(exception->pod_labels, [&pod](const auto& wanted) {
             return has(pod, wanted) && !is_controller_pair(wanted.first, wanted.second);
           });
  });
}

bool names_controller(const AzurePodIdentityException& exception) {
  return std::ranges::any_of(exception.pod_labels,
                             [](const auto& pair) { return is_controller_pair(pair.first, pair.second); });
}

std::span<const std::string> stock_controller_accounts() {
  static const std::array<std::string, 2> accounts = {"aad-pod-id-mic-service-account", "aad-pod-identity-mic"};
  return accounts;
}

bool is_controller_pod(const Pod& pod, std::string_view mic_namespace, std::span<const std::string> service_accounts) {
  return equal_ignoring_case(pod.ns, mic_namespace) && pod.replica_set.starts_with("mic-") &&
         std::ranges::find(service_accounts, pod.service_account) != service_accounts.end();
}

}  // namespace podid::core
