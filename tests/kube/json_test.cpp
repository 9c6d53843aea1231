// SPDX-License-Identifier: Apache-2.0
#include "kube/json.hpp"

#include <gtest/gtest.h>

namespace podid::kube {
namespace {

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
