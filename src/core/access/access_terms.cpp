// SPDX-License-Identifier: Apache-2.0
#include "core/access/access_terms.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace podid::core {
namespace {

using std::chrono::floor;
using std::chrono::seconds;

std::int64_t to_seconds(Instant time) { return floor<seconds>(time).time_since_epoch().count(); }

// Instants end in 2262.
Instant to_instant(std::int64_t time) {
  constexpr std::int64_t kLast = floor<seconds>(Instant::max()).time_since_epoch().count();
  return Instant(seconds(std::min(time, kLast)));
}

std::optional<std::int64_t> earlier(std::optional<std::int64_t> a, std::optional<std::int64_t> b) {
  return a && b ? std::min(a, b) : std::max(a, b);
}

std::optional<std::int64_t> next_opening(const std::vector<WindowTimes>& windows, std::int64_t instant) {
  std::optional<std::int64_t> first;
  for (const WindowTimes& window : windows) first = earlier(first, window.next_opening(instant));
  return first;
}

// Of the windows that are open at the instant the last to close.
std::optional<std::int64_t> last_closing(const std::vector<WindowTimes>& windows, std::int64_t instant) {
  std::optional<std::int64_t> last;
  for (const WindowTimes& window : windows) last = std::max(last, window.closing(instant));
  return last;
}

}  // namespace

AccessTerms::AccessTerms(Access access, const ZoneLookup& zones, const Calendars& calendars)
    : access_(std::move(access)) {
  if (!access_.invalid.empty()) {
    invalid_ = true;
    problem_ = access_.invalid;
    return;
  }
  for (const AccessWindow& window : access_.windows) add_window(window, zones, calendars);
}

void AccessTerms::add_window(const AccessWindow& window, const ZoneLookup& zones, const Calendars& calendars) {
  const auto index = &window - access_.windows.data();
  std::shared_ptr<const Zone> zone = zones(window.time_zone);
  if (zone == nullptr) {
    if (!invalid_) {
      problem_ = fmt::format("spec.access.windows[{}].timeZone: no zone {} is known here", index, window.time_zone);
    }
    invalid_ = true;
    return;
  }
  if (!window.holidays) {
    windows_.emplace_back(window, std::move(zone), nullptr);
    return;
  }
  const auto calendar = calendars.find(*window.holidays);
  if (calendar != calendars.end() && calendar->second.readable()) {
    windows_.emplace_back(window, std::move(zone), &calendar->second);
    return;
  }
  unknown_.emplace_back(window, std::move(zone), nullptr);
  if (problem_.empty()) {
    problem_ = fmt::format("spec.access.windows[{}].holidays: the dates of key {} in ConfigMap {} cannot be read: {}",
                           index, window.holidays->key, window.holidays->config_map,
                           calendar == calendars.end() ? "they are not known here" : calendar->second.problem);
  }
}

std::optional<std::int64_t> AccessTerms::closing(std::int64_t instant) const {
  const std::int64_t farthest = instant + seconds(kFarthestClosing).count();
  std::int64_t end = instant;
  for (int followed = 0; followed <= kMostFollowing; ++followed) {
    const auto next = last_closing(windows_, end);
    if (!next) break;
    if (*next >= farthest) return std::nullopt;
    end = *next;
  }
  return end;
}

std::optional<Instant> AccessTerms::opening(std::int64_t instant) const {
  const auto first = next_opening(windows_, instant);
  if (!first || (access_.not_after && to_instant(*first) >= *access_.not_after)) return std::nullopt;
  return to_instant(*first);
}

std::optional<Instant> AccessTerms::opening_from(Instant not_before) const {
  const std::int64_t instant = to_seconds(not_before);
  if (access_.windows.empty() || last_closing(windows_, instant)) return not_before;
  return opening(instant);
}

AccessTerms::Answer AccessTerms::decide(Instant now) const {
  if (invalid_) return {AccessReason::invalid, std::nullopt, Instant::max()};
  if (access_.not_after && now >= *access_.not_after) return {AccessReason::over, std::nullopt, Instant::max()};
  if (access_.not_before && now < *access_.not_before) {
    return {AccessReason::not_yet, opening_from(*access_.not_before), *access_.not_before};
  }
  if (access_.windows.empty()) {
    return {AccessReason::open, access_.not_after, access_.not_after.value_or(Instant::max())};
  }
  return decide_windows(now);
}

AccessTerms::Answer AccessTerms::decide_windows(Instant now) const {
  const std::int64_t instant = to_seconds(now);
  if (last_closing(windows_, instant)) {
    const auto end = closing(instant);
    std::optional<Instant> until = end ? std::optional(to_instant(*end)) : std::nullopt;
    if (access_.not_after) until = std::min(until.value_or(*access_.not_after), *access_.not_after);
    return {AccessReason::open, until, until.value_or(to_instant(instant + seconds(kFarthestClosing).count() / 2))};
  }
  const auto would_close = last_closing(unknown_, instant);
  const std::optional<std::int64_t> changes = would_close ? would_close : next_opening(unknown_, instant);
  Answer answer{would_close ? AccessReason::calendar_unreadable : AccessReason::window_closed, opening(instant),
                access_.not_after.value_or(Instant::max())};
  if (changes) answer.holds_until = std::min(answer.holds_until, to_instant(*changes));
  if (answer.until) answer.holds_until = std::min(answer.holds_until, *answer.until);
  return answer;
}

AccessTerms::Answer AccessTerms::answer(Instant now) const {
  if (const auto known = last_.at(now)) return *known;
  const Answer answer = decide(now);
  last_.set(now, answer);
  return answer;
}

AccessState AccessTerms::at(Instant now) const {
  const Answer known = answer(now);
  return {
      .reason = known.reason, .until = known.until, .grant = {}, .token_beyond_window = access_.token_beyond_window};
}

Instant AccessTerms::holds_until(Instant now) const { return answer(now).holds_until; }

}  // namespace podid::core
