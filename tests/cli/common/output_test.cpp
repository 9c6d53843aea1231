// SPDX-License-Identifier: Apache-2.0
#include "cli/common/output.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace podid::cli {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(Output, ColumnsAreAsWideAsTheirContentAndNothingIsADash) {
  Table table({"NAME", "STATE"});
  table.add({"a-long-name", "Active"});
  table.add({"b", ""});
  EXPECT_EQ(table.text(), "NAME          STATE\na-long-name   Active\nb             -\n");
}

TEST(Output, WhatActsOnATerminalIsWrittenOut) {
  EXPECT_EQ(printable("Grüße, 世界 🙂 ~"), "Grüße, 世界 🙂 ~");
  EXPECT_EQ(printable("a\x1b[2K\rb\nc\td\x7f"), "a\\u001b[2K\\u000db\\u000ac\\u0009d\\u007f");
  EXPECT_EQ(printable("\u009b2J"), "\\u009b2J") << "CSI in one character";
  EXPECT_EQ(printable("\u202Eh1\u2066\u200B\u2028"), "\\u202eh1\\u2066\\u200b\\u2028");
  EXPECT_EQ(printable("a\xff\xc3"), "a\uFFFD\uFFFD");
  Table table({"NAME", "REASON"});
  table.add({"a", "x\nb   forged"});
  EXPECT_EQ(table.text(), "NAME   REASON\na      x\\u000ab   forged\n");
}

TEST(Output, YamlIsReadBackAsTheSame) {
  const auto value =
      boost::json::parse(R"({"a": "yes", "b": [1, true, null, {"c": "1"}], "d": [], "e": {}, "f": "x\ny"})");
  EXPECT_EQ(to_yaml(value), "a: \"yes\"\nb:\n  - 1\n  - true\n  - ~\n  - c: \"1\"\nd: []\ne: {}\nf: \"x\\ny\"\n");
}

TEST(Output, DurationsHaveTwoUnits) {
  EXPECT_EQ(brief(seconds(45)), "45s");
  EXPECT_EQ(brief(seconds(125)), "2m5s");
  EXPECT_EQ(brief(minutes(60)), "1h");
  EXPECT_EQ(brief(hours(3) + minutes(5) + seconds(9)), "3h5m");
  EXPECT_EQ(brief(hours(52)), "2d4h");
  EXPECT_EQ(brief(-seconds(5)), "0s");
  const base::WallTime now{};
  EXPECT_EQ(relative_to(now, now + minutes(5)), "in 5m");
  EXPECT_EQ(relative_to(now, now - minutes(5)), "5m ago");
}

TEST(Output, TheNearestWordIsTheOneMeant) {
  const std::vector<std::string> verbs{"request", "approve", "deny", "revoke", "list"};
  EXPECT_EQ(nearest("aprove", verbs), "approve");
  EXPECT_EQ(nearest("reqeust", verbs), "request");
  EXPECT_EQ(nearest("lsit", verbs), std::nullopt) << "half of the word is another";
  EXPECT_EQ(nearest("lst", verbs), "list");
  EXPECT_EQ(nearest("bake", verbs), std::nullopt);
}

}  // namespace
}  // namespace podid::cli
