// SPDX-License-Identifier: Apache-2.0
// Issuances and refusals as events on what an operator looks at: the AzureIdentityBinding, else the pod (access.md §6).
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "kube/event_recorder.hpp"
#include "nmi/record/issuance_log.hpp"

namespace podid::nmi {

inline constexpr std::string_view kTokenIssued = "TokenIssued";
inline constexpr std::string_view kTokenDenied = "TokenDenied";
inline constexpr std::string_view kClientIdMismatchReason = "ClientIDMismatch";  // as the controller's

// Control thread. The recorder outlives it.
class IssuanceEvents {
 public:
  // A pod's tokens for more different resources than this are recorded as for "other": the resource is the client's text.
  static constexpr std::size_t kMaxResourcesPerPod = 64;
  // What a pod is refused in more different ways than this is recorded without its sentence, which has the client's text.
  static constexpr std::size_t kMaxRefusalsPerPod = 16;
  // Pods whose resources are remembered; the memory is dropped when there are more (a node has far fewer).
  static constexpr std::size_t kMaxPods = 1024;

  explicit IssuanceEvents(kube::EventRecorder& recorder) : recorder_(recorder) {}

  // Issuances are counted events, refusals and mismatches best-effort ones (event_recorder.hpp).
  void record(const std::vector<Issuance>& issuances);

 private:
  using TextsOfPods = std::map<std::string, std::set<std::string>>;  // by uid of the pod
  // `text`, cut, or `other` when the pod has had `limit` different ones.
  static std::string_view bounded(TextsOfPods& known, const core::Pod& pod, std::string_view text, std::size_t limit,
                                  std::string_view other);

  kube::EventRecorder& recorder_;
  TextsOfPods resources_;
  TextsOfPods refusals_;
};

// The events of a record with a mismatch: on the AzureIdentity and, where it is known, the binding. The same whatever pod
// asked. Pure.
std::vector<kube::EventKey> events_of_mismatch(const Issuance& issuance);

// The event of any other record. `text`: the resource, or why it was refused. Pure. Its note has no time of any kind: a note
// cannot change.
kube::EventKey event_of(const Issuance& issuance, std::string_view text);

}  // namespace podid::nmi
