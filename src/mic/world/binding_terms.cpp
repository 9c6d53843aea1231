// SPDX-License-Identifier: Apache-2.0
#include "mic/world/binding_terms.hpp"

#include <algorithm>
#include <utility>

#include "core/access/access_text.hpp"

namespace podid::mic {
namespace {

using core::Instant;

core::Calendar unknown_calendar(std::string problem) {
  core::Calendar calendar;
  calendar.problem = std::move(problem);
  return calendar;
}

}  // namespace

std::set<core::ObjectKey> config_maps_of(const core::ObjectKey& binding, const core::Access& access) {
  std::set<core::ObjectKey> named;
  for (const core::AccessWindow& window : access.windows) {
    if (window.holidays) named.insert({.ns = binding.ns, .name = window.holidays->config_map});
  }
  return named;
}

core::Calendars BindingTerms::calendars_of(const std::string& ns, const core::Access& access) const {
  core::Calendars calendars;
  for (const core::AccessWindow& window : access.windows) {
    if (!window.holidays) continue;
    const core::HolidayList& list = *window.holidays;
    const core::ObjectKey key{.ns = ns, .name = list.config_map};
    const auto known = config_maps_.find(key);
    if (known == config_maps_.end()) continue;
    const auto text = known->second.texts.find(list.key);
    if (!known->second.problem.empty()) {
      calendars[list] = unknown_calendar(known->second.problem);
    } else if (text == known->second.texts.end()) {
      calendars[list] = unknown_calendar("ConfigMap " + key.text() + " has no key " + list.key);
    } else {
      calendars[list] = core::read_calendar(text->second);
    }
  }
  return calendars;
}

BindingTerms::Entry BindingTerms::make(const core::ObjectKey& binding, const core::Access& access) const {
  Entry made;
  const core::Calendars calendars = calendars_of(binding.ns, access);
  made.terms = std::make_unique<const core::AccessTerms>(access, zones_, calendars);
  if (!access.windows.empty()) made.zone = zones_(access.windows.front().time_zone);
  if (!calendars.empty()) made.holidays = core::encode_holidays(calendars);
  set_grants(binding, made);
  return made;
}

// What has ended is kept, too: its identity comes off a while after.
void BindingTerms::set_grants(const core::ObjectKey& binding, Entry& entry) const {
  entry.granted.clear();
  entry.without_grant = core::AccessReason::grant_missing;
  const std::optional<core::GrantTerms>& terms = entry.terms->access().grant;
  if (!terms) return;
  using Verdict = core::GrantState::Verdict;
  for (auto at = grants_.grants().lower_bound({.ns = binding.ns, .name = {}});
       at != grants_.grants().end() && at->first.ns == binding.ns; ++at) {
    const core::AzureIdentityGrant& grant = at->second;
    if (grant.binding != binding.name) continue;
    const core::GrantState state = core::judge_grant(grant, grants_.approvals_of(grant), *terms, grants_.policies());
    if (state.verdict == Verdict::counts) entry.granted.push_back({.from = state.from, .to = state.to});
    if (state.verdict == Verdict::lacks_approvals) entry.without_grant = core::AccessReason::grant_pending;
  }
  if (!grants_.policies().in_place()) entry.without_grant = core::AccessReason::grant_policy_missing;
  std::ranges::sort(entry.granted, {}, &AccessSpan::from);
  std::vector<AccessSpan> apart;
  for (const AccessSpan& span : entry.granted) {
    if (!apart.empty() && span.from <= apart.back().to) {
      apart.back().to = std::max(apart.back().to, span.to);
    } else {
      apart.push_back(span);
    }
  }
  entry.granted = std::move(apart);
}

core::AccessState BindingTerms::granted_at(const Entry& entry, Instant at) {
  core::AccessState state;
  for (const AccessSpan& span : entry.granted) {
    if (at >= span.to) continue;
    if (at >= span.from) {
      state.until = span.to;
      return state;
    }
    state.reason = core::AccessReason::grant_pending;
    state.until = span.from;
    return state;
  }
  state.reason = entry.without_grant;
  return state;
}

std::vector<core::ObjectKey> BindingTerms::renew(const core::ObjectKey& binding) {
  const auto entry = entries_.find(binding);
  if (entry == entries_.end() || !entry->second.terms->access().grant) return {};
  set_grants(binding, entry->second);
  return {binding};
}

std::vector<core::ObjectKey> BindingTerms::put(core::AzureIdentityGrant grant) {
  const core::ObjectKey binding{.ns = grant.meta.ns, .name = grant.binding};
  return grants_.put(std::move(grant)) ? renew(binding) : std::vector<core::ObjectKey>();
}

std::vector<core::ObjectKey> BindingTerms::put(core::AzureIdentityGrantApproval approval) {
  const core::ObjectKey binding{.ns = approval.meta.ns, .name = approval.binding};
  return grants_.put(std::move(approval)) ? renew(binding) : std::vector<core::ObjectKey>();
}

std::vector<core::ObjectKey> BindingTerms::erase_grant(const core::ObjectKey& key) {
  const auto grant = grants_.grants().find(key);
  if (grant == grants_.grants().end()) return {};
  const core::ObjectKey binding{.ns = key.ns, .name = grant->second.binding};
  grants_.erase_grant(key);
  return renew(binding);
}

std::vector<core::ObjectKey> BindingTerms::erase_approval(const core::AzureIdentityGrantApproval& approval) {
  if (!grants_.erase_approval(approval.meta.key())) return {};
  return renew({.ns = approval.meta.ns, .name = approval.binding});
}

std::vector<core::ObjectKey> BindingTerms::put(core::GrantPolicies policies) {
  std::vector<core::ObjectKey> changed;
  if (!grants_.set_policies(std::move(policies))) return changed;
  for (auto& [binding, entry] : entries_) {
    if (!entry.terms->access().grant) continue;
    set_grants(binding, entry);
    changed.push_back(binding);
  }
  return changed;
}

const core::AccessTerms* BindingTerms::find(const core::ObjectKey& binding) const {
  const auto entry = entries_.find(binding);
  return entry == entries_.end() ? nullptr : entry->second.terms.get();
}

void BindingTerms::put(const core::ObjectKey& binding, const core::Access& access) {
  entries_.insert_or_assign(binding, make(binding, access));
}

void BindingTerms::erase(const core::ObjectKey& binding) { entries_.erase(binding); }

std::vector<core::ObjectKey> BindingTerms::put(const core::ObjectKey& config_map, ConfigMapTexts texts) {
  std::vector<core::ObjectKey> changed;
  const auto [known, is_new] = config_maps_.try_emplace(config_map);
  if (!is_new && known->second == texts) return changed;
  known->second = std::move(texts);
  for (auto at = entries_.lower_bound({.ns = config_map.ns, .name = {}});
       at != entries_.end() && at->first.ns == config_map.ns; ++at) {
    const core::Access access = at->second.terms->access();
    if (!config_maps_of(at->first, access).contains(config_map)) continue;
    at->second = make(at->first, access);
    changed.push_back(at->first);
  }
  return changed;
}

core::AccessState BindingTerms::state_at(const core::ObjectKey& binding, Instant at) const {
  const Entry& entry = entries_.at(binding);
  const core::AccessState state = entry.terms->at(at);
  return entry.terms->access().grant ? core::with_grants(state, granted_at(entry, at)) : state;
}

std::string BindingTerms::text_of(const core::ObjectKey& binding, const core::AccessState& state) const {
  return core::access_text(binding, *entries_.at(binding).terms, state);
}

std::string BindingTerms::problem_of(const core::ObjectKey& binding) const {
  return std::string(entries_.at(binding).terms->problem());
}

AccessSpan BindingTerms::day_of(const core::ObjectKey& binding, Instant at) const {
  using std::chrono::seconds;
  const auto& zone = entries_.at(binding).zone;
  constexpr std::int64_t kDaySeconds = 24 * 60 * 60;
  const std::int64_t instant = std::chrono::floor<seconds>(at).time_since_epoch().count();
  const std::int64_t wall = zone ? zone->wall_clock(instant) : instant;
  const std::int64_t first = wall - ((wall % kDaySeconds) + kDaySeconds) % kDaySeconds;
  const auto when = [&zone](std::int64_t at_wall) {
    return Instant(seconds(zone ? zone->first_time(at_wall) : at_wall));
  };
  return {.from = when(first), .to = when(first + kDaySeconds)};
}

const std::string& BindingTerms::holidays_of(const core::ObjectKey& binding) const {
  static const std::string kNone;
  const auto entry = entries_.find(binding);
  return entry == entries_.end() ? kNone : entry->second.holidays;
}

}  // namespace podid::mic
