// SPDX-License-Identifier: Apache-2.0
#include "kube/json.hpp"

#include <gtest/gtest.h>

#include <optional>

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

TEST(Json, ItemsOfAList) {
  const auto count = [](std::string_view text) -> std::optional<std::size_t> {
    json::value list = parse_json(text, "x").value();
    const base::Result<std::span<json::value>> items = items_of(list, "pods");
    if (items) return items->size();
    EXPECT_EQ(items.error().kind, base::ErrorKind::invalid);
    EXPECT_EQ(items.error().message, "the list of pods has no items");
    return std::nullopt;
  };
  EXPECT_EQ(count(R"({"items":[{},{}]})"), 2u);
  EXPECT_EQ(count(R"({"items":[]})"), 0u);
  EXPECT_EQ(count(R"({"items":null})"), 0u) << "as Go writes an empty list";
  for (const std::string_view text : {"{}", R"({"items":{}})", R"({"items":"a"})", "[]", "null"}) {
    EXPECT_EQ(count(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace podid::kube
