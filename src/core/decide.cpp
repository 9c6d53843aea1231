// SPDX-License-Identifier: Apache-2.0
#include "core/decide.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include "core/decide_checks.hpp"
#include "core/matching.hpp"
#include "core/model/ascii.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/naming.hpp"

namespace podid::core {
namespace {

bool fits(const IdentityRequest& request, const AzureIdentity& identity) {
  const auto equals = [](auto asked, decltype(asked) found) { return !asked.empty() && asked.same_as(found); };
  return !request.specific() || equals(request.client_id, identity.client_id) ||
         equals(request.resource_id, identity.resource_id) || equals(request.object_id, identity.object_id());
}

// The order of identities that all would do, but that the pod's own namespace comes first (NMI-6). Weights of different
// namespaces are not compared: whoever may write bindings in one could outbid all others.
bool comes_before(const AzureIdentityBinding& binding_a, const AzureIdentity& a, const AzureIdentityBinding& binding_b,
                  const AzureIdentity& b) {
  return std::tie(a.meta.ns, binding_b.weight, binding_a.meta.name, a.meta.name) <
         std::tie(b.meta.ns, binding_a.weight, binding_b.meta.name, b.meta.name);
}

Decision refuse(RefusalReason reason, Healing healing) {
  Decision decision;
  decision.reason = reason;
  decision.healing = healing;
  return decision;
}

bool policy_allows(const DecisionInput& input, const AzureIdentity& identity, const AzureIdentityBinding& binding) {
  return input.permissions == nullptr || judge_by_policy(input, identity, binding).allowed();
}

Decision refuse_by_policy(const PolicyVerdict& verdict, const AzureIdentity* identity) {
  // Labels that have not been read yet are being read.
  Decision decision = refuse(RefusalReason::policy_denied,
                             verdict.denial == PolicyVerdict::Denial::labels_unknown ? Healing::waits : Healing::none);
  decision.denied = identity;
  return decision;
}

// `identity` would have done.
struct Denied {
  const AzureIdentity* identity = nullptr;
  const AzureIdentityBinding* binding = nullptr;
};
Decision refuse_by_policy(const DecisionInput& input, const Denied& denied) {
  Decision decision = refuse_by_policy(judge_by_policy(input, *denied.identity, *denied.binding), denied.identity);
  decision.denied_by = denied.binding;
  return decision;
}

// Of a limited binding; null: it is not limited. What nobody has looked at is not open.
const AccessState* access_of(const DecisionInput& input, const AzureIdentityBinding& binding) {
  static constexpr AccessState kUnasked{.reason = AccessReason::invalid, .until = {}, .grant = {}};
  if (const AccessOfBinding* found = find_access(input, binding)) return &found->state;
  return binding.access ? &kUnasked : nullptr;
}

bool is_open(const DecisionInput& input, const AzureIdentityBinding& binding) {
  const AccessState* state = access_of(input, binding);
  return state == nullptr || state->open();
}

// Of several limited bindings that refuse, the one that opens first.
class Closed {
 public:
  explicit Closed(std::string_view pod_namespace) : pod_namespace_(pod_namespace) {}

  void add(const AzureIdentity& identity, const AzureIdentityBinding& binding, const AccessState& state) {
    if (state_ != nullptr && !is_before(identity, binding, state)) return;
    identity_ = &identity;
    binding_ = &binding;
    state_ = &state;
  }
  bool any() const { return state_ != nullptr; }
  Decision refuse() const {
    Decision decision = core::refuse(refusal_of(state_->reason), Healing::none);
    decision.denied = identity_;
    decision.binding = binding_;
    decision.access = *state_;
    return decision;
  }

 private:
  // Than the one that there is. Of two that open at one time, or never, the one that would be used.
  bool is_before(const AzureIdentity& identity, const AzureIdentityBinding& binding, const AccessState& state) const {
    const Instant opens = state.until.value_or(Instant::max());
    const Instant known = state_->until.value_or(Instant::max());
    if (opens != known) return opens < known;
    const bool is_own = identity.meta.ns == pod_namespace_;
    if (is_own != (identity_->meta.ns == pod_namespace_)) return is_own;
    return comes_before(binding, identity, *binding_, *identity_);
  }

  std::string_view pod_namespace_;
  const AzureIdentity* identity_ = nullptr;
  const AzureIdentityBinding* binding_ = nullptr;
  const AccessState* state_ = nullptr;
};

// ---- standard mode ----

std::optional<Doubt> doubt_about(const DecisionInput& input, const AzureAssignedIdentity& assigned) {
  const auto found = std::ranges::find(input.doubts, &assigned, &DoubtedAssignment::assigned);
  return found == input.doubts.end() ? std::nullopt : std::optional(found->doubt);
}

std::string_view text_of(Doubt doubt) {
  switch (doubt) {
    case Doubt::unread:
      return "its AzureIdentity and AzureIdentityBinding have not been read from the API server yet";
    case Doubt::identity:
      return "its identity is not what the AzureIdentity of that name says";
    case Doubt::binding:
      return "its AzureIdentityBinding is gone, or does not give the pod this identity any more";
  }
  return {};
}

// Why an assignment is not as the controller writes it for this pod on this node (NMI-27, SEC-11), or "".
std::string_view misfit(const DecisionInput& input, const AzureAssignedIdentity& assigned) {
  const ObjectMeta& meta = assigned.meta;
  if (const std::string_view why = malformation(assigned); !why.empty()) return why;
  if (!input.node_name.empty() && assigned.node_name != input.node_name) return "it is for another node";
  // Where the identity may not be used at all, that is the reason.
  if (meta.ns != assignment_namespace(assigned.identity, input.namespaced) &&
      namespaces_allow(assigned.identity, input.pod_namespace, input.pod_namespace, input.namespaced)) {
    return input.namespaced == NamespacedMode::on
               ? "with --forceNamespaced the controller writes it into the namespace of its AzureIdentity"
               : "the controller writes it into namespace default, or where its AzureIdentity is namespaced into that "
                 "one's (is --forceNamespaced the same for MIC and NMI?)";
  }
  if (assigned.identity.unnamed()) return "its identity has neither a client ID nor a resource ID";
  // A pod made anew under an old name: the controller has yet to say whether the identity is its own (MIC-27). Those of
  // aad-pod-identity name no pod uid.
  const auto made_for = value_or_empty(meta.annotations, kPodUidAnnotation);
  if (input.pod != nullptr && !made_for.empty() && made_for != input.pod->uid) {
    return "it was made for an earlier pod of this name";
  }
  // Where the copy of the binding is missing (old objects), there is nothing to compare.
  if (input.pod != nullptr && !assigned.binding.meta.name.empty() && !selects(assigned.binding, *input.pod)) {
    return "its binding selects another label value than the pod carries now";
  }
  return {};
}

// Why an assignment is not believed, or "".
std::string_view distrust(const DecisionInput& input, const AzureAssignedIdentity& assigned) {
  const std::string_view why = misfit(input, assigned);
  if (!why.empty()) return why;
  const std::optional<Doubt> doubt = doubt_about(input, assigned);
  return doubt ? text_of(*doubt) : std::string_view{};
}

AssignmentVerdict judge(const DecisionInput& input, const AzureAssignedIdentity& assigned) {
  if (!distrust(input, assigned).empty()) return AssignmentVerdict::untrusted;
  if (!fits(input.request, assigned.identity)) return AssignmentVerdict::not_requested;
  // The binding's namespace is not looked at: an identity is always of its binding's namespace.
  if (!namespaces_allow(assigned.identity, input.pod_namespace, input.pod_namespace, input.namespaced)) {
    return AssignmentVerdict::other_namespace;
  }
  if (!policy_allows(input, assigned.identity, assigned.binding)) return AssignmentVerdict::policy_denied;
  // Before the status: while it is closed the controller leaves the assignment Created.
  if (!is_open(input, assigned.binding)) return AssignmentVerdict::closed;
  if (assigned.status == kAssigned || assigned.status.empty()) return AssignmentVerdict::usable;
  return assigned.status == kCreated ? AssignmentVerdict::created : AssignmentVerdict::leaving;
}

bool is_own(const DecisionInput& input, const AzureAssignedIdentity& assigned) {
  return assigned.identity.meta.ns == input.pod_namespace;
}

// Whether the controller has yet to finish it, or to make it anew after an edit of the AzureIdentity, and it will be what
// is asked for.
bool is_under_way(const DecisionInput& input, const AzureAssignedIdentity& assigned, AssignmentVerdict verdict) {
  if (verdict == AssignmentVerdict::created) return true;
  if (verdict != AssignmentVerdict::untrusted || assigned.status == kUnassigned) return false;
  const std::optional<Doubt> doubt = doubt_about(input, assigned);
  return doubt && *doubt != Doubt::binding && misfit(input, assigned).empty() && fits(input.request, assigned.identity);
}

// After the pod's own namespace, assignments without a status come first, as in aad-pod-identity.
bool comes_before(const DecisionInput& input, const AzureAssignedIdentity& a, const AzureAssignedIdentity& b) {
  if (is_own(input, a) != is_own(input, b)) return is_own(input, a);
  if (a.status.empty() != b.status.empty()) return a.status.empty();
  return comes_before(a.binding, a.identity, b.binding, b.identity);
}

// What decide_standard() finds in the pod's assignments.
struct Found {
  explicit Found(std::string_view pod_namespace) : closed(pod_namespace) {}

  std::array<std::uint32_t, kAssignmentVerdicts> seen{};
  Denied denied;  // the first that the policy denies
  Closed closed;
  bool created_seen = false;
  bool under_way = false;      // one of them is
  bool own_under_way = false;  // one of the pod's namespace
  bool all_assigned = true;

  std::uint32_t& count(AssignmentVerdict verdict) { return seen[static_cast<std::size_t>(verdict)]; }
  bool any(AssignmentVerdict verdict) const { return seen[static_cast<std::size_t>(verdict)] != 0; }
};

// What the pod's assignments, all refused, say about the request.
Decision refuse_assignments(const DecisionInput& input, const Found& found) {
  const auto any = [&found](AssignmentVerdict verdict) { return found.any(verdict); };
  if (any(AssignmentVerdict::created)) return refuse(RefusalReason::awaiting_assignment, Healing::waits);
  // What may come soon is waited for rather than refused until it opens.
  if (found.closed.any() && found.under_way) return refuse(RefusalReason::untrusted_assignment, Healing::waits);
  if (found.closed.any()) return found.closed.refuse();
  if (found.denied.identity != nullptr) return refuse_by_policy(input, found.denied);
  if (any(AssignmentVerdict::other_namespace)) return refuse(RefusalReason::namespace_rule, Healing::quiet);
  if (any(AssignmentVerdict::leaving)) return refuse(RefusalReason::awaiting_creation, Healing::waits);
  if (any(AssignmentVerdict::not_requested)) {
    // While another assignment of the pod is under way, the one that was asked for may follow.
    return refuse(RefusalReason::not_requested, found.all_assigned ? Healing::quiet : Healing::waits);
  }
  if (any(AssignmentVerdict::untrusted)) return refuse(RefusalReason::untrusted_assignment, Healing::waits);
  return refuse(RefusalReason::awaiting_creation, Healing::waits);
}

// What speaks against an assignment that is otherwise as the controller writes it.
std::optional<Doubt> only_doubt(const DecisionInput& input) {
  for (const DoubtedAssignment& doubted : input.doubts) {
    if (misfit(input, *doubted.assigned).empty()) return doubted.doubt;
  }
  return std::nullopt;
}

// Why the controller makes no assignment for the pod, as a refusal. Without a reason when it should make one, or when that
// is not known: mostly it takes the bindings and identities.
Decision missing_rule(const DecisionInput& input) {
  if (input.pod == nullptr) return {};
  if (!input.bindings_known) {
    // A namespace that may use nothing gets no assignment, whatever is bound to its pods.
    if (input.permissions == nullptr) return {};
    const PolicyVerdict verdict = input.permissions->judge_namespace(input.pod_namespace);
    return verdict.allowed() ? Decision{} : refuse_by_policy(verdict, nullptr);
  }
  bool selected = false;
  bool other_namespace = false;
  Denied denied;
  for (const AzureIdentityBinding* binding : input.bindings) {
    if (!selects(*binding, *input.pod)) continue;
    selected = true;
    for (const AzureIdentity* identity : input.identities) {
      if (identity->meta.ns != binding->meta.ns || identity->meta.name != binding->azure_identity) continue;
      if (identity->user_assigned() && !is_valid_identity_resource_id(identity->resource_id)) continue;
      if (!namespaces_allow(*identity, binding->meta.ns, input.pod_namespace, input.namespaced)) {
        other_namespace = true;
      } else if (policy_allows(input, *identity, *binding)) {
        return {};
      } else if (denied.identity == nullptr || fits(input.request, *identity)) {
        denied = {identity, binding};
      }
    }
  }
  if (!selected) return refuse(RefusalReason::no_matching_binding, Healing::none);
  if (denied.identity != nullptr) return refuse_by_policy(input, denied);
  return refuse(other_namespace ? RefusalReason::namespace_rule : RefusalReason::identity_missing, Healing::none);
}

Decision decide_standard(const DecisionInput& input, CheckList* checks) {
  if (checks != nullptr && input.bindings_known && input.pod != nullptr) record_rules(input, *checks);
  if (checks != nullptr && input.assigned.empty()) {
    const bool expected = missing_rule(input).reason == RefusalReason::none;
    (expected ? record_missing_assignment : record_no_assignment)(input, *checks);
  }

  const AzureAssignedIdentity* best = nullptr;
  Found found(input.pod_namespace);
  for (const AzureAssignedIdentity* assigned : input.assigned) {
    const AssignmentVerdict verdict = judge(input, *assigned);
    if (checks != nullptr) record_assignment(input, *assigned, verdict, distrust(input, *assigned), *checks);
    ++found.count(verdict);
    const bool goes_on = verdict != AssignmentVerdict::untrusted && verdict != AssignmentVerdict::policy_denied &&
                         verdict != AssignmentVerdict::closed;
    if (goes_on && assigned->status == kCreated && is_open(input, assigned->binding)) {
      found.all_assigned = false;
      found.created_seen = found.created_seen || verdict != AssignmentVerdict::not_requested;
    }
    if (is_under_way(input, *assigned, verdict)) {
      found.under_way = true;
      if (is_own(input, *assigned)) found.own_under_way = true;
    }
    if (verdict == AssignmentVerdict::policy_denied && found.denied.identity == nullptr) {
      found.denied = {&assigned->identity, &assigned->binding};
    }
    if (verdict == AssignmentVerdict::closed) {
      found.closed.add(assigned->identity, assigned->binding, *access_of(input, assigned->binding));
    }
    if (verdict != AssignmentVerdict::usable) continue;
    if (best == nullptr || comes_before(input, *assigned, *best)) best = assigned;
  }
  // An identity of another namespace must not step in for the pod's own one because its assignment was faster.
  if (best != nullptr && found.own_under_way && !is_own(input, *best)) best = nullptr;
  if (best == nullptr) {
    Decision decision = refuse_assignments(input, found);
    if (decision.reason == RefusalReason::untrusted_assignment) decision.doubt = only_doubt(input);
    if (decision.reason == RefusalReason::awaiting_creation) {
      if (const Decision missing = missing_rule(input); missing.reason != RefusalReason::none) decision = missing;
    }
    decision.created_seen = found.created_seen;
    return decision;
  }
  Decision decision;
  decision.identity = &best->identity;
  decision.binding = best->binding.meta.name.empty() ? nullptr : &best->binding;
  decision.assigned = best;
  if (const AccessState* state = access_of(input, best->binding)) decision.access = *state;
  decision.created_seen = true;
  decision.legacy_assignment = best->status.empty();
  decision.candidates = found.count(AssignmentVerdict::usable);
  return decision;
}

// ---- managed mode ----

bool gives(const DecisionInput& input, const AzureIdentityBinding& binding, const AzureIdentity& identity) {
  return binding.meta.ns == input.pod_namespace && binding.azure_identity == identity.meta.name &&
         selects(binding, *input.pod);
}

// The binding by which the pod may use the identity: of several the policy's first, then those that are open; of these the
// one with the highest weight, then by name.
const AzureIdentityBinding* binding_for(const DecisionInput& input, const AzureIdentity& identity) {
  const AzureIdentityBinding* best = nullptr;
  int best_rank = 0;
  for (const AzureIdentityBinding* binding : input.bindings) {
    if (!gives(input, *binding, identity)) continue;
    const int rank = (policy_allows(input, identity, *binding) ? 2 : 0) + (is_open(input, *binding) ? 1 : 0);
    if (best != nullptr && rank < best_rank) continue;
    if (best != nullptr && rank == best_rank && !comes_before(*binding, identity, *best, identity)) continue;
    best = binding;
    best_rank = rank;
  }
  return best;
}

// By these the pod may use the identity at another time.
void add_closed(const DecisionInput& input, const AzureIdentity& identity, Closed& closed) {
  for (const AzureIdentityBinding* binding : input.bindings) {
    if (!gives(input, *binding, identity)) continue;
    if (const AccessState* state = access_of(input, *binding)) closed.add(identity, *binding, *state);
  }
}

Decision decide_managed(const DecisionInput& input, CheckList* checks) {
  if (checks != nullptr) record_rules(input, *checks);
  Decision decision;
  bool any_identity = false;
  Denied denied;
  Closed closed(input.pod_namespace);
  for (const AzureIdentity* identity : input.identities) {
    if (identity->meta.ns != input.pod_namespace || identity->unnamed()) continue;
    const AzureIdentityBinding* binding = binding_for(input, *identity);
    if (binding == nullptr) continue;
    any_identity = true;
    const bool fitting = fits(input.request, *identity);
    if (checks != nullptr && input.request.specific()) {
      record_request(input, *identity, fitting ? Fit::asked_for : Fit::another, *checks);
    }
    if (!fitting) continue;
    if (!policy_allows(input, *identity, *binding)) {
      if (denied.identity == nullptr) denied = {identity, binding};
      continue;
    }
    if (!is_open(input, *binding)) {
      add_closed(input, *identity, closed);
      continue;
    }
    ++decision.candidates;
    if (decision.identity == nullptr || comes_before(*binding, *identity, *decision.binding, *decision.identity)) {
      decision.identity = identity;
      decision.binding = binding;
    }
  }
  if (decision.granted()) {
    if (const AccessState* state = access_of(input, *decision.binding)) decision.access = *state;
    return decision;
  }
  if (closed.any()) return closed.refuse();
  if (denied.identity != nullptr) return refuse_by_policy(input, denied);
  if (any_identity) return refuse(RefusalReason::not_requested, Healing::none);
  const bool selected = std::ranges::any_of(input.bindings, [&input](const AzureIdentityBinding* binding) {
    return binding->meta.ns == input.pod_namespace && selects(*binding, *input.pod);
  });
  return refuse(selected ? RefusalReason::identity_missing : RefusalReason::no_matching_binding, Healing::none);
}

Decision decide_in_mode(const DecisionInput& input, CheckList* checks) {
  if (input.pod == nullptr) {
    // A host process may ask for a pod by name (nmi.md §6): in standard mode its assignments answer.
    if (checks != nullptr) record_pod_unknown(input, *checks);
    if (input.mode == OperationMode::managed) return refuse(RefusalReason::pod_unknown, Healing::none);
  } else {
    if (checks != nullptr) record_label(input, *checks);
    if (input.pod->binding_label().empty()) return refuse(RefusalReason::no_binding_label, Healing::none);
  }
  return input.mode == OperationMode::managed ? decide_managed(input, checks) : decide_standard(input, checks);
}

}  // namespace

PolicyVerdict judge_by_policy(const DecisionInput& input, const AzureIdentity& identity,
                              const AzureIdentityBinding& binding) {
  const AccessOfBinding* said = find_access(input, binding);
  const Access* access = binding.access ? &*binding.access : nullptr;
  return input.permissions->judge(identity, input.pod_namespace, said == nullptr ? access : &said->by->access());
}

const AccessOfBinding* find_access(const DecisionInput& input, const AzureIdentityBinding& binding) {
  const auto found = std::ranges::find(input.access, &binding, &AccessOfBinding::binding);
  return found == input.access.end() ? nullptr : &*found;
}

Decision decide(const DecisionInput& input, CheckList* checks) {
  const Decision decision = decide_in_mode(input, checks);
  if (checks != nullptr && decision.granted()) record_choice(input, decision, *checks);
  return decision;
}

RefusalReason refusal_of(AccessReason reason) {
  switch (reason) {
    case AccessReason::open:
      return RefusalReason::none;
    case AccessReason::invalid:
      return RefusalReason::access_invalid;
    case AccessReason::not_yet:
      return RefusalReason::not_yet;
    case AccessReason::over:
      return RefusalReason::over;
    case AccessReason::window_closed:
      return RefusalReason::window_closed;
    case AccessReason::calendar_unreadable:
      return RefusalReason::calendar_unreadable;
    case AccessReason::grant_missing:
      return RefusalReason::grant_missing;
    case AccessReason::grant_pending:
      return RefusalReason::grant_pending;
    case AccessReason::grant_policy_missing:
      return RefusalReason::grant_policy_missing;
  }
  return RefusalReason::access_invalid;
}

std::string_view to_string(RefusalReason reason) {
  switch (reason) {
    case RefusalReason::none:
      return "none";
    case RefusalReason::pod_unknown:
      return "pod_unknown";
    case RefusalReason::no_binding_label:
      return "no_binding_label";
    case RefusalReason::no_matching_binding:
      return "no_matching_binding";
    case RefusalReason::identity_missing:
      return "identity_missing";
    case RefusalReason::awaiting_creation:
      return "awaiting_creation";
    case RefusalReason::awaiting_assignment:
      return "awaiting_assignment";
    case RefusalReason::untrusted_assignment:
      return "untrusted_assignment";
    case RefusalReason::policy_denied:
      return "policy_denied";
    case RefusalReason::namespace_rule:
      return "namespace_rule";
    case RefusalReason::not_requested:
      return "not_requested";
    case RefusalReason::access_invalid:
      return to_string(AccessReason::invalid);
    case RefusalReason::not_yet:
      return to_string(AccessReason::not_yet);
    case RefusalReason::over:
      return to_string(AccessReason::over);
    case RefusalReason::window_closed:
      return to_string(AccessReason::window_closed);
    case RefusalReason::calendar_unreadable:
      return to_string(AccessReason::calendar_unreadable);
    case RefusalReason::grant_missing:
      return to_string(AccessReason::grant_missing);
    case RefusalReason::grant_pending:
      return to_string(AccessReason::grant_pending);
    case RefusalReason::grant_policy_missing:
      return to_string(AccessReason::grant_policy_missing);
    case RefusalReason::token_beyond_window:
      return "token_beyond_window";
  }
  return "none";
}

std::string_view to_string(CheckId id) {
  switch (id) {
    case CheckId::pod_node:
      return "pod_node";
    case CheckId::pod_phase:
      return "pod_phase";
    case CheckId::pod_network:
      return "pod_network";
    case CheckId::exception:
      return "exception";
    case CheckId::controller:
      return "controller";
    case CheckId::pod_known:
      return "pod_known";
    case CheckId::binding_label:
      return "binding_label";
    case CheckId::binding_selects:
      return "binding_selects";
    case CheckId::identity_exists:
      return "identity_exists";
    case CheckId::assignment_exists:
      return "assignment_exists";
    case CheckId::assignment_trusted:
      return "assignment_trusted";
    case CheckId::namespace_rule:
      return "namespace_rule";
    case CheckId::identity_policy:
      return "identity_policy";
    case CheckId::identity_requested:
      return "identity_requested";
    case CheckId::access:
      return "access";
    case CheckId::assignment_status:
      return "assignment_status";
    case CheckId::choice:
      return "choice";
  }
  return "choice";
}

std::string_view to_string(CheckOutcome outcome) {
  switch (outcome) {
    case CheckOutcome::passed:
      return "passed";
    case CheckOutcome::failed:
      return "failed";
    case CheckOutcome::skipped:
      return "skipped";
  }
  return "skipped";
}

}  // namespace podid::core
