// SPDX-License-Identifier: Apache-2.0
#include "core/access/grants.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "core/model/times.hpp"

namespace podid::core {
namespace {

using Verdict = GrantState::Verdict;
using std::chrono::seconds;

// What components of the cluster, nodes and service accounts are called. Who holds such an account's token could approve as
// themselves what they ask for as the account.
bool is_person(std::string_view user) { return !user.starts_with("system:"); }

Instant end_of(Instant from, seconds duration) {
  return from > Instant::max() - duration ? Instant::max() : from + duration;
}

bool is_of(const AzureIdentityGrantApproval& approval, const AzureIdentityGrant& grant) {
  return approval.grant_uid == grant.meta.uid && approval.meta.ns == grant.meta.ns &&
         approval.grant == grant.meta.name && approval.binding == grant.binding &&
         approval.requested_by == grant.requested_by && approval.approved_by != approval.requested_by &&
         !approval.meta.deleting();
}

struct Voice {
  Instant at;
  std::string_view by;
};

// Of each person the earliest approval that counts, by time.
std::vector<Voice> voices(const AzureIdentityGrant& grant, std::span<const AzureIdentityGrantApproval* const> approvals,
                          const GrantPolicies& policies) {
  std::vector<Voice> found;
  for (const AzureIdentityGrantApproval* approval : approvals) {
    if (!is_of(*approval, grant)) continue;
    const auto made = read_time(approval->meta.creation_timestamp);
    if (!made || *made < policies.count_from) continue;
    const auto same = std::ranges::find(found, approval->approved_by, &Voice::by);
    if (same == found.end()) {
      found.push_back({.at = *made, .by = approval->approved_by});
    } else {
      same->at = std::min(same->at, *made);
    }
  }
  std::ranges::sort(found, [](const Voice& a, const Voice& b) { return std::tie(a.at, a.by) < std::tie(b.at, b.by); });
  return found;
}

bool selects(const AzureIdentityGrant& grant, const StringMap& pod_labels) {
  return std::ranges::all_of(grant.pod_labels, [&pod_labels](const auto& wanted) {
    const auto found = pod_labels.find(wanted.first);
    return found != pod_labels.end() && found->second == wanted.second;
  });
}

AccessReason reason_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::lacks_approvals:
      return AccessReason::grant_pending;
    case Verdict::policies_missing:
    case Verdict::before_policies:
      return AccessReason::grant_policy_missing;
    case Verdict::invalid:
    case Verdict::other_pods:
    case Verdict::over:
    case Verdict::deleted:
    case Verdict::revoked:
    case Verdict::before_binding:
    case Verdict::not_a_person:
    case Verdict::too_long:
    case Verdict::counts:
      break;
  }
  return AccessReason::grant_missing;
}

}  // namespace

GrantState judge_grant(const AzureIdentityGrant& grant, std::span<const AzureIdentityGrantApproval* const> approvals,
                       const GrantTerms& terms, const GrantPolicies& policies) {
  GrantState state;
  const auto made = read_time(grant.meta.creation_timestamp);
  if (!grant.invalid.empty() || !made || grant.meta.uid.empty()) return state;
  const auto refuse = [&state](Verdict verdict) {
    state.verdict = verdict;
    return state;
  };
  if (grant.meta.deleting()) return refuse(Verdict::deleted);
  if (grant.revocation) return refuse(Verdict::revoked);
  if (!policies.in_place()) return refuse(Verdict::policies_missing);
  if (*made < policies.count_from) return refuse(Verdict::before_policies);
  if (terms.binding_made && *made < *terms.binding_made) return refuse(Verdict::before_binding);
  if (terms.approvals > 0 && !is_person(grant.requested_by)) return refuse(Verdict::not_a_person);
  if (grant.duration > terms.max_duration) return refuse(Verdict::too_long);
  state.from = std::max(*made, grant.not_before.value_or(*made));
  const auto needed = static_cast<std::size_t>(std::max(terms.approvals, 0));
  for (const Voice& voice : voices(grant, approvals, policies)) {
    if (state.approved_by.size() == needed) break;
    state.approved_by.push_back(voice.by);
    state.from = std::max(state.from, voice.at);
  }
  if (state.approved_by.size() < needed) return refuse(Verdict::lacks_approvals);
  state.to = end_of(state.from, grant.duration);
  return refuse(Verdict::counts);
}

std::string grant_text(const AzureIdentityGrant& grant, const GrantState& state, const GrantTerms& terms,
                       const GrantPolicies& policies) {
  const std::string& name = grant.meta.name;
  switch (state.verdict) {
    case Verdict::invalid:
      return fmt::format("grant {} cannot be understood ({})", name,
                         grant.invalid.empty() ? "no uid or time of creation" : grant.invalid);
    case Verdict::other_pods:
      return fmt::format("grant {} is for other pods (podSelector)", name);
    case Verdict::over:
      return fmt::format("grant {} ended at {}", name, time_text(state.to));
    case Verdict::deleted:
      return fmt::format("grant {} is deleted", name);
    case Verdict::revoked:
      return fmt::format("grant {} is revoked", name);
    case Verdict::policies_missing:
      return policies.problem;
    case Verdict::before_policies:
      return fmt::format("grant {} was made before the admission policies surely acted, from {} on: ask anew", name,
                         time_text(policies.count_from));
    case Verdict::before_binding:
      return fmt::format("grant {} was made before this binding, for an earlier one of its name: ask anew", name);
    case Verdict::not_a_person:
      return fmt::format(
          "grant {} was asked for by an account of the cluster; where approvals are needed a person must ask", name);
    case Verdict::too_long:
      return fmt::format("grant {} asks for {}, and the binding allows {}", name, duration_text(grant.duration),
                         duration_text(terms.max_duration));
    case Verdict::lacks_approvals:
      return fmt::format("grant {} has {} of {} approvals", name, state.approved_by.size(), terms.approvals);
    case Verdict::counts:
      break;
  }
  return fmt::format("grant {} starts at {}", name, time_text(state.from));
}

const GrantSchedule::Piece* GrantSchedule::piece_at(Instant now) const {
  const auto found = std::ranges::upper_bound(pieces_, now, {}, &Piece::to);
  return found == pieces_.end() ? nullptr : &*found;
}

AccessState GrantSchedule::at(Instant now) const {
  const Piece* piece = piece_at(now);
  if (piece == nullptr) return {.reason = otherwise_};
  if (piece->from > now) return {.reason = AccessReason::grant_pending, .until = piece->from, .grant = {}};
  return {.reason = AccessReason::open, .until = piece->closes, .grant = piece->grant};
}

std::string GrantSchedule::text(Instant now) const {
  const Piece* piece = piece_at(now);
  if (piece != nullptr) return fmt::format("grant {} starts at {}", piece->grant, time_text(piece->from));
  if (otherwise_ == AccessReason::grant_missing && !pieces_.empty()) {
    return fmt::format("grant {} ended at {}", pieces_.back().grant, time_text(pieces_.back().to));
  }
  return why_.empty() ? "there is no grant for this pod" : why_;
}

AccessState with_grants(const AccessState& terms, const AccessState& grants) {
  AccessState both = terms;
  if (terms.open() && grants.open()) {
    both.grant = grants.grant;
    if (!both.until || (grants.until && *grants.until < *both.until)) both.until = grants.until;
    return both;
  }
  if (terms.open()) {
    both.reason = grants.reason;
    both.until = grants.until;
    return both;
  }
  if (!grants.open()) both.until = terms.until && grants.until ? std::max(terms.until, grants.until) : std::nullopt;
  return both;
}

bool GrantBook::put(AzureIdentityGrant grant) {
  const ObjectKey key = grant.meta.key();
  const auto known = grants_.find(key);
  if (known != grants_.end() && known->second == grant) return false;
  erase_grant(key);
  const auto& added = grants_.emplace(key, std::move(grant)).first->second;
  by_binding_[{.ns = key.ns, .name = added.binding}].emplace(key.name, &added);
  return true;
}

bool GrantBook::erase_grant(const ObjectKey& key) {
  const auto known = grants_.find(key);
  if (known == grants_.end()) return false;
  const auto of_binding = by_binding_.find({.ns = key.ns, .name = known->second.binding});
  of_binding->second.erase(key.name);
  if (of_binding->second.empty()) by_binding_.erase(of_binding);
  grants_.erase(known);
  return true;
}

bool GrantBook::put(AzureIdentityGrantApproval approval) {
  const ObjectKey key = approval.meta.key();
  const auto known = approvals_.find(key);
  if (known != approvals_.end() && known->second == approval) return false;
  erase_approval(key);
  const auto& added = approvals_.emplace(key, std::move(approval)).first->second;
  by_grant_.emplace(added.grant_uid, &added);
  return true;
}

bool GrantBook::erase_approval(const ObjectKey& key) {
  const auto known = approvals_.find(key);
  if (known == approvals_.end()) return false;
  const auto [first, last] = by_grant_.equal_range(known->second.grant_uid);
  by_grant_.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == &known->second; }));
  approvals_.erase(known);
  return true;
}

bool GrantBook::set_policies(GrantPolicies policies) {
  if (policies_ == policies) return false;
  policies_ = std::move(policies);
  return true;
}

std::vector<const AzureIdentityGrantApproval*> GrantBook::approvals_of(const AzureIdentityGrant& grant) const {
  std::vector<const AzureIdentityGrantApproval*> found;
  const auto [first, last] = by_grant_.equal_range(grant.meta.uid);
  std::transform(first, last, std::back_inserter(found), [](const auto& entry) { return entry.second; });
  return found;
}

// One grant opens until it ends; then, of those that have begun, the one that ends last.
std::vector<GrantSchedule::Piece> GrantSchedule::in_turn(std::vector<Piece> grants) {
  std::ranges::sort(grants, [](const Piece& a, const Piece& b) {
    return std::tie(a.from, a.to, a.grant) < std::tie(b.from, b.to, b.grant);
  });
  std::vector<Piece> pieces;
  for (auto at = grants.begin(); at != grants.end();) {
    const Instant begin = pieces.empty() ? at->from : std::max(pieces.back().to, at->from);
    const auto begun = std::find_if(at, grants.end(), [begin](const Piece& grant) { return grant.from > begin; });
    const auto last = std::max_element(at, begun, [](const Piece& a, const Piece& b) { return a.to < b.to; });
    at = begun;
    if (last->to > begin) pieces.push_back({.from = begin, .to = last->to, .closes = last->to, .grant = last->grant});
  }
  if (pieces.size() > kMostPieces) {
    pieces = std::vector(std::make_move_iterator(pieces.end() - kMostPieces), std::make_move_iterator(pieces.end()));
  }
  for (std::size_t i = pieces.size(); i-- > 1;) {
    if (pieces[i].from == pieces[i - 1].to) pieces[i - 1].closes = pieces[i].closes;
  }
  return pieces;
}

GrantSchedule GrantBook::schedule(const ObjectKey& binding, const GrantTerms& terms, const StringMap& pod_labels,
                                  Instant now) const {
  static const std::map<std::string, const AzureIdentityGrant*> kNone;
  const auto known = by_binding_.find(binding);
  std::vector<GrantSchedule::Piece> counting;
  // The grant that is the most helpful to hear of.
  const AzureIdentityGrant* told = nullptr;
  GrantState told_state;
  for (const auto& [name, grant] : known == by_binding_.end() ? kNone : known->second) {
    GrantState state = judge_grant(*grant, approvals_of(*grant), terms, policies_);
    if (state.verdict != Verdict::invalid && !selects(*grant, pod_labels)) state.verdict = Verdict::other_pods;
    if (state.verdict == Verdict::counts && state.to > now) {
      counting.push_back({.from = state.from, .to = state.to, .closes = state.to, .grant = name});
      continue;
    }
    if (state.verdict == Verdict::counts) state.verdict = Verdict::over;
    if (told == nullptr || std::tie(state.verdict, grant->meta.creation_timestamp) >
                               std::tie(told_state.verdict, told->meta.creation_timestamp)) {
      told = grant;
      told_state = std::move(state);
    }
  }
  GrantSchedule made;
  made.pieces_ = GrantSchedule::in_turn(std::move(counting));
  if (!policies_.in_place()) {
    made.otherwise_ = AccessReason::grant_policy_missing;
    made.why_ = policies_.problem;
  } else if (told != nullptr) {
    made.otherwise_ = reason_of(told_state.verdict);
    made.why_ = grant_text(*told, told_state, terms, policies_);
  }
  return made;
}

}  // namespace podid::core
