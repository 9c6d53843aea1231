// SPDX-License-Identifier: Apache-2.0
#include "base/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::base {
namespace {

using testing::ElementsAre;

TEST(Text, ParseNumberTakesTheWholeTextOrNothing) {
  EXPECT_EQ(parse_number<int>("42"), 42);
  EXPECT_EQ(parse_number<int>("-7"), -7);
  for (const auto bad : {"", " 1", "1 ", "+1", "0x1", "1.5", "99999999999", "-"}) {
    EXPECT_EQ(parse_number<int>(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_number<unsigned>("-1"), std::nullopt);
}

TEST(Text, CaseFoldingIsAsciiOnly) {
  EXPECT_EQ(to_lower("AbZ\xc3\x84"), "abz\xc3\x84");
  EXPECT_TRUE(iequals("Metadata", "METADATA"));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_TRUE(istarts_with("Content-Type", "content-"));
  EXPECT_FALSE(istarts_with("Con", "content"));
}

TEST(Text, TrimsAndSplits) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(Text, Base64RoundTrips) {
  EXPECT_EQ(base64("any carnal pleas"), "YW55IGNhcm5hbCBwbGVhcw==");
  EXPECT_EQ(base64url("\xfb\xff"), "-_8");
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(base64_decode(base64(bytes)), bytes);
    EXPECT_EQ(base64url_decode(base64url(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Text, Base64RefusesWhatIsNotOfTheAlphabet) {
  EXPECT_EQ(base64_decode("YQ"), "a");
  EXPECT_EQ(base64_decode("YQ=="), "a");
  for (const auto bad : {"Y", "YQ=", "Y===", "YQ==x", "Y Q=", "YR==", "-_8=", "====", "YWI=="}) {
    EXPECT_EQ(base64_decode(bad), std::nullopt) << bad;
  }
}

TEST(Text, EscapesAndUnescapesWithPercent) {
  EXPECT_EQ(percent_encode("a b/ü~"), "a%20b%2F%C3%BC~");
  EXPECT_EQ(form_encode("a b+c"), "a+b%2Bc");
  EXPECT_EQ(percent_decode("%41%2f+"), "A/+");
  EXPECT_EQ(form_decode("a+b%2B"), "a b+");
  for (const auto bad : {"%", "%4", "%zz", "a%4"}) EXPECT_EQ(percent_decode(bad), std::nullopt) << bad;
}

TEST(Text, QuotesAsGoDoes) { EXPECT_EQ(go_quote("a\"b\\c\n\t\r\a\x01\x7f"), R"("a\"b\\c\n\t\r\a\x01\x7f")"); }

TEST(Text, WritesHex) { EXPECT_EQ(hex(std::string("\0\xff\x10", 3)), "00ff10"); }

}  // namespace
}  // namespace podid::base
