// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/authorizer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "nmi/pods/address_doubt.hpp"
#include "nmi/token/token_owner.hpp"
#include "nmi/token/token_source.hpp"

namespace podid::nmi {
namespace {

Verdict refused(Answer answer, std::string_view reason) {
  Verdict verdict;
  verdict.answer = std::move(answer);
  verdict.reason = reason;
  return verdict;
}

Verdict wait(base::SteadyTime until) {
  Verdict verdict;
  verdict.kind = Verdict::Kind::wait;
  verdict.until = until;
  return verdict;
}

// An opening so near is waited for by the client (Retry-After).
constexpr std::chrono::seconds kSoon{60};

Answer doubtful(const AnswerStyle& style) {
  return unavailable(style, "a pod may have been started, and the API server has not said whose address this is now",
                     kDoubtWait);
}

// When it is worth coming back to what is closed: SDKs that heed the header sleep that long whatever the status, and those
// that do not give up at a 403. 0: not soon.
std::chrono::seconds opens_in(const core::AccessState& state, base::WallTime now) {
  if (state.open() || !state.until || *state.until - now > kSoon) return std::chrono::seconds(0);
  return std::max(std::chrono::ceil<std::chrono::seconds>(*state.until - now), std::chrono::seconds(1));
}

bool is_served(const PodEntry& entry, base::WallTime now) {
  return core::verdict_of(entry.serving.at(now)) != core::ServingVerdict::refused;
}

}  // namespace

Authorizer::Authorizer(AuthorizerOptions options, const SnapshotSource& source, base::Clock& clock,
                       base::MetricsRegistry& metrics)
    : options_(std::move(options)),
      snapshots_(source),
      clock_(clock),
      api_errors_(metrics.counter(base::metric::kKubernetesApiErrors)) {}

std::optional<Verdict> Authorizer::identify(TokenCall& call, base::SteadyTime now, base::WallTime wall_now) {
  const Snapshot& snapshot = *call.snapshot;
  PodEntryPtr entry, over;
  if (call.host) {
    entry = snapshot.named(call.pod_ns, call.pod_name);
  } else {
    const PodAtAddress& at = snapshot.at(AddressKey::of(call.peer));
    if (at.whose == Whose::ambiguous) {
      return refused(error_answer(options_.style, 500,
                                  fmt::format("failed to match pod IP {} with {}", call.peer.to_string(),
                                              fmt::join(at.claimants, ", "))),
                     "address_ambiguous");
    }
    if (at.entry && is_served(*at.entry, wall_now)) entry = at.entry;
    if (at.entry && !entry) over = at.entry;
  }
  if (!entry && !call.entry) {
    const base::SteadyTime until = call.start + (snapshot.complete() ? base::Duration(kPodWait) : options_.max_wait);
    if (now < until) return wait(until);
    if (!snapshot.complete()) return pods_not_known();
    if (call.host) return host_pod_unknown(call);
    if (over && !options_.style.legacy) return grace_period_over(*over);
    api_errors_.increment({"get_pod_list"});
    return refused(error_answer(options_.style, 500, "pod list is empty"), "pod_unknown");
  }
  // The caller of a request that has waited must still be who it was in the beginning.
  if (!entry || (call.entry && call.entry->pod->uid != entry->pod->uid)) {
    return refused(error_answer(options_.style, 503, "the pod that asked is gone"), "pod_gone");
  }
  if (call.entry != entry) {
    call.entry = std::move(entry);
    call.changed_at = now;
  }
  return std::nullopt;
}

// Or a new one that has its address, before the API server says so: worth coming back for.
Verdict Authorizer::grace_period_over(const PodEntry& entry) const {
  return refused(
      unavailable(options_.style,
                  fmt::format("the last pod known at this address, {}, was to be gone at {}: its grace period is "
                              "over, and it is not served any more",
                              entry.pod->key().text(), entry.pod->deletion_timestamp),
                  kNotFoundRetryAfter),
      "grace_period_over");
}

Verdict Authorizer::pods_not_known() const {
  return refused(unavailable(options_.style, "the pods of this node are not known yet: the API server has not answered",
                             kNotFoundRetryAfter),
                 "caches_not_filled");
}

Verdict Authorizer::objects_not_known(const core::Pod& pod) const {
  return refused(unavailable(options_.style,
                             fmt::format("the AzureIdentities and AzureIdentityBindings of namespace {} are not known "
                                         "yet: the API server has not answered",
                                         pod.ns),
                             kNotFoundRetryAfter),
                 "caches_not_filled");
}

Verdict Authorizer::host_pod_unknown(const TokenCall& call) const {
  std::string message = fmt::format("Identity not found: pod {}/{} is not on this node", call.pod_ns, call.pod_name);
  // aad-pod-identity has words for it in managed mode only: in standard mode it did not look for the pod (NMI-12).
  if (options_.style.legacy && options_.mode == core::OperationMode::managed) {
    core::DecisionInput input;
    input.mode = options_.mode;
    input.pod_namespace = call.pod_ns;
    input.pod_name = call.pod_name;
    message = core::legacy_refusal_text(input, core::decide(input, nullptr), options_.retry);
  }
  return refused(identity_not_found(options_.style, message, core::Healing::waits, Asker::host), "pod_unknown");
}

Verdict Authorizer::judge(TokenCall& call) {
  const base::SteadyTime now = clock_.steady_now();
  // Before the snapshot is taken: one from before a doubt must not be used after it.
  if (const std::optional<base::SteadyTime> until = in_doubt_until(call)) {
    if (now < *until) return wait(*until);
    return refused(doubtful(options_.style), "address_in_doubt");
  }
  call.snapshot = snapshots_.get();
  call.decision = {};  // it points into the entry of an earlier look
  const base::WallTime wall_now = clock_.wall_now();
  if (auto verdict = identify(call, now, wall_now)) return std::move(*verdict);

  Verdict verdict;
  const core::Serving serving = call.entry->serving.at(wall_now);
  if (!call.host && core::verdict_of(serving) == core::ServingVerdict::passed_through) {
    return pass_through(serving, call.query);
  }

  if (call.entry->unread) {
    if (const base::SteadyTime until = call.start + options_.max_wait; now < until) return wait(until);
    return objects_not_known(*call.entry->pod);
  }
  call.entry->access_at(wall_now, access_);
  const core::DecisionInput input = input_of(call, wall_now);
  call.decision = core::decide(input, nullptr);
  if (call.decision.granted()) {
    verdict.kind = Verdict::Kind::granted;
    verdict.credential = call.entry->credential_of(call.decision.identity);
    return verdict;
  }
  if (call.decision.reason == core::RefusalReason::awaiting_assignment) {
    if (auto verdict_now = refuse_contradiction(input)) return std::move(*verdict_now);
  }
  Bound bound;
  if (options_.looks && call.decision.reason == core::RefusalReason::awaiting_creation) {
    bound = judge_bound(call, input, now);
  }
  const base::SteadyTime until = wait_limit(call);
  if (now >= until) return refuse(input, call);
  verdict = wait(std::min(until, bound.judge_again));
  verdict.look = bound.look;
  return verdict;
}

// The controller makes no assignment that the policy denies: nobody need wait for it. Anything else may still change while
// the request waits, as it always did; then it is told what is missing. So it waits, too, where another namespace alone
// has something that is denied: it must not have the pod refused while its own is on its way.
Authorizer::Bound Authorizer::judge_bound(TokenCall& call, const core::DecisionInput& input,
                                          base::SteadyTime now) const {
  const Look* look = call.snapshot->look({input.pod->ns, std::string(input.pod->binding_label())});
  const base::Duration age = look == nullptr ? base::Duration::max() : now - look->at;
  if (age >= kLookAge + kLookGrace) return {.look = true};
  core::DecisionInput known = input;
  known.bindings_known = true;
  known.bindings = look->bindings;
  known.identities = look->identities;
  core::Decision decision = core::decide(known, nullptr);
  const bool is_denied = decision.reason == core::RefusalReason::policy_denied &&
                         decision.healing == core::Healing::none && decision.denied != nullptr &&
                         decision.denied->meta.ns == input.pod->ns;
  const Bound bound{.look = age >= kLookAge,
                    .judge_again = age < kLookAge ? look->at + kLookAge : base::SteadyTime::max()};
  if (is_denied) {
    if (age < kLookAge) call.decision = decision;
  } else if (!options_.style.legacy) {
    decision.healing = core::Healing::waits;
    call.decision = decision;
  }
  return bound;
}

core::DecisionInput Authorizer::input_of(const TokenCall& call, base::WallTime now) const {
  core::DecisionInput input;
  input.mode = options_.mode;
  input.namespaced = core::NamespacedMode{options_.namespaced};
  input.pod_namespace = call.entry->pod->ns;
  input.pod_name = call.entry->pod->name;
  input.pod = call.entry->pod.get();
  input.node_name = options_.node_name;
  input.request = {call.query.client_id, call.query.resource_id, call.query.object_id};
  input.now = now;
  input.permissions = call.snapshot->permissions();
  input.assigned = call.entry->assigned;
  input.doubts = call.entry->doubts;
  input.access = access_;
  if (call.entry->objects) {
    input.bindings_known = true;
    input.bindings = call.entry->objects->bindings;
    input.identities = call.entry->objects->identities;
  }
  return input;
}

Verdict Authorizer::pass_through(core::Serving serving, const TokenQuery& asked) const {
  Verdict verdict;
  verdict.kind = Verdict::Kind::granted;
  if (core::is_let_through_as_controller(serving) && !options_.controller_identity.empty()) {
    const core::IdentityRequest request{asked.client_id, asked.resource_id, asked.object_id};
    if (const auto why = core::controller_may_not_have(options_.controller_identity, request)) {
      return refused(error_answer(options_.style, 403, *why), kNotControllersIdentity);
    }
    verdict.credential = std::make_shared<const Credential>(controllers_credential(options_.controller_identity));
    return verdict;
  }
  const auto whom = serving == core::Serving::controller ? Credential::For::controller : Credential::For::excepted;
  verdict.credential =
      std::make_shared<const Credential>(node_credential(whom, asked.client_id, asked.resource_id, asked.object_id));
  return verdict;
}

// What is Created stays so until somebody edits the AzureIdentity.
std::optional<Verdict> Authorizer::refuse_contradiction(const core::DecisionInput& input) const {
  std::vector<const core::AzureAssignedIdentity*> contradicted, others;
  for (const core::AzureAssignedIdentity* assigned : input.assigned) {
    const bool stuck = assigned->status == core::kCreated && !check_published(*assigned);
    (stuck ? contradicted : others).push_back(assigned);
  }
  const auto awaits = [&input](const std::vector<const core::AzureAssignedIdentity*>& some) {
    core::DecisionInput part = input;
    part.assigned = some;
    return core::decide(part, nullptr).reason == core::RefusalReason::awaiting_assignment;
  };
  // Of several assignments, those that fit the request.
  std::erase_if(contradicted, [&](const auto* assigned) { return !awaits({assigned}); });
  if (contradicted.empty() || awaits(others)) return std::nullopt;
  const core::AzureAssignedIdentity& assigned = *contradicted.front();
  const std::string why = withheld_text(&assigned.identity, check_published(assigned).error());
  Verdict verdict = refused(error_answer(options_.style, 403, why), kClientIdMismatch);
  verdict.contradicted = &assigned;
  verdict.mismatch = why;
  return verdict;
}

base::SteadyTime Authorizer::wait_limit(const TokenCall& call) const {
  if (!call.snapshot->complete()) return call.start + options_.max_wait;
  const core::Decision& decision = call.decision;
  const bool legacy = options_.style.legacy;
  if (core::is_about_access(decision.reason)) return call.start;
  if (decision.reason == core::RefusalReason::policy_denied) {
    return decision.healing == core::Healing::waits ? call.start + options_.max_wait : call.start;
  }
  // Managed mode never waits; the old NMI waited for any assignment, and looked at namespaces once it had one.
  if (options_.mode == core::OperationMode::managed) return call.start;
  if (legacy && decision.reason == core::RefusalReason::namespace_rule) return call.start;
  if (!legacy && decision.healing == core::Healing::none) return call.start;
  base::SteadyTime limit = call.start + options_.max_wait;
  if (options_.retry_limits || legacy) {
    const int intervals = decision.created_seen
                              ? options_.retry.attempts_for_created + options_.retry.attempts_for_assigned
                              : options_.retry.attempts_for_created;
    limit = call.start + std::chrono::seconds(static_cast<std::int64_t>(intervals) * options_.retry.interval_seconds);
  }
  if (!legacy && decision.healing == core::Healing::quiet) {
    return std::min(limit, call.changed_at + core::kQuietPeriod);
  }
  return limit;
}

Verdict Authorizer::refuse(const core::DecisionInput& input, const TokenCall& call) const {
  const std::string message = options_.style.legacy ? core::legacy_refusal_text(input, call.decision, options_.retry)
                                                    : core::refusal_description(input, call.decision);
  const bool is_denied =
      core::is_about_access(call.decision.reason) ||
      (call.decision.reason == core::RefusalReason::policy_denied && call.decision.healing == core::Healing::none);
  if (is_denied) {
    Verdict verdict = refused(error_answer(options_.style, 403, message), core::to_string(call.decision.reason));
    if (call.decision.access) verdict.answer.retry_after = opens_in(*call.decision.access, input.now);
    verdict.record = true;
    verdict.missing = core::refusal_summary(input, call.decision);
    return verdict;
  }
  const Asker asker = call.host ? Asker::host : Asker::pod;
  Verdict verdict = refused(identity_not_found(options_.style, message, call.decision.healing, asker),
                            core::to_string(call.decision.reason));
  verdict.record = true;
  verdict.missing = core::refusal_summary(input, call.decision);
  return verdict;
}

Verdict Authorizer::refuse_beyond_window(TokenCall& call) {
  core::Decision& decision = call.decision;
  decision.denied = std::exchange(decision.identity, nullptr);
  decision.reason = core::RefusalReason::token_beyond_window;
  decision.healing = core::Healing::none;
  return refuse(input_of(call, clock_.wall_now()), call);
}

Verdict Authorizer::judge_forward(const boost::asio::ip::address& peer, base::SteadyTime start) {
  Verdict verdict;
  const SnapshotPtr& snapshot = snapshots_.get();
  if (snapshot->at(AddressKey::of(peer)).whose != Whose::nobody) {
    verdict.kind = Verdict::Kind::granted;
    return verdict;
  }
  // The kubelet may not have told yet that it is a new pod's address.
  const base::Duration patience = snapshot->awaits_address() ? base::Duration(kStatusWait) : base::Duration(kPodWait);
  const base::SteadyTime until = start + (snapshot->complete() ? patience : options_.max_wait);
  if (clock_.steady_now() < until) return wait(until);
  if (!snapshot->complete()) return pods_not_known();
  return refused(error_answer(options_.style, 403,
                              fmt::format("{} is not the address of a pod of this node: only their requests are passed "
                                          "on to the metadata endpoint",
                                          peer.to_string())),
                 "not_a_pod");
}

std::optional<base::SteadyTime> Authorizer::in_doubt_until(const TokenCall& call) {
  if (call.host) return std::nullopt;
  if (const base::SteadyTime since = snapshots_.doubt(); since != base::SteadyTime{}) return since + kDoubtWait;
  // The API server knows the pods, but it learns from the kubelet, and later, that the address of a terminating pod is free
  // and which pod has it now. So that one waits while there is a pod without an address that may have taken it.
  if (!snapshots_.unreported()) return std::nullopt;
  const SnapshotPtr& snapshot = snapshots_.get();
  const PodEntryPtr& entry = snapshot->at(AddressKey::of(call.peer)).entry;
  if (!snapshot->awaits_address() || !entry || !entry->pod->deleting()) return std::nullopt;
  return call.start + kStatusWait;
}

bool Authorizer::is_limited_now(const TokenCall& call) {
  const SnapshotPtr& snapshot = snapshots_.get();
  const PodEntryPtr& entry =
      call.host ? snapshot->named(call.pod_ns, call.pod_name) : snapshot->at(AddressKey::of(call.peer)).entry;
  return entry && entry != call.entry && !entry->limited.empty();
}

std::optional<Answer> Authorizer::changed_hands(const TokenCall& call) {
  if (call.host) return std::nullopt;
  if (in_doubt_until(call)) return doubtful(options_.style);
  const PodAtAddress& at = snapshots_.get()->at(AddressKey::of(call.peer));
  if (at.entry && at.entry->pod->uid == call.entry->pod->uid && is_served(*at.entry, clock_.wall_now())) {
    return std::nullopt;
  }
  return error_answer(options_.style, 503, "the pod that asked is gone");
}

}  // namespace podid::nmi
