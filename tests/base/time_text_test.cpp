// SPDX-License-Identifier: Apache-2.0
#include "base/time_text.hpp"

#include <gtest/gtest.h>

namespace podid::base {
namespace {

using namespace std::chrono_literals;

TEST(TimeText, ReadsAndWritesRfc3339) {
  const WallTime time = from_unix_seconds(1'767'323'045) + 123456us;
  EXPECT_EQ(format_rfc3339(time), "2026-01-02T03:04:05Z");
  EXPECT_EQ(format_rfc3339_micro(time), "2026-01-02T03:04:05.123456Z");
  EXPECT_EQ(parse_rfc3339("2026-01-02T03:04:05.123456Z"), time);
  EXPECT_EQ(parse_rfc3339("2026-01-02T05:04:05.123456+02:00"), time);
  EXPECT_EQ(parse_rfc3339("2026-01-01t22:34:05-04:30"), from_unix_seconds(1'767'323'045));
  EXPECT_EQ(parse_rfc3339("2026-01-02T03:04:05.1234567891234Z"), time + 789ns);
}

TEST(TimeText, Rfc3339RefusesEverythingElse) {
  for (const auto bad :
       {"", "2026-01-02", "2026-01-02T03:04:05", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-02T24:00:00Z",
        "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+0200", "2026-01-02T03:04:05Zx", "x026-01-02T03:04:05Z"}) {
    EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
  }
}

TEST(TimeText, TimesOutOfRangeAreTheLastOnesInRange) {
  EXPECT_GT(*parse_rfc3339("9999-12-31T23:59:59.9Z"), from_unix_seconds(9'000'000'000));
  EXPECT_EQ(from_unix_seconds(std::numeric_limits<std::int64_t>::max()), *parse_rfc3339("9999-12-31T23:59:59Z"));
  EXPECT_LT(from_unix_seconds(std::numeric_limits<std::int64_t>::min()), from_unix_seconds(-9'000'000'000));
  EXPECT_LT(*parse_rfc3339("0000-01-01T00:00:00Z"), from_unix_seconds(-9'000'000'000));
}

TEST(TimeText, ReadsAndWritesHttpDates) {
  const WallTime time = from_unix_seconds(784'111'777);
  EXPECT_EQ(format_http_date(time), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), time);
  for (const auto bad :
       {"", "Sun, 06 Nov 1994 08:49:37", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT"}) {
    EXPECT_EQ(parse_http_date(bad), std::nullopt) << bad;
  }
}

TEST(TimeText, ReadsAndWritesGoDurations) {
  const std::pair<const char*, Duration> cases[] = {
      {"0s", 0s},
      {"300ms", 300ms},
      {"1m30s", 90s},
      {"2h45m0s", 2h + 45min},
      {"-5s", -5s},
      {"1.5s", 1500ms},
      {"1h0m0.25s", 1h + 250ms},
      {"1.5µs", 1500ns},
      {"7ns", 7ns},
  };
  for (const auto& [text, duration] : cases) {
    EXPECT_EQ(parse_go_duration(text), duration) << text;
    EXPECT_EQ(format_go_duration(duration), text);
  }
  EXPECT_EQ(parse_go_duration("1.5h"), 90min);
  EXPECT_EQ(parse_go_duration("0"), 0s);
  for (const auto bad : {"", "5", "s", "-", "1x", "1h-5m", "1e3s", " 1s", "1s ", ".", "999999999h"}) {
    EXPECT_EQ(parse_go_duration(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace podid::base
