// SPDX-License-Identifier: Apache-2.0
#include "core/access/zone.hpp"

#include <gtest/gtest.h>

namespace podid::core {
namespace {

constexpr std::int64_t kHour = 3600;

// An hour ahead of UTC; at 100 h an hour is left out, at 200 h it comes back.
Zone summer() {
  return {static_cast<std::int32_t>(kHour),
          {{.at = 100 * kHour, .offset = static_cast<std::int32_t>(2 * kHour)},
           {.at = 200 * kHour, .offset = static_cast<std::int32_t>(kHour)}}};
}

TEST(Zone, TellsWhatTheClockShows) {
  const Zone zone = summer();
  EXPECT_EQ(zone.wall_clock(-5 * kHour), -4 * kHour);
  EXPECT_EQ(zone.wall_clock(100 * kHour - 1), 101 * kHour - 1);
  EXPECT_EQ(zone.wall_clock(100 * kHour), 102 * kHour);
  EXPECT_EQ(zone.wall_clock(200 * kHour - 1), 202 * kHour - 1);
  EXPECT_EQ(zone.wall_clock(200 * kHour), 201 * kHour);
}

TEST(Zone, ATimeThatIsLeaptOverIsTheLeap) {
  const Zone zone = summer();
  for (const std::int64_t wall : {101 * kHour, 101 * kHour + 1, 102 * kHour}) {
    EXPECT_EQ(zone.first_time(wall), 100 * kHour);
    EXPECT_EQ(zone.last_time(wall), 100 * kHour);
  }
  EXPECT_EQ(zone.first_time(101 * kHour - 1), 100 * kHour - 1);
  EXPECT_EQ(zone.last_time(102 * kHour + 1), 100 * kHour + 1);
}

TEST(Zone, ATimeThatOccursTwiceIsFirstAndLast) {
  const Zone zone = summer();
  for (const std::int64_t wall : {201 * kHour, 201 * kHour + 1, 202 * kHour - 1}) {
    EXPECT_EQ(zone.first_time(wall), wall - 2 * kHour);
    EXPECT_EQ(zone.last_time(wall), wall - kHour);
  }
  EXPECT_EQ(zone.first_time(201 * kHour - 1), 199 * kHour - 1);
  EXPECT_EQ(zone.last_time(201 * kHour - 1), 199 * kHour - 1);
  EXPECT_EQ(zone.first_time(202 * kHour), 201 * kHour);
  EXPECT_EQ(zone.last_time(202 * kHour), 201 * kHour);
}

TEST(Zone, ADayMayBeLeaptOver) {
  const auto west = static_cast<std::int32_t>(-10 * kHour);
  const auto east = static_cast<std::int32_t>(14 * kHour);
  const Zone zone(west, {{.at = 1000 * kHour, .offset = east}});
  EXPECT_EQ(zone.first_time(991 * kHour), 1000 * kHour);
  EXPECT_EQ(zone.last_time(1013 * kHour), 1000 * kHour);
  EXPECT_EQ(zone.first_time(989 * kHour), 999 * kHour);
  EXPECT_EQ(zone.last_time(1015 * kHour), 1001 * kHour);
}

}  // namespace
}  // namespace podid::core
