// SPDX-License-Identifier: Apache-2.0
#include "nmi/record/issuance_events.hpp"

#include <fmt/format.h>

#include "core/refusal_text.hpp"
#include "kube/resource_type.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kOtherResources = "other resources";

}  // namespace

kube::EventKey event_of(const Issuance& issuance, std::string_view resource) {
  const core::Pod& pod = *issuance.entry->pod;
  const kube::ObjectRef pod_ref = kube::kPods.reference({pod.ns, pod.name}, pod.uid);
  kube::EventKey key;
  if (issuance.refused != core::RefusalReason::none) {
    key.regarding = pod_ref;
    key.type = kube::EventType::warning;
    key.reason = kTokenDenied;
    key.action = "DenyToken";
    key.message = fmt::format("token refused: {}; to see why, run: {}", core::to_string(issuance.refused),
                              core::explain_command(pod.ns, pod.name));
    return key;
  }
  key.reason = kTokenIssued;
  key.action = "IssueToken";
  if (issuance.binding == nullptr || issuance.binding->meta.uid.empty()) {
    key.regarding = pod_ref;
  } else {
    const core::ObjectMeta& binding = issuance.binding->meta;
    key.regarding = kube::kAzureIdentityBindings.reference({binding.ns, binding.name}, binding.uid);
    key.related = pod_ref;
  }
  const std::string identity = issuance.identity == nullptr
                                   ? std::string("an identity of the node (the pod is excepted)")
                                   : "AzureIdentity " + issuance.identity->meta.key().text();
  key.message = fmt::format("token for {} issued to pod {}/{} as {}", resource, pod.ns, pod.name, identity);
  return key;
}

void IssuanceEvents::record(const std::vector<Issuance>& issuances) {
  for (const Issuance& issuance : issuances) {
    const bool issued = issuance.refused == core::RefusalReason::none;
    const std::string_view resource = issued ? bounded_resource(*issuance.entry->pod, issuance.resource) : "";
    recorder_.record(event_of(issuance, resource), issued ? kube::Delivery::counted : kube::Delivery::best_effort,
                     issuance.count);
  }
}

std::string_view IssuanceEvents::bounded_resource(const core::Pod& pod, const std::string& resource) {
  if (resources_.size() >= kMaxPods && !resources_.contains(pod.uid)) resources_.clear();
  std::set<std::string>& known = resources_[pod.uid];
  if (const auto found = known.find(resource); found != known.end()) return *found;
  if (known.size() >= kMaxResourcesPerPod) return kOtherResources;
  return *known.insert(resource).first;
}

}  // namespace podid::nmi
