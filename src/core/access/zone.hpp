// SPDX-License-Identifier: Apache-2.0
// A time zone as a value: how far its wall clocks are from UTC, and when that changes. Who reads zones: src/zones.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace podid::core {

// All times are seconds: instants since 1970 in UTC; wall-clock times since 1970 as if the clock were UTC. Immutable.
class Zone {
 public:
  struct Shift {
    std::int64_t at;      // from this instant on
    std::int32_t offset;  // seconds east of UTC
    bool operator==(const Shift&) const = default;
  };

  // Offsets lie within a day and two hours. `shifts` ascend.
  Zone(std::int32_t first_offset, std::vector<Shift> shifts);

  std::int64_t wall_clock(std::int64_t instant) const;
  // When the wall clock first shows `wall` or more: of a time that occurs twice the first occurrence, of one that is skipped the
  // moment of the leap.
  std::int64_t first_time(std::int64_t wall) const;
  // The end of the time at which the wall clock shows `wall` or less: of a time that occurs twice the second occurrence, of
  // one that is skipped the moment of the leap.
  std::int64_t last_time(std::int64_t wall) const;

 private:
  // The last of shifts_ that is not after the instant.
  std::size_t at(std::int64_t instant) const;
  std::int64_t end_of(std::size_t index) const;

  std::vector<Shift> shifts_;  // the first is from the beginning of time
};

// A zone by its IANA name; null: there is none here.
using ZoneLookup = std::function<std::shared_ptr<const Zone>(std::string_view name)>;

}  // namespace podid::core
