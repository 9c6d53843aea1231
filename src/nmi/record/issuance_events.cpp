// SPDX-License-Identifier: Apache-2.0
#include "nmi/record/issuance_events.hpp"

#include <fmt/format.h>

#include "core/model/redact.hpp"
#include "core/refusal_text.hpp"
#include "kube/resource_type.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kIssueToken = "IssueToken";
constexpr std::string_view kOther = "other";
// Names, which are at most some 700 bytes, and this fit a note.
constexpr std::size_t kMaxTextBytes = 256;

std::string identity_text(const core::AzureIdentity* identity) {
  if (identity == nullptr) return "an identity of the node (the pod is excepted)";
  std::string text = "AzureIdentity " + identity->meta.key().text();
  if (!identity->client_id.empty()) text += fmt::format(" (client ID {})", core::redact(identity->client_id.text()));
  return text;
}

}  // namespace

kube::EventKey event_of(const Issuance& issuance, std::string_view text) {
  const core::Pod& pod = *issuance.entry->pod;
  const kube::ObjectRef pod_ref = kube::kPods.reference({pod.ns, pod.name}, pod.uid);
  kube::EventKey key;
  key.action = kIssueToken;
  if (issuance.binding == nullptr || issuance.binding->meta.uid.empty()) {
    key.regarding = pod_ref;
  } else {
    const core::ObjectMeta& binding = issuance.binding->meta;
    key.regarding = kube::kAzureIdentityBindings.reference({binding.ns, binding.name}, binding.uid);
    key.related = pod_ref;
  }
  if (issuance.refused == core::RefusalReason::none) {
    key.reason = kTokenIssued;
    key.message =
        fmt::format("token for {} issued to pod {}/{} as {}", text, pod.ns, pod.name, identity_text(issuance.identity));
    return key;
  }
  key.type = kube::EventType::warning;
  key.reason = kTokenDenied;
  key.message = fmt::format("token refused: {}{}{}; to see why, run: {}", core::to_string(issuance.refused),
                            text.empty() ? "" : ": ", text, core::explain_command(pod.ns, pod.name));
  return key;
}

std::vector<kube::EventKey> events_of_mismatch(const Issuance& issuance) {
  std::vector<kube::EventKey> events;
  const auto add = [&](const kube::ResourceType& type, const core::ObjectMeta& meta) {
    kube::EventKey key;
    key.regarding = type.reference({meta.ns, meta.name}, meta.uid);
    key.type = kube::EventType::warning;
    key.reason = kClientIdMismatchReason;
    key.action = kIssueToken;
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
    const core::Pod& pod = *issuance.entry->pod;
    if (issuance.refused != core::RefusalReason::none) {
      const std::string_view why = bounded(refusals_, pod, issuance.why, kMaxRefusalsPerPod, {});
      recorder_.record(event_of(issuance, why), kube::Delivery::best_effort, issuance.count);
    } else {
      const std::string_view resource = bounded(resources_, pod, issuance.resource, kMaxResourcesPerPod, kOther);
      recorder_.record(event_of(issuance, resource), kube::Delivery::counted, issuance.count);
    }
  }
}

std::string_view IssuanceEvents::bounded(TextsOfPods& known, const core::Pod& pod, std::string_view text,
                                         std::size_t limit, std::string_view other) {
  if (known.size() >= kMaxPods && !known.contains(pod.uid)) known.clear();
  std::set<std::string>& texts = known[pod.uid];
  std::string cut(kube::text_prefix(text, kMaxTextBytes));
  if (const auto found = texts.find(cut); found != texts.end()) return *found;
  if (texts.size() >= limit) return other;
  return *texts.insert(std::move(cut)).first;
}

}  // namespace podid::nmi
