// SPDX-License-Identifier: Apache-2.0
#include "kube/json.hpp"

#include <gtest/gtest.h>

namespace podid::kube {
namespace {

TEST(Json, FieldsMayBeAbsentOrWrong) {
  const json::value value =
      parse_json(R"({"a":{"b":"text","n":5,"f":1.5,"big":18446744073709551615},"l":[1]})", "x").value();
  EXPECT_EQ(string_at(value, {"a", "b"}), "text");
  EXPECT_EQ(string_at(value, {"a", "n"}), "");
  EXPECT_EQ(string_at(value, {"a", "b", "c"}), "");
  EXPECT_EQ(string_at(value, {"l", "0"}), "");
  EXPECT_EQ(int_at(value, {"a", "n"}), 5);
  EXPECT_EQ(int_at(value, {"a", "f"}), 0);
  EXPECT_EQ(int_at(value, {"a", "big"}), 0);
  EXPECT_EQ(find(value, {"none"}), nullptr);
  EXPECT_EQ(find(value, {}), &value);
}

TEST(Json, ErrorsNameTheText) {
  for (const std::string_view text : {"", "{", "{} x", "{\"a\":1,}", "\xff", "nan"}) {
    const auto parsed = parse_json(text, "the answer");
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().kind, base::ErrorKind::invalid);
    EXPECT_TRUE(parsed.error().message.starts_with("the answer is not JSON: ")) << parsed.error().message;
  }
}

TEST(Json, DepthOfSchemasIsAccepted) {
  const std::string deep = std::string(200, '[') + std::string(200, ']');
  EXPECT_TRUE(parse_json(deep, "x").has_value());
  EXPECT_FALSE(parse_json(std::string(300, '[') + std::string(300, ']'), "x").has_value());
}

}  // namespace
}  // namespace podid::kube
