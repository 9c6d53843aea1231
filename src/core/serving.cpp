// SPDX-License-Identifier: Apache-2.0
#include "core/serving.hpp"

#include <algorithm>

#include "core/decide.hpp"
#include "core/matching.hpp"

namespace podid::core {
namespace {

using Time = std::chrono::system_clock::time_point;

Serving phase_of(const Pod& pod) {
  if (pod.finished()) return Serving::finished;
  return pod.phase == "Pending" || pod.phase == "Running" ? Serving::served : Serving::node_lost;
}

Serving passing_of(const ServingInput& input) {
  if (is_excepted_for_itself(input.pod, input.exceptions)) return Serving::excepted;
  if (is_excepted(input.pod, input.exceptions)) return Serving::excepted_controller;
  const auto accounts = input.mic_service_accounts.empty() ? stock_controller_accounts() : input.mic_service_accounts;
  const bool controller = !input.mic_namespace.empty() && is_controller_pod(input.pod, input.mic_namespace, accounts);
  return controller ? Serving::controller : Serving::served;
}

// A time that cannot be read has passed.
Time end_of(const ServingInput& input) {
  return input.pod.deleting() ? input.deletion.value_or(Time::min()) : Time::max();
}

}  // namespace

ServingTerms::ServingTerms(const ServingInput& input)
    : node_(input.pod.node_name.empty() ? Serving::unscheduled : Serving::served),
      phase_(phase_of(input.pod)),
      network_(input.pod.host_network ? Serving::host_network : Serving::served),
      passing_(passing_of(input)),
      until_(end_of(input)) {}

Serving ServingTerms::phase(Time now) const {
  return std::min(phase_, now < until_ ? Serving::served : Serving::grace_period_over);
}

// The enumerators stand in the order in which they count.
Serving ServingTerms::at(Time now) const { return std::min({node_, phase(now), network_, passing_}); }

bool ServingTerms::owns_its_addresses() const {
  return verdict_of(std::min({node_, phase_, network_})) != ServingVerdict::refused;
}

bool is_let_through_as_controller(Serving serving) {
  return serving == Serving::excepted_controller || serving == Serving::controller;
}

std::optional<std::string> controller_may_not_have(std::string_view controller_identity, const IdentityRequest& asked) {
  if (controller_identity.empty()) return std::nullopt;
  const bool by_client = !asked.client_id.empty();
  if (!by_client && asked.resource_id.empty() && asked.object_id.empty()) return std::nullopt;
  if (by_client && asked.client_id.same_as(ClientIdView(controller_identity))) return std::nullopt;
  return "the pod is let through as the controller, which may have one identity alone (--controller-identity of the "
         "NMI): "
         "ask for that one by its client ID, or for none";
}

bool is_confirmed(const AzureAssignedIdentity& assigned, const AzureIdentity* declared,
                  std::span<const AzureAssignedIdentity* const> confirmed_before) {
  if (declared == nullptr) return false;
  if (gives_the_same(assigned.identity, *declared)) return true;
  return std::ranges::any_of(confirmed_before, [&assigned](const AzureAssignedIdentity* earlier) {
    return earlier->meta.uid == assigned.meta.uid && gives_the_same(assigned.identity, earlier->identity);
  });
}

bool is_backed(const AzureAssignedIdentity& assigned, const AzureIdentityBinding* live, const Pod& pod) {
  return live != nullptr && live->meta.ns == assigned.identity.meta.ns &&
         live->azure_identity == assigned.identity.meta.name && selects(*live, pod);
}

std::optional<Doubt> doubt_of(const AzureAssignedIdentity& assigned, const BackingInput& input) {
  if (!is_confirmed(assigned, input.declared, input.confirmed_before)) return Doubt::identity;
  if (!is_backed(assigned, input.live, input.pod)) return Doubt::binding;
  return std::nullopt;
}

std::string_view to_string(Serving serving) {
  switch (serving) {
    case Serving::unscheduled:
      return "unscheduled";
    case Serving::finished:
      return "finished";
    case Serving::node_lost:
      return "node_lost";
    case Serving::grace_period_over:
      return "grace_period_over";
    case Serving::host_network:
      return "host_network";
    case Serving::excepted:
      return "excepted";
    case Serving::excepted_controller:
      return "excepted_controller";
    case Serving::controller:
      return "controller";
    case Serving::served:
      return "served";
  }
  return "served";
}

}  // namespace podid::core
