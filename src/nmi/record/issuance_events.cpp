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

std::vector<kube::EventKey> events_of_mismatch(const Issuance& issuance) {
  std::vector<kube::EventKey> events;
  const auto add = [&](const kube::ResourceType& type, const core::ObjectMeta& meta) {
    kube::EventKey key;
    key.regarding = type.reference({meta.ns, meta.name}, meta.uid);
    key.type = kube::EventType::warning;
    key.reason = kClientIdMismatchReason;
    key.action = "IssueToken";
    key.message = issuance.mismatch;
    events.push_back(std::move(key));
  };
  if (issuance.identity != nullptr) add(kube::kAzureIdentities, issuance.identity->meta);
  if (issuance.binding != nullptr) add(kube::kAzureIdentityBindings, issuance.binding->meta);
  return events;
}

void IssuanceEvents::record(const std::vector<Issuance>& issuances) {
  for (const Issuance& issuance : issuances) {
    if (!issuance.mismatch.empty()) {
      for (kube::EventKey& event : events_of_mismatch(issuance)) {
        recorder_.record(std::move(event), kube::Delivery::best_effort, issuance.count);
      }
      continue;
    }
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
