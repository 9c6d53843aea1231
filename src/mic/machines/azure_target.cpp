// SPDX-License-Identifier: Apache-2.0
#include "mic/machines/azure_target.hpp"

#include <algorithm>
#include <utility>

#include "base/backoff.hpp"

namespace podid::mic {
namespace {

bool blocked(const auto& bad_ones, const std::string& identity, base::SteadyTime now) {
  const auto bad = bad_ones.find(identity);
  return bad != bad_ones.end() && now < bad->second.until;
}

}  // namespace

azure::AzureResource to_azure(const core::ComputeTarget& target) {
  return {.subscription_id = target.subscription,
          .resource_group = target.resource_group,
          .kind = target.kind == core::ComputeKind::scale_set ? azure::ResourceKind::vmss : azure::ResourceKind::vm,
          .name = target.name};
}

AzureTarget::AzureTarget(core::ComputeTarget target, TargetTiming timing)
    : resource_(to_azure(target)), key_(target.key()), timing_(timing) {}

void AzureTarget::wait_attached(const std::string& identity, const std::string& pod) { attach_[identity].insert(pod); }

void AzureTarget::wait_absent(const std::string& identity, const std::string& pod) { detach_[identity].insert(pod); }

void AzureTarget::forget(Waiting& waiting, const std::string& pod) {
  for (auto at = waiting.begin(); at != waiting.end();) {
    at->second.erase(pod);
    at = at->second.empty() ? waiting.erase(at) : std::next(at);
  }
}

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

std::optional<Round> AzureTarget::begin_round(base::SteadyTime now, const Kept& kept, const Assigned& assigned,
                                              bool by_list) {
  retry_early();
  if (in_round_ || now < retry_at_) return std::nullopt;
  // A refused identity that nobody has wanted for a while after its wait is not worth remembering.
  const auto forgotten = [now](const auto& bad) { return now > bad.second.until + bad.second.delay; };
  std::erase_if(bad_, forgotten);
  std::erase_if(stuck_, forgotten);
  Round round;
  std::set<std::string, std::less<>> add;
  // What Azure refused before goes in a round after those that it did not: it cannot delay them.
  std::set<std::string, std::less<>> suspects;
  for (const auto& [identity, pods] : attach_) {
    if (attached(identity, now) || blocked(bad_, identity, now)) continue;
    (bad_.contains(identity) ? suspects : add).insert(identity);
  }
  const bool urgent = !add.empty();
  if (!urgent) add.merge(suspects);
  round.repair = !by_list && now >= repair_at_;
  const std::set<std::string> lost = std::exchange(lost_, {});
  if (round.repair || !lost.empty()) {
    for (const std::string& identity : assigned()) {
      if (!round.repair && !lost.contains(identity)) continue;
      if (!blocked(bad_, identity, now) && !(urgent && bad_.contains(identity))) add.insert(identity);
    }
  }
  std::set<std::string, std::less<>> remove;
  suspects.clear();
  for (const auto& [identity, pods] : detach_) {
    if (absent(identity) || kept(identity) || add.contains(identity) || blocked(stuck_, identity, now)) continue;
    (stuck_.contains(identity) ? suspects : remove).insert(identity);
  }
  if (!urgent && remove.empty()) remove = std::move(suspects);
  if (round.repair && add.empty() && remove.empty()) repair_at_ = now + timing_.max_age;
  if (add.empty() && remove.empty()) return std::nullopt;

  round.change.add.assign(add.begin(), add.end());
  round.change.remove.assign(remove.begin(), remove.end());
  in_round_ = true;
  adding_ = std::move(add);
  removing_ = std::move(remove);
  return round;
}

RoundOutcome AzureTarget::end_round(const Round& round, const azure::UpdateResult& result, base::SteadyTime now,
                                    double spread) {
  in_round_ = false;
  adding_.clear();
  removing_.clear();
  last_change_failed_ = result.error.has_value();
  learn(result, now);

  std::map<std::string, base::Error> failed;
  for (const azure::RefusedIdentity& refused : result.refused) {
    mark_bad(std::ranges::binary_search(round.change.remove, refused.id) ? stuck_ : bad_, refused.id, now);
    failed.insert_or_assign(refused.id, refused.reason);
  }
  bool all_explained = true;
  for (const std::string& identity : round.change.add) {
    if (attached(identity, now)) {
      bad_.erase(identity);
    } else if (result.error && !failed.contains(identity)) {
      all_explained = false;
      // What Azure says of others is no answer for this one.
      if (result.refused.empty()) failed.insert_or_assign(identity, *result.error);
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
  // Now that some are put aside, the others may get through at once.
  plan_retry(result, all_explained || !result.refused.empty(), now);

  RoundOutcome outcome;
  for (const auto& [identity, pods] : attach_) {
    if (attached(identity, now)) outcome.settled_pods.insert(pods.begin(), pods.end());
    const auto failure = failed.find(identity);
    if (failure == failed.end()) continue;
    for (const std::string& pod : pods) outcome.refusals.push_back({pod, identity, failure->second, false});
  }
  for (const auto& [identity, pods] : detach_) {
    if (absent(identity)) outcome.settled_pods.insert(pods.begin(), pods.end());
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

void AzureTarget::observed(const azure::IdentityState& state, const std::set<std::string>& assigned,
                           base::SteadyTime asked_at, base::SteadyTime now, double spread) {
  if (in_round_ || (known_ && known_at_ + timing_.max_age / 2 > asked_at)) return;
  know(state, asked_at, true);
  plan_repair(now, spread);
  lost_.clear();
  for (const std::string& identity : assigned) {
    if (!known_->contains(identity)) lost_.insert(identity);
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

void AzureTarget::mark_bad(BadOnes& bad_ones, const std::string& identity, base::SteadyTime now) const {
  Bad& bad = bad_ones[identity];
  bad.delay = base::next_pause(bad.delay, timing_.first_bad_delay, timing_.last_bad_delay);
  bad.until = now + bad.delay;
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

std::set<std::string> AzureTarget::settled(base::SteadyTime now, const Kept& kept) const {
  std::set<std::string> pods;
  for (const auto& [identity, waiting] : attach_) {
    if (attached(identity, now)) pods.insert(waiting.begin(), waiting.end());
  }
  for (const auto& [identity, waiting] : detach_) {
    if (absent(identity) || kept(identity)) pods.insert(waiting.begin(), waiting.end());
  }
  return pods;
}

std::optional<base::SteadyTime> AzureTarget::next_time(base::SteadyTime now, bool repairs) const {
  if (in_round_) return std::nullopt;
  std::optional<base::SteadyTime> next;
  const auto consider = [&next](base::SteadyTime when) { next = next ? std::min(*next, when) : when; };
  const auto consider_each = [&](const std::string& identity, const BadOnes& bad_ones) {
    const auto bad = bad_ones.find(identity);
    consider(bad == bad_ones.end() ? now : bad->second.until);
  };
  for (const auto& [identity, pods] : attach_) {
    if (!attached(identity, now)) consider_each(identity, bad_);  // else the pods' next plans are under way
  }
  for (const auto& [identity, pods] : detach_) {
    if (!absent(identity)) consider_each(identity, stuck_);
  }
  if (!lost_.empty()) consider(now);
  if (repairs) consider(repair_at_);
  if (!next && fresh(now)) return known_at_ + timing_.max_age + base::Duration(1);  // to be dropped then
  if (next) next = std::max(*next, retry_at_);
  return next;
}

}  // namespace podid::mic
