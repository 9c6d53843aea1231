// SPDX-License-Identifier: Apache-2.0
#include "mic/machines/refusals.hpp"

#include <algorithm>
#include <tuple>

#include "base/backoff.hpp"
#include "mic/machines/limits.hpp"

namespace podid::mic {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

std::size_t half(std::size_t n) { return std::max<std::size_t>(n / 2, 1); }
std::size_t twice(std::size_t n) { return n > kNoLimit / 2 ? kNoLimit : n * 2; }

}  // namespace

bool Refusals::is_suspect(std::string_view identity, const Namespaces& namespaces) const {
  return bad_.contains(identity) ||
         std::ranges::all_of(namespaces, [this](const std::string& ns) { return doubts_.contains(ns); });
}

base::SteadyTime Refusals::ready_at(std::string_view identity, const Namespaces& namespaces) const {
  base::SteadyTime ready = base::SteadyTime::min();
  if (const auto bad = bad_.find(identity); bad != bad_.end()) ready = bad->second.until;
  base::SteadyTime first_of_namespaces = base::SteadyTime::max();
  for (const std::string& ns : namespaces) {
    const auto doubt = doubts_.find(ns);
    const base::SteadyTime until = doubt == doubts_.end() ? base::SteadyTime::min() : doubt->second.until;
    first_of_namespaces = std::min(first_of_namespaces, until);
  }
  return std::max(ready, first_of_namespaces);
}

// What was not refused before first. Of that, those namespaces first of which little is wanted: whoever wants much delays
// the others less than they him. Those with refusals last, and each by itself.
Refusals::Share Refusals::share_of(const Wanted& suspects) const {
  struct OfNamespace {
    std::vector<std::string> untried;
    std::vector<std::string> refused;
  };
  std::map<std::string, OfNamespace, std::less<>> by_namespace;
  for (const auto& [identity, namespaces] : suspects) {
    for (const std::string& ns : namespaces) {
      OfNamespace& of_namespace = by_namespace[ns];
      (bad_.contains(identity) ? of_namespace.refused : of_namespace.untried).push_back(identity);
    }
  }
  const auto doubt_of = [this](std::string_view ns) {
    const auto doubt = doubts_.find(ns);
    return doubt == doubts_.end() ? Doubt() : doubt->second;
  };
  std::vector<std::tuple<bool, bool, std::size_t, std::string_view>> order;
  for (const auto& [ns, identities] : by_namespace) {
    const bool is_again = identities.untried.empty();
    order.emplace_back(is_again, is_again || doubt_of(ns).strikes > 0,
                       (is_again ? identities.refused : identities.untried).size(), ns);
  }
  std::ranges::sort(order);

  Share share;
  std::set<std::string, std::less<>> chosen;
  for (const auto& [is_again, is_struck, count, ns] : order) {
    if (is_struck ? !share.namespaces.empty() : share.namespaces.size() >= together_) break;
    const OfNamespace& identities = by_namespace.find(ns)->second;
    const std::vector<std::string>& first = is_again ? identities.refused : identities.untried;
    const std::size_t taken = std::min(count, doubt_of(ns).at_once);
    chosen.insert(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(taken));
    share.namespaces.emplace(ns);
    share.is_all = share.is_all && taken == identities.untried.size() + identities.refused.size();
    share.is_again = is_again;
    if (is_struck || taken < count) break;
  }
  share.identities.assign(chosen.begin(), chosen.end());
  return share;
}

void Refusals::refused(const std::vector<std::string>& identities, const Wanted& asked, base::SteadyTime now) {
  Namespaces struck;
  Namespaces struck_anew;  // by an identity that was not refused before
  for (const std::string& identity : identities) {
    Bad& bad = bad_[identity];
    const bool is_new = bad.delay == base::Duration(0);
    bad.delay = base::next_pause(bad.delay, timing_.first_delay, timing_.last_delay);
    bad.until = now + bad.delay;
    const auto by = asked.find(identity);
    if (by == asked.end()) continue;
    for (const std::string& ns : by->second) {
      struck.insert(ns);
      if (!is_new) continue;
      struck_anew.insert(ns);
      ++doubts_[ns].strikes;
    }
  }
  for (const std::string& ns : struck) {
    Doubt& doubt = doubts_[ns];
    doubt.last = now;
    if (doubt.strikes <= kRefusalsWithoutPause) continue;
    if (struck_anew.contains(ns) || doubt.pause == base::Duration(0)) {
      doubt.pause = base::next_pause(doubt.pause, timing_.first_delay, timing_.last_pause);
    }
    doubt.until = now + doubt.pause;
  }
}

void Refusals::undecided(const std::vector<std::string>& identities, const Wanted& asked, const Share& share,
                         base::SteadyTime now) {
  Namespaces involved = share.namespaces;
  std::size_t count = 0;
  for (const std::string& identity : identities) {
    const auto by = asked.find(identity);
    if (by == asked.end()) continue;
    ++count;
    if (share.namespaces.empty()) involved.insert(by->second.begin(), by->second.end());
  }
  if (count == 0) return;
  for (const std::string& ns : involved) doubts_[ns].last = now;
  if (involved.size() == 1) {
    doubts_.find(*involved.begin())->second.at_once = half(count);
  } else {
    together_ = half(involved.size());
  }
}

void Refusals::all_went_well(const Share& share) {
  if (share.namespaces.empty()) return;
  together_ = twice(together_);
  for (const std::string& ns : share.namespaces) {
    const auto doubt = doubts_.find(ns);
    if (doubt == doubts_.end()) continue;
    doubt->second.at_once = twice(doubt->second.at_once);
    if (doubt->second.strikes > 0) --doubt->second.strikes;
    if (doubt->second.strikes <= kRefusalsWithoutPause) doubt->second.pause = base::Duration(0);
    if (doubt->second.strikes == 0 && share.is_all) doubts_.erase(doubt);
  }
  if (doubts_.empty()) together_ = kNoLimit;
}

void Refusals::forget(base::SteadyTime now) {
  std::erase_if(bad_, [now](const auto& bad) { return now > bad.second.until + bad.second.delay; });
  std::erase_if(doubts_, [this, now](const auto& doubt) {
    return now > std::max(doubt.second.until, doubt.second.last) + timing_.last_delay;
  });
  if (doubts_.empty()) together_ = kNoLimit;
}

}  // namespace podid::mic
