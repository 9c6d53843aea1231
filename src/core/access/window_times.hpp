// SPDX-License-Identifier: Apache-2.0
// When one window of spec.access is open. Pure and thread-safe.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/access/calendar.hpp"
#include "core/access/zone.hpp"
#include "core/model/access.hpp"

namespace podid::core {

// For each day of its zone that is one of its days and no holiday: from the first moment at which the wall clock shows `start`, to the
// last at which it shows `end`. A start that the clock leaps over opens at the leap, an end that occurs twice closes at its
// second occurrence; a window that lies within one leap does not open that day. One that runs past midnight belongs to the
// day on which it starts. Times are instants in seconds since 1970.
class WindowTimes {
 public:
  // How far next_opening() looks: kMostHolidays weeks, and some more.
  static constexpr std::chrono::days kFarthestOpening{9 * 366};

  // `holidays`: null where they are not known, or none.
  WindowTimes(const AccessWindow& window, std::shared_ptr<const Zone> zone, const Calendar* holidays);

  // Open at the instant: when that ends, taking each day by itself. Else nothing.
  std::optional<std::int64_t> closing(std::int64_t instant) const;
  // The first time after the instant at which a day's window opens; nothing: none in sight.
  std::optional<std::int64_t> next_opening(std::int64_t instant) const;

 private:
  struct Interval {
    std::int64_t opens;
    std::int64_t closes;  // exclusive; not later than `opens`: it does not open
  };
  Interval on(std::int64_t day) const;
  bool starts_on(std::int64_t day) const;
  std::int64_t day_of(std::int64_t instant) const;

  std::shared_ptr<const Zone> zone_;
  std::vector<std::int64_t> holidays_;  // days since 1970, ascending
  std::int64_t start_;                  // since local midnight
  std::int64_t end_;                    // the same; beyond 24 hours where it runs past midnight
  std::uint8_t days_;
};

}  // namespace podid::core
