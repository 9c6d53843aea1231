// SPDX-License-Identifier: Apache-2.0
#include "core/access/calendar.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/model/times.hpp"

namespace podid::core {
namespace {

using std::chrono::days;

std::string many_dates(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += time_text(Instant(days(20'000 + i))).substr(0, 10) + "\n";
  return text;
}

TEST(Calendar, ReadsDatesAndComments) {
  const Calendar calendar =
      read_calendar("# holidays\n\n2026-12-25\r\n  2026-01-01  # New Year's Day\n\t\n2026-12-25\n2028-02-29");
  EXPECT_EQ(calendar.problem, "");
  EXPECT_EQ(calendar.dates,
            (std::vector{*read_date("2026-01-01"), *read_date("2026-12-25"), *read_date("2028-02-29")}));
  EXPECT_TRUE(calendar.hash.starts_with("sha256:"));
  EXPECT_TRUE(read_calendar("").readable());
  EXPECT_TRUE(read_calendar("# none yet").readable());
}

TEST(Calendar, ABadLineIsNamed) {
  EXPECT_EQ(read_calendar("2026-12-25\n\n26.12.2026\n").problem, "line 3 is no date of the form YYYY-MM-DD");
  EXPECT_EQ(read_calendar("2026-02-29").problem, "line 1 is no date of the form YYYY-MM-DD");
  EXPECT_EQ(read_calendar("2026-12-25 2026-12-26").problem, "line 1 is no date of the form YYYY-MM-DD");
  EXPECT_TRUE(read_calendar("2026-12-25\nx").dates.empty());
}

TEST(Calendar, HasAtMostFourHundredDates) {
  EXPECT_TRUE(read_calendar(many_dates(400)).readable());
  EXPECT_EQ(read_calendar(many_dates(401)).problem, "line 401: there are more than 400 dates");
}

TEST(Calendar, TravelsInAnAnnotation) {
  Calendars calendars;
  calendars[{.config_map = "business-calendar", .key = "dates"}] = read_calendar("2026-12-25\n2026-01-01\n");
  calendars[{.config_map = "gone", .key = "dates"}] =
      Calendar{.dates = {}, .hash = {}, .problem = "there is no ConfigMap gone"};
  calendars[{.config_map = "long", .key = "k"}] = read_calendar(many_dates(400));
  calendars[{.config_map = "old", .key = "k"}] = read_calendar("0001-01-01\n9999-12-31\n");
  calendars[{.config_map = "none", .key = "k"}] = read_calendar("");
  const std::string text = encode_holidays(calendars);
  EXPECT_EQ(decode_holidays(text), calendars);
  EXPECT_EQ(encode_holidays(decode_holidays(text)), text);
  EXPECT_LT(text.size(), 8'000U);
  EXPECT_EQ(encode_holidays({}), "[]");
}

// What is not understood is not known, and denies.
TEST(Calendar, ABadAnnotationSaysNothing) {
  for (const char* text : {"", "{}", "null", "[1]", R"([{"configMap": 1, "key": "k", "dates": []}])",
                           R"([{"configMap": "c", "key": "k"}])", R"([{"configMap": "c", "key": "k", "dates": {}}])"}) {
    EXPECT_TRUE(decode_holidays(text).empty()) << text;
  }
  EXPECT_TRUE(decode_holidays(std::string(300'000, '[')).empty());
  const auto bad = decode_holidays(R"([{"configMap": "c", "key": "k", "dates": ["soon"]}])");
  ASSERT_EQ(bad.size(), 1U);
  EXPECT_FALSE(bad.begin()->second.readable());
  EXPECT_FALSE(decode_holidays(R"([{"configMap": "c", "key": "k", "problem": ""}])").begin()->second.readable());
}

}  // namespace
}  // namespace podid::core
