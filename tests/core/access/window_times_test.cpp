// SPDX-License-Identifier: Apache-2.0
// A window on zones made by hand; on the real ones: tests/zones.
#include "core/access/window_times.hpp"

#include <gtest/gtest.h>

#include "core/model/times.hpp"

namespace podid::core {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kHour = 3600;

std::int64_t at(std::string_view time) {
  return std::chrono::floor<std::chrono::seconds>(*read_time(time)).time_since_epoch().count();
}

std::shared_ptr<const Zone> utc() { return std::make_shared<const Zone>(0, std::vector<Zone::Shift>{}); }

constexpr std::uint8_t kWorkDays = 0b0011111;

TEST(WindowTimes, OpensOnItsDays) {
  const WindowTimes window({.days = kWorkDays, .start = 0min, .end = 1h, .holidays = {}}, utc(), nullptr);
  EXPECT_EQ(window.closing(at("2026-11-27T00:00:00Z")), at("2026-11-27T01:00:00Z"));  // a Friday
  EXPECT_EQ(window.closing(at("2026-11-27T00:59:59Z")), at("2026-11-27T01:00:00Z"));
  EXPECT_EQ(window.closing(at("2026-11-27T01:00:00Z")), std::nullopt);
  EXPECT_EQ(window.closing(at("2026-11-26T23:59:59Z")), std::nullopt);
  EXPECT_EQ(window.closing(at("2026-11-28T00:30:00Z")), std::nullopt);
  EXPECT_EQ(window.next_opening(at("2026-11-27T01:00:00Z")), at("2026-11-30T00:00:00Z"));
  EXPECT_EQ(window.next_opening(at("2026-11-29T23:59:59Z")), at("2026-11-30T00:00:00Z"));
  EXPECT_EQ(window.next_opening(at("2026-11-30T00:00:00Z")), at("2026-12-01T00:00:00Z"));
}

TEST(WindowTimes, PastMidnightItBelongsToTheDayOnWhichItStarts) {
  const WindowTimes window({.days = 0b0010000, .start = 22h, .end = 2h, .holidays = {}}, utc(), nullptr);
  EXPECT_EQ(window.closing(at("2026-11-27T01:00:00Z")), std::nullopt);  // Thursday's night
  EXPECT_EQ(window.closing(at("2026-11-28T01:59:59Z")), at("2026-11-28T02:00:00Z"));
  EXPECT_EQ(window.next_opening(at("2026-11-28T02:00:00Z")), at("2026-12-04T22:00:00Z"));
}

TEST(WindowTimes, HolidaysAreThoseOfTheDayOnWhichItStarts) {
  const Calendar holidays = read_calendar("2026-11-27\n");
  const WindowTimes window({.start = 22h, .end = 2h, .holidays = {}}, utc(), &holidays);
  EXPECT_EQ(window.closing(at("2026-11-27T01:00:00Z")), at("2026-11-27T02:00:00Z"));  // Thursday's night
  EXPECT_EQ(window.closing(at("2026-11-27T23:00:00Z")), std::nullopt);
  EXPECT_EQ(window.closing(at("2026-11-28T01:00:00Z")), std::nullopt);
  EXPECT_EQ(window.next_opening(at("2026-11-27T02:00:00Z")), at("2026-11-28T22:00:00Z"));
}

TEST(WindowTimes, TheWholeDayIsTheDefault) {
  const WindowTimes window(AccessWindow{}, utc(), nullptr);
  EXPECT_EQ(window.closing(at("2026-11-27T12:00:00Z")), at("2026-11-28T00:00:00Z"));
  EXPECT_EQ(window.closing(at("1970-01-01T00:00:00Z")), 24 * kHour);
  EXPECT_EQ(window.closing(-1), 0);
}

// All the holidays that a calendar may have, on the window's only day.
TEST(WindowTimes, LooksBehindAllHolidays) {
  std::string dates;
  for (int i = 0; i < 400; ++i) dates += time_text(*read_time("2026-11-27T00:00:00Z") + i * 168h).substr(0, 10) + "\n";
  const Calendar holidays = read_calendar(dates);
  ASSERT_TRUE(holidays.readable());
  const WindowTimes window({.days = 0b0010000, .holidays = {}}, utc(), &holidays);
  EXPECT_EQ(window.next_opening(at("2026-11-23T00:00:00Z")), at("2026-11-27T00:00:00Z") + 400 * 168 * kHour);
}

// From 02:00 to 03:00 the clock leaps on the first day of this zone, a Thursday; on the second 03:00 becomes 02:00.
std::shared_ptr<const Zone> leaping() {
  return std::make_shared<const Zone>(
      0, std::vector<Zone::Shift>{{.at = 2 * kHour, .offset = 3600}, {.at = 26 * kHour, .offset = 0}});
}

TEST(WindowTimes, StartsAndEndsThatTheClockLeapsOver) {
  const WindowTimes from_leap({.start = 2h + 30min, .end = 4h, .holidays = {}}, leaping(), nullptr);
  EXPECT_EQ(from_leap.closing(2 * kHour - 1), std::nullopt);
  EXPECT_EQ(from_leap.closing(2 * kHour), 3 * kHour);
  const WindowTimes to_leap({.start = 1h, .end = 2h + 30min, .holidays = {}}, leaping(), nullptr);
  EXPECT_EQ(to_leap.closing(2 * kHour - 1), 2 * kHour);
  EXPECT_EQ(to_leap.closing(2 * kHour), std::nullopt);
  const WindowTimes within({.start = 2h + 10min, .end = 2h + 50min, .holidays = {}}, leaping(), nullptr);
  EXPECT_EQ(within.closing(2 * kHour), std::nullopt);
  EXPECT_EQ(within.next_opening(0), 25 * kHour + 600);
}

TEST(WindowTimes, StartsAndEndsThatOccurTwice) {
  const WindowTimes to_twice({.start = 1h, .end = 2h + 30min, .holidays = {}}, leaping(), nullptr);
  EXPECT_EQ(to_twice.closing(24 * kHour), 26 * kHour + 1800);  // the second 02:30
  EXPECT_EQ(to_twice.closing(26 * kHour - 60), 26 * kHour + 1800);
  const WindowTimes from_twice({.start = 2h + 30min, .end = 4h, .holidays = {}}, leaping(), nullptr);
  EXPECT_EQ(from_twice.next_opening(24 * kHour), 25 * kHour + 1800);  // the first 02:30
  EXPECT_EQ(from_twice.closing(25 * kHour + 1800), 28 * kHour);
  const WindowTimes to_two({.start = 1h, .end = 2h, .holidays = {}}, leaping(), nullptr);
  EXPECT_EQ(to_two.closing(24 * kHour), 26 * kHour);  // 02:00 itself occurs twice
}

}  // namespace
}  // namespace podid::core
