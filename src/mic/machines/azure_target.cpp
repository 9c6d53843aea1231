// SPDX-License-Identifier: Apache-2.0
#include "mic/machines/azure_target.hpp"

#include <algorithm>
#include <iterator>
#include <ranges>
#include <utility>

#include "base/backoff.hpp"
#include "mic/machines/limits.hpp"

namespace podid::mic {
namespace {

// Takes the pod out of what is waited for.
void forget(auto& waiting, const std::string& pod) {
  for (auto at = waiting.begin(); at != waiting.end();) {
    at->second.erase(pod);
    at = at->second.empty() ? waiting.erase(at) : std::next(at);
  }
}

std::vector<std::string> keys_of(const Wanted& wanted) {
  std::vector<std::string> identities;
  for (const auto& [identity, namespaces] : wanted) identities.push_back(identity);
  return identities;
}

auto into(std::set<std::string>& pods) { return std::inserter(pods, pods.end()); }

// Whether whoever is to blame, should Azure refuse them together, is known to be in one namespace.
bool of_one_namespace(const Wanted& wanted) {
  Namespaces all;
  for (const auto& [identity, namespaces] : wanted) all.insert(namespaces.begin(), namespaces.end());
  return all.size() <= 1;
}

}  // namespace

azure::AzureResource to_azure(const core::ComputeTarget& target) {
  return {.subscription_id = target.subscription,
          .resource_group = target.resource_group,
          .kind = target.kind == core::ComputeKind::scale_set ? azure::ResourceKind::vmss : azure::ResourceKind::vm,
          .name = target.name};
}

AzureTarget::AzureTarget(core::ComputeTarget target, TargetTiming timing)
    : resource_(to_azure(target)),
      key_(target.key()),
      timing_(timing),
      refusals_({.first_delay = timing.first_bad_delay,
                 .last_delay = timing.last_bad_delay,
                 .last_pause = kNamespaceLastPause}) {}

void AzureTarget::wait_attached(const std::string& identity, const std::string& pod, const std::string& ns) {
  attach_[identity][pod].insert(ns);
}

void AzureTarget::wait_absent(const std::string& identity, const std::string& pod) { detach_[identity].insert(pod); }

void AzureTarget::forget_pod(const std::string& pod) {
  forget(attach_, pod);
  forget(detach_, pod);
}

bool AzureTarget::attached(std::string_view identity, base::SteadyTime now) const {
  return fresh(now) && known_->contains(identity) && !removing_.contains(identity);
}

std::string_view AzureTarget::client_id(std::string_view identity) const {
  if (!known_) return {};
  const auto found = known_->find(identity);
  return found == known_->end() ? std::string_view() : std::string_view(found->second);
}

bool AzureTarget::absent(std::string_view identity) const {
  return known_ && !known_from_list_ && !known_->contains(identity) && !adding_.contains(identity);
}

Namespaces AzureTarget::wanting(const Attaching::mapped_type& pods) {
  Namespaces all;
  for (const auto& [pod, namespaces] : pods) all.insert(namespaces.begin(), namespaces.end());
  return all;
}

std::optional<Round> AzureTarget::begin_round(base::SteadyTime now, const MustStay& must_stay, const Assigned& assigned,
                                              RepairBy repair_by) {
  retry_early();
  if (in_round_ || now < retry_at_) return std::nullopt;
  // A refused identity that nobody has wanted for a while after its wait is not worth remembering.
  refusals_.forget(now);
  std::erase_if(stuck_, [now](const auto& stuck) { return now > stuck.second.until + stuck.second.delay; });
  const bool repair = repair_by == RepairBy::round && now >= repair_at_;
  Candidates found = candidates(now, must_stay, assigned, repair);
  const bool all_suspect = !found.any_clean();
  Round round = round_of(std::move(found));
  round.repair = repair && (all_suspect || round.share.namespaces.empty());
  if (round.change.empty()) {
    if (repair) repair_at_ = now + timing_.max_age;
    return std::nullopt;
  }
  in_round_ = true;
  adding_.insert(round.change.add.begin(), round.change.add.end());
  removing_.insert(round.change.remove.begin(), round.change.remove.end());
  return round;
}

AzureTarget::Candidates AzureTarget::candidates(base::SteadyTime now, const MustStay& must_stay,
                                                const Assigned& assigned, bool repair) {
  Candidates found;
  for (const auto& [identity, pods] : attach_) {
    Namespaces namespaces = wanting(pods);
    if (attached(identity, now) || refusals_.ready_at(identity, namespaces) > now) continue;
    (refusals_.is_suspect(identity, namespaces) ? found.suspect : found.clean).emplace(identity, std::move(namespaces));
  }
  if (repair || !lost_.empty()) {
    std::set<std::string> still_lost;
    for (const auto& [identity, namespaces] : assigned()) {
      const bool is_lost = lost_.contains(identity);
      if ((!repair && !is_lost) || refusals_.ready_at(identity, namespaces) > now) continue;
      // What is attached as far as is known costs nothing but a look.
      const bool is_known = known_ && known_->contains(identity);
      const bool is_clean = is_known || !refusals_.is_suspect(identity, namespaces);
      (is_clean ? found.clean : found.suspect)[identity].insert(namespaces.begin(), namespaces.end());
      if (is_lost || !is_known) still_lost.insert(identity);  // until its turn comes
    }
    lost_ = std::move(still_lost);
  }
  for (const auto& [identity, pods] : detach_) {
    if (absent(identity) || must_stay(identity)) continue;
    if (found.clean.contains(identity) || found.suspect.contains(identity)) continue;
    const auto stuck = stuck_.find(identity);
    if (stuck == stuck_.end()) {
      found.remove.insert(identity);
    } else if (stuck->second.until <= now) {
      found.remove_again.insert(identity);
    }
  }
  return found;
}

// What Azure refused before, and what comes from where it refused others, goes in requests of its own: it cannot delay
// others by more than one of them.
Round AzureTarget::round_of(Candidates candidates) {
  Round round;
  const bool is_turn_of_suspects = candidates.any_suspect() && requests_before_suspects_ >= kRequestsBeforeSuspects;
  if (candidates.any_clean() && !is_turn_of_suspects) {
    if (candidates.any_suspect()) ++requests_before_suspects_;
    round.added = std::move(candidates.clean);
    round.change.remove.assign(candidates.remove.begin(), candidates.remove.end());
    if (!round.added.empty()) {
      round.change.on_refusal = of_one_namespace(round.added) ? azure::OnRefusal::drop_named : azure::OnRefusal::stop;
    }
  } else {
    requests_before_suspects_ = 0;
    round.share = refusals_.share_of(candidates.suspect);
    for (const std::string& identity : round.share.identities) {
      round.added.emplace(identity, std::move(candidates.suspect.find(identity)->second));
    }
    if (round.added.empty() || round.share.is_again) {
      round.change.remove.assign(candidates.remove_again.begin(), candidates.remove_again.end());
    }
    if (!round.added.empty()) round.change.on_refusal = azure::OnRefusal::stop;
  }
  round.change.add = keys_of(round.added);
  for (const std::string& identity : round.change.add) lost_.erase(identity);
  return round;
}

RoundOutcome AzureTarget::end_round(const Round& round, const azure::UpdateResult& result, const Wanted& assigned,
                                    base::SteadyTime now, double spread) {
  in_round_ = false;
  adding_.clear();
  removing_.clear();
  last_change_failed_ = result.error.has_value();
  client_ids_unread_ = result.client_ids_unread;
  learn(result, now);
  // A look as good as any: that of the repair moves with it.
  if (result.after) note_lost(assigned, result.error ? Wanted() : round.added);

  std::map<std::string, base::Error> failed;
  for (const azure::RefusedIdentity& refused : result.refused) failed.insert_or_assign(refused.id, refused.reason);
  take_refusals(round, result, now);
  bool all_explained = true;
  const bool is_about_some = !result.refused.empty() || !result.undecided.empty();
  for (const std::string& identity : round.change.add) {
    if (attached(identity, now)) {
      refusals_.attached(identity);
    } else if (result.error && !failed.contains(identity)) {
      all_explained = false;
      // What Azure says of others is no answer for this one.
      if (!is_about_some) failed.insert_or_assign(identity, *result.error);
    }
  }
  for (const std::string& identity : round.change.remove) {
    if (absent(identity)) {
      stuck_.erase(identity);
    } else if (!failed.contains(identity)) {
      all_explained = false;
    }
  }
  // A round that failed as a whole is no repair: that stays due, for when the retry is.
  if (!result.error || all_explained) plan_repair(now, spread);
  if (result.client_ids_unread) repair_at_ = std::min(repair_at_, now + timing_.first_retry);  // it asks for them
  // Now that some are put aside, the others may get through at once.
  plan_retry(result, all_explained || is_about_some, now);

  RoundOutcome outcome;
  for (const auto& [identity, pods] : attach_) {
    if (attached(identity, now)) std::ranges::copy(std::views::keys(pods), into(outcome.ready_pods));
    const auto failure = failed.find(identity);
    if (failure == failed.end()) continue;
    for (const auto& [pod, namespaces] : pods) outcome.refusals.push_back({pod, identity, failure->second, false});
  }
  for (const auto& [identity, pods] : detach_) {
    if (absent(identity)) outcome.ready_pods.insert(pods.begin(), pods.end());
    const auto failure = failed.find(identity);
    if (failure == failed.end()) continue;
    for (const std::string& pod : pods) outcome.refusals.push_back({pod, identity, failure->second, true});
  }
  return outcome;
}

void AzureTarget::know(const azure::IdentityState& state, base::SteadyTime as_of, bool from_list) {
  known_.emplace();
  for (const auto& [identity, details] : state.user_assigned) known_->emplace(identity, details.client_id);
  known_at_ = as_of;
  known_from_list_ = from_list;
}

// It comes somewhere in the last fifth of the interval, never later than the interval.
void AzureTarget::plan_repair(base::SteadyTime now, double spread) {
  repair_at_ = now + std::chrono::duration_cast<base::Duration>(timing_.max_age * (1.0 - 0.2 * spread));
}

void AzureTarget::observed(const azure::IdentityState& state, const Wanted& assigned, base::SteadyTime asked_at,
                           base::SteadyTime now, double spread) {
  if (in_round_) return;
  if (known_ && known_at_ + timing_.max_age / 2 > asked_at) {
    // Another list would be ignored just so until then.
    repair_at_ = std::max(repair_at_, known_at_ + timing_.max_age / 2);
    return;
  }
  know(state, asked_at, true);
  client_ids_unread_ = false;
  plan_repair(now, spread);
  note_lost(assigned, {});
}

void AzureTarget::note_lost(const Wanted& assigned, const Wanted& just_added) {
  lost_.clear();
  for (const auto& [identity, namespaces] : assigned) {
    if (!known_->contains(identity) && !just_added.contains(identity)) lost_.insert(identity);
  }
}

void AzureTarget::learn(const azure::UpdateResult& result, base::SteadyTime now) {
  if (result.after) {
    know(*result.after, now, false);
  } else if (result.error && result.error->kind == base::ErrorKind::not_found) {
    // The VM or scale set is gone, and with it all that was attached.
    know({}, now, false);
  } else {
    known_.reset();
  }
}

void AzureTarget::take_refusals(const Round& round, const azure::UpdateResult& result, base::SteadyTime now) {
  std::vector<std::string> refused;
  for (const azure::RefusedIdentity& identity : result.refused) {
    if (round.added.contains(identity.id)) {
      refused.push_back(identity.id);
    } else {
      mark_stuck(identity.id, now);
    }
  }
  refusals_.refused(refused, round.added, now);
  refusals_.undecided(result.undecided, round.added, round.share, now);
  for (const std::string& identity : result.undecided) {
    // Without a pause: next time apart from what is added.
    if (!round.added.contains(identity)) stuck_.try_emplace(identity, Stuck{now, timing_.first_bad_delay});
  }
  if (!result.error) refusals_.all_went_well(round.share);
}

void AzureTarget::mark_stuck(const std::string& identity, base::SteadyTime now) {
  Stuck& stuck = stuck_[identity];
  stuck.delay = base::next_pause(stuck.delay, timing_.first_bad_delay, timing_.last_bad_delay);
  stuck.until = now + stuck.delay;
}

void AzureTarget::plan_retry(const azure::UpdateResult& result, bool only_refusals, base::SteadyTime now) {
  if (!result.error || only_refusals) {
    retry_at_ = base::SteadyTime::min();
    retry_delay_ = base::Duration(0);
    failed_for_.clear();
    return;
  }
  retry_delay_ = base::next_pause(retry_delay_, timing_.first_retry, timing_.last_retry);
  base::Duration delay = retry_delay_;
  if (result.error->retry_after) delay = std::max<base::Duration>(delay, *result.error->retry_after);
  retry_at_ = now + delay;
  failed_for_.clear();
  if (result.error->retry_after) return;
  for (const auto& [identity, pods] : attach_) failed_for_.insert(identity);
  for (const auto& [identity, pods] : detach_) failed_for_.insert(identity);
  early_retry_at_ = now + timing_.first_retry;
}

void AzureTarget::retry_early() {
  const auto gone = [this](const std::string& identity) {
    return !attach_.contains(identity) && !detach_.contains(identity);
  };
  if (!std::ranges::any_of(failed_for_, gone)) return;
  retry_at_ = std::min(retry_at_, early_retry_at_);
  failed_for_.clear();
}

std::set<std::string> AzureTarget::ready_pods(base::SteadyTime now, const MustStay& must_stay) const {
  std::set<std::string> pods;
  for (const auto& [identity, waiting] : attach_) {
    if (attached(identity, now)) std::ranges::copy(std::views::keys(waiting), into(pods));
  }
  for (const auto& [identity, waiting] : detach_) {
    if (absent(identity) || must_stay(identity)) pods.insert(waiting.begin(), waiting.end());
  }
  return pods;
}

std::optional<base::SteadyTime> AzureTarget::next_time(base::SteadyTime now, Repairs repairs) const {
  if (in_round_) return std::nullopt;
  std::optional<base::SteadyTime> next;
  const auto consider = [&next](base::SteadyTime when) { next = next ? std::min(*next, when) : when; };
  for (const auto& [identity, pods] : attach_) {
    // Else the pods' next plans are under way.
    if (!attached(identity, now)) consider(std::max(now, refusals_.ready_at(identity, wanting(pods))));
  }
  for (const auto& [identity, pods] : detach_) {
    if (absent(identity)) continue;
    const auto stuck = stuck_.find(identity);
    consider(stuck == stuck_.end() ? now : stuck->second.until);
  }
  if (!lost_.empty()) consider(now);
  if (repairs == Repairs::wanted) consider(repair_at_);
  if (!next && fresh(now)) return known_at_ + timing_.max_age + base::Duration(1);  // to be dropped then
  if (next) next = std::max(*next, retry_at_);
  return next;
}

}  // namespace podid::mic
