// SPDX-License-Identifier: Apache-2.0
// The machine's own zones, and windows on the days on which their clocks are changed. Random ones: tests/zones/oracle.py.
#include "zones/time_zones.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/access/window_times.hpp"
#include "core/model/times.hpp"

namespace podid::zones {
namespace {

using core::read_time;
using core::time_text;
using namespace std::chrono_literals;

std::int64_t at(std::string_view time) {
  return std::chrono::floor<std::chrono::seconds>(*read_time(time)).time_since_epoch().count();
}

std::string text(std::optional<std::int64_t> time) {
  return time ? time_text(core::Instant(std::chrono::seconds(*time))) : "never";
}

// When the window opens after `from`, and when it then closes: "2026-... - 2026-...".
std::string next(std::string_view zone, std::string_view start, std::string_view end, std::int64_t from,
                 std::uint8_t days = core::AccessWindow::kEveryDay) {
  TimeZones zones;
  const auto found = zones.find(zone);
  if (found == nullptr) return "no such zone";
  const core::WindowTimes window(
      {.days = days, .start = *core::read_clock(start), .end = *core::read_clock(end), .holidays = {}}, found, nullptr);
  const auto opens = window.next_opening(from);
  return text(opens) + " - " + (opens ? text(window.closing(*opens)) : "");
}

std::string next(std::string_view zone, std::string_view start, std::string_view end, std::string_view from,
                 std::uint8_t days = core::AccessWindow::kEveryDay) {
  return next(zone, start, end, at(from), days);
}

TEST(TimeZones, KnowsWhatTheFolderHas) {
  TimeZones zones;
  for (const char* name :
       {"UTC", "Europe/Berlin", "America/Argentina/ComodRivadavia", "Etc/GMT+5", "Antarctica/Troll"}) {
    EXPECT_NE(zones.find(name), nullptr) << name;
  }
  EXPECT_EQ(zones.find("Europe/Berlin"), zones.find("Europe/Berlin"));
  for (const char* name : {"", "Mars/Olympus", "europe/berlin", "Europe", "../zoneinfo/UTC", "/usr/share/zoneinfo/UTC",
                           "zone.tab", "tzdata.zi", "localtime", "posixrules", "Factory", "right/UTC", "posix/UTC",
                           "Local", "UTC+1", "file:UTC", "libc:localtime"}) {
    EXPECT_EQ(zones.find(name), nullptr) << name;
  }
}

// Nothing but zones is read, wherever the folder is.
TEST(TimeZones, OtherFilesOfTheFolderAreNoZones) {
  const auto folder = std::filesystem::temp_directory_path() / ("podid-zones-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder / "Folder");
  std::ofstream(folder / "Text") << "nothing";
  std::ofstream(folder / "Broken") << "TZif but no more";
  std::filesystem::copy_file("/usr/share/zoneinfo/Europe/Berlin", folder / "Here");
  TimeZones zones(folder.string());
  for (const char* name : {"Text", "Folder", "Broken", "Gone", "UTC"}) EXPECT_EQ(zones.find(name), nullptr) << name;
  const auto here = zones.find("Here");
  ASSERT_NE(here, nullptr);
  EXPECT_EQ(here->wall_clock(at("2026-07-01T00:00:00Z")), at("2026-07-01T02:00:00Z"));
  std::filesystem::remove_all(folder);
}

TEST(TimeZones, RulesGoOnBehindTheTables) {
  TimeZones zones;
  const auto berlin = zones.find("Europe/Berlin");
  EXPECT_EQ(berlin->wall_clock(at("2150-07-01T00:00:00Z")), at("2150-07-01T02:00:00Z"));
  EXPECT_EQ(berlin->wall_clock(at("2150-01-01T00:00:00Z")), at("2150-01-01T01:00:00Z"));
}

TEST(WindowsOnRealZones, Berlin) {
  EXPECT_EQ(next("Europe/Berlin", "02:30", "04:00", "2026-03-28T12:00:00Z"),
            "2026-03-29T01:00:00Z - 2026-03-29T02:00:00Z");
  EXPECT_EQ(next("Europe/Berlin", "01:00", "02:30", "2026-03-28T12:00:00Z"),
            "2026-03-29T00:00:00Z - 2026-03-29T01:00:00Z");
  EXPECT_EQ(next("Europe/Berlin", "02:15", "02:45", "2026-03-28T12:00:00Z"),
            "2026-03-30T00:15:00Z - 2026-03-30T00:45:00Z");
  EXPECT_EQ(next("Europe/Berlin", "01:00", "02:30", "2026-10-24T12:00:00Z"),
            "2026-10-24T23:00:00Z - 2026-10-25T01:30:00Z");
  EXPECT_EQ(next("Europe/Berlin", "02:30", "04:00", "2026-10-24T12:00:00Z"),
            "2026-10-25T00:30:00Z - 2026-10-25T03:00:00Z");
  EXPECT_EQ(next("Europe/Berlin", "22:00", "06:00", "2026-10-24T12:00:00Z"),
            "2026-10-24T20:00:00Z - 2026-10-25T05:00:00Z");
  EXPECT_EQ(next("Europe/Berlin", "00:00", "24:00", "2026-03-28T23:00:00Z", 0b0000001),
            "2026-03-29T22:00:00Z - 2026-03-30T22:00:00Z");
}

TEST(WindowsOnRealZones, BerlinInWarAndAfterIt) {
  // 24 May 1945: from +2 to +3 at 02:00; 11 May 1947: from +2 to +3 at 03:00, and back on 29 June.
  EXPECT_EQ(next("Europe/Berlin", "02:30", "04:00", -776'606'400), "1945-05-24T00:00:00Z - 1945-05-24T01:00:00Z");
  EXPECT_EQ(next("Europe/Berlin", "03:30", "05:00", -714'657'600), "1947-05-11T01:00:00Z - 1947-05-11T02:00:00Z");
  EXPECT_EQ(next("Europe/Berlin", "01:00", "02:30", -710'400'000), "1947-06-28T22:00:00Z - 1947-06-29T00:30:00Z");
}

TEST(WindowsOnRealZones, LondonsDoubleSummerTime) {
  // 4 May 1941: from +1 to +2 at 01:00 UTC; 10 August: back at 01:00 UTC.
  EXPECT_EQ(next("Europe/London", "02:30", "04:00", -904'560'000), "1941-05-04T01:00:00Z - 1941-05-04T02:00:00Z");
  EXPECT_EQ(next("Europe/London", "01:00", "02:30", -896'093'000), "1941-08-09T23:00:00Z - 1941-08-10T01:30:00Z");
}

TEST(WindowsOnRealZones, DublinsWinterIsTheException) {
  EXPECT_EQ(next("Europe/Dublin", "01:30", "03:00", "2026-03-28T12:00:00Z"),
            "2026-03-29T01:00:00Z - 2026-03-29T02:00:00Z");
  EXPECT_EQ(next("Europe/Dublin", "00:00", "01:30", "2026-10-24T12:00:00Z"),
            "2026-10-24T23:00:00Z - 2026-10-25T01:30:00Z");
}

TEST(WindowsOnRealZones, LordHoweByHalfAnHour) {
  EXPECT_EQ(next("Australia/Lord_Howe", "02:15", "03:00", "2026-10-03T00:00:00Z"),
            "2026-10-03T15:30:00Z - 2026-10-03T16:00:00Z");
  EXPECT_EQ(next("Australia/Lord_Howe", "01:00", "01:45", "2026-04-04T00:00:00Z"),
            "2026-04-04T14:00:00Z - 2026-04-04T15:15:00Z");
}

TEST(WindowsOnRealZones, TrollByTwoHours) {
  EXPECT_EQ(next("Antarctica/Troll", "02:00", "03:30", "2026-03-28T12:00:00Z"),
            "2026-03-29T01:00:00Z - 2026-03-29T01:30:00Z");
  EXPECT_EQ(next("Antarctica/Troll", "00:30", "02:00", "2026-10-24T12:00:00Z"),
            "2026-10-24T22:30:00Z - 2026-10-25T02:00:00Z");
}

TEST(WindowsOnRealZones, ApiaLeaptOverADay) {
  // After 29 December 2011, a Thursday, came the 31st.
  EXPECT_EQ(next("Pacific/Apia", "22:00", "02:00", "2011-12-29T12:00:00Z"),
            "2011-12-30T08:00:00Z - 2011-12-30T10:00:00Z");
  EXPECT_EQ(next("Pacific/Apia", "22:00", "02:00", "2011-12-30T08:00:00Z"),
            "2011-12-30T10:00:00Z - 2011-12-30T12:00:00Z");
  EXPECT_EQ(next("Pacific/Apia", "09:00", "17:00", "2011-12-29T12:00:00Z", 0b0010000),  // Fridays
            "2012-01-05T19:00:00Z - 2012-01-06T03:00:00Z");
}

TEST(WindowsOnRealZones, TheSouthsSummer) {
  EXPECT_EQ(next("Australia/Sydney", "02:30", "04:00", "2026-10-03T00:00:00Z"),
            "2026-10-03T16:00:00Z - 2026-10-03T17:00:00Z");
  EXPECT_EQ(next("Australia/Sydney", "01:00", "02:30", "2026-04-04T00:00:00Z"),
            "2026-04-04T14:00:00Z - 2026-04-04T16:30:00Z");
  EXPECT_EQ(next("America/Santiago", "00:00", "24:00", "2026-09-05T12:00:00Z"),
            "2026-09-06T04:00:00Z - 2026-09-07T03:00:00Z");
}

TEST(WindowsOnRealZones, LeapDays) {
  EXPECT_EQ(next("Europe/Berlin", "23:00", "01:00", "2028-02-29T00:30:00Z"),
            "2028-02-29T22:00:00Z - 2028-03-01T00:00:00Z");
  EXPECT_EQ(next("Asia/Tokyo", "09:00", "10:00", "2028-02-28T12:00:00Z", 0b0000010),  // Tuesdays
            "2028-02-29T00:00:00Z - 2028-02-29T01:00:00Z");
}

TEST(WindowsOnRealZones, CasablancasRamadan) {
  // 2024: back to UTC on 10 March at 03:00, and to UTC+1 on 14 April at 02:00.
  EXPECT_EQ(next("Africa/Casablanca", "01:00", "02:30", "2024-03-09T12:00:00Z"),
            "2024-03-10T00:00:00Z - 2024-03-10T02:30:00Z");
  EXPECT_EQ(next("Africa/Casablanca", "02:30", "04:00", "2024-04-13T12:00:00Z"),
            "2024-04-14T02:00:00Z - 2024-04-14T03:00:00Z");
}

TEST(WindowsOnRealZones, MidnightItselfLeaptOverOrTwice) {
  // Havana: 00:00 becomes 01:00 in March; 01:00 becomes 00:00 in November.
  EXPECT_EQ(next("America/Havana", "00:00", "02:00", "2026-03-07T12:00:00Z"),
            "2026-03-08T05:00:00Z - 2026-03-08T06:00:00Z");
  EXPECT_EQ(next("America/Havana", "12:00", "24:00", "2026-10-31T12:00:00Z"),
            "2026-10-31T16:00:00Z - 2026-11-01T05:00:00Z");
}

}  // namespace
}  // namespace podid::zones
