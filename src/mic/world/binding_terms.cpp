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

BindingTerms::Entry BindingTerms::make(const std::string& ns, const core::Access& access) const {
  Entry made;
  const core::Calendars calendars = calendars_of(ns, access);
  made.terms = std::make_unique<const core::AccessTerms>(access, zones_, calendars);
  if (!access.windows.empty()) made.zone = zones_(access.windows.front().time_zone);
  if (!calendars.empty()) made.holidays = core::encode_holidays(calendars);
  return made;
}

void BindingTerms::put(const core::ObjectKey& binding, const core::Access& access) {
  entries_.insert_or_assign(binding, make(binding.ns, access));
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
    at->second = make(at->first.ns, access);
    changed.push_back(at->first);
  }
  return changed;
}

core::AccessState BindingTerms::state_at(const core::ObjectKey& binding, Instant at) const {
  const core::AccessTerms& terms = *entries_.at(binding).terms;
  core::AccessState state = terms.at(at);
  if (state.open() && terms.access().grant) {
    state.reason = core::AccessReason::grant_missing;
    state.until.reset();
  }
  return state;
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
