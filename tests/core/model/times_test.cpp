// SPDX-License-Identifier: Apache-2.0
#include "core/model/times.hpp"

#include <gtest/gtest.h>

namespace podid::core {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

TEST(Times, TakesWhatTheSchemaTakes) {
  const Instant new_year = sys_days(year(2026) / 1 / 1);
  EXPECT_EQ(read_time("2026-01-01T00:00:00Z"), new_year);
  EXPECT_EQ(read_time("2026-01-01T02:00:00+02:00"), new_year);
  EXPECT_EQ(read_time("2025-12-31T18:30:00-05:30"), new_year);
  EXPECT_EQ(read_time("2026-01-01T00:00:00.25Z"), new_year + 250ms);
  EXPECT_EQ(read_time("2026-01-01T00:00:00.123456789Z"), new_year + 123'456'789ns);
  EXPECT_EQ(read_time("1970-01-01T00:00:00Z"), Instant());
  EXPECT_EQ(read_time("2028-02-29T00:00:00Z"), Instant(sys_days(year(2028) / 2 / 29)));
  EXPECT_GT(read_time("9999-12-31T23:59:59Z"), Instant(sys_days(year(2262) / 1 / 1)));
}

TEST(Times, RefusesTheRest) {
  for (const char* text : {"",
                           "2026-01-01",
                           "2026-01-01T00:00Z",
                           "2026-01-01T00:00:00",
                           "2026-01-01T00:00:00z",
                           "2026-01-01t00:00:00Z",
                           "2026-01-01 00:00:00Z",
                           "2026-02-30T00:00:00Z",
                           "2027-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T23:60:00Z",
                           "2026-12-31T23:59:60Z",
                           "2026-01-01T00:00:00.Z",
                           "2026-01-01T00:00:00.1234567890Z",
                           "2026-01-01T00:00:00+25:00",
                           "2026-01-01T00:00:00+24:00",
                           "2026-01-01T00:00:00+02:60",
                           "2026-01-01T00:00:00+0200",
                           "2026-01-01T00:00:00ZZ",
                           "1969-12-31T23:59:59Z",
                           "1970-01-01T00:00:00+00:01",
                           "+026-01-01T00:00:00Z",
                           "-026-01-01T00:00:00Z",
                           "2026-01-01T-1:00:00Z"}) {
    EXPECT_FALSE(read_time(text)) << text;
  }
}

TEST(Times, AreWrittenInUtc) {
  EXPECT_EQ(time_text(*read_time("2026-12-31T23:59:59.9+01:00")), "2026-12-31T22:59:59Z");
  EXPECT_EQ(time_text(Instant()), "1970-01-01T00:00:00Z");
  EXPECT_EQ(time_text(Instant() - 1ns), "1969-12-31T23:59:59Z");
}

TEST(Times, Durations) {
  EXPECT_EQ(read_duration("4h"), 4h);
  EXPECT_EQ(read_duration("1h30m"), 90min);
  EXPECT_EQ(read_duration("1h30m15s"), 5415s);
  EXPECT_EQ(read_duration("9999m"), 9999min);
  EXPECT_EQ(read_duration("0s"), 0s);
  for (const char* text : {"", "4", "h", "1m1h", "1h1h", "1.5h", "-1h", "+1h", "1000h", "10000m", "100000s", "1d",
                           "1h ", " 1h", "1H", "1ms"}) {
    EXPECT_FALSE(read_duration(text)) << text;
  }
  EXPECT_EQ(duration_text(4h), "4h");
  EXPECT_EQ(duration_text(5415s), "1h30m15s");
  EXPECT_EQ(duration_text(168h), "168h");
  EXPECT_EQ(duration_text(0s), "0s");
}

TEST(Times, DatesAndClocks) {
  EXPECT_EQ(read_date("2028-02-29"), sys_days(year(2028) / 2 / 29));
  for (const char* text : {"2028-02-29", "0001-01-01", "9999-12-31"}) EXPECT_EQ(date_text(*read_date(text)), text);
  for (const char* text : {"", "2027-02-29", "2026-1-1", "2026-01-01 ", "26-01-01", "2026/01/01", "2026-00-01"}) {
    EXPECT_FALSE(read_date(text)) << text;
  }
  EXPECT_EQ(read_clock("00:00"), 0min);
  EXPECT_EQ(read_clock("23:59"), 1439min);
  EXPECT_EQ(read_clock("24:00"), 1440min);
  for (const char* text : {"", "24:01", "0:00", "00:60", "00-00", "00:00:00", "-1:00", "+1:00", " 1:00"}) {
    EXPECT_FALSE(read_clock(text)) << text;
  }
}

}  // namespace
}  // namespace podid::core
