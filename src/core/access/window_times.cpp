// SPDX-License-Identifier: Apache-2.0
#include "core/access/window_times.hpp"

#include <algorithm>

namespace podid::core {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kDay = 24LL * 3600;
// How far from the day that the wall clock shows a day may be whose window is open: it lasts up to a day past its own, and
// zones have leapt by a day (Pacific/Apia 2011).
constexpr std::int64_t kDaysBefore = 3;
constexpr std::int64_t kDaysAfter = 2;

}  // namespace

WindowTimes::WindowTimes(const AccessWindow& window, std::shared_ptr<const Zone> zone, const Calendar* holidays)
    : zone_(std::move(zone)),
      start_(seconds(window.start).count()),
      end_(seconds(window.end).count() + (window.end < window.start ? kDay : 0)),
      days_(window.days) {
  if (holidays == nullptr) return;
  for (const auto date : holidays->dates) holidays_.push_back(date.time_since_epoch().count());
}

std::int64_t WindowTimes::day_of(std::int64_t instant) const {
  const std::int64_t wall = zone_->wall_clock(instant);
  return wall >= 0 ? wall / kDay : (wall - kDay + 1) / kDay;
}

bool WindowTimes::starts_on(std::int64_t day) const {
  constexpr std::int64_t kFirstThursday = 3;  // of 1970, whose first day was one; counted from Monday
  const auto weekday = static_cast<unsigned>(((day + kFirstThursday) % 7 + 7) % 7);
  return ((days_ >> weekday) & 1U) != 0 && !std::ranges::binary_search(holidays_, day);
}

WindowTimes::Interval WindowTimes::on(std::int64_t day) const {
  return {.opens = zone_->first_time(day * kDay + start_), .closes = zone_->last_time(day * kDay + end_)};
}

std::optional<std::int64_t> WindowTimes::closing(std::int64_t instant) const {
  const std::int64_t today = day_of(instant);
  std::optional<std::int64_t> closes;
  for (std::int64_t day = today - kDaysBefore; day <= today + kDaysAfter; ++day) {
    if (!starts_on(day)) continue;
    const Interval interval = on(day);
    if (interval.opens <= instant && instant < interval.closes)
      closes = std::max(closes, std::optional(interval.closes));
  }
  return closes;
}

std::optional<std::int64_t> WindowTimes::next_opening(std::int64_t instant) const {
  const std::int64_t today = day_of(instant);
  for (std::int64_t day = today - kDaysBefore; day <= today + kFarthestOpening.count(); ++day) {
    if (!starts_on(day)) continue;
    const Interval interval = on(day);
    if (interval.opens > instant && interval.opens < interval.closes) return interval.opens;
  }
  return std::nullopt;
}

}  // namespace podid::core
