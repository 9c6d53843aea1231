// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/patch/json_patch.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

constexpr std::size_t kMany = 100;
constexpr std::string_view kDocument = R"({"a":{"b":[1,2,3],"c~/d":"x"},"e":"f"})";

struct Case {
  std::string_view patch;
  std::string_view result;  // empty: 422
};

class JsonPatchTest : public testing::TestWithParam<Case> {};

TEST_P(JsonPatchTest, AppliesOrRefuses) {
  const auto result = apply_json_patch(json::parse(kDocument), json::parse(GetParam().patch), kMany);
  if (GetParam().result.empty()) {
    ASSERT_FALSE(result) << json::serialize(*result);
    EXPECT_EQ(result.error().code, 422);
    return;
  }
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(*result, json::parse(GetParam().result)) << json::serialize(*result);
}

INSTANTIATE_TEST_SUITE_P(
    All, JsonPatchTest,
    testing::Values(
        Case{R"([])", kDocument},
        Case{R"([{"op":"add","path":"/a/b/1","value":9}])", R"({"a":{"b":[1,9,2,3],"c~/d":"x"},"e":"f"})"},
        Case{R"([{"op":"add","path":"/a/b/-","value":9}])", R"({"a":{"b":[1,2,3,9],"c~/d":"x"},"e":"f"})"},
        Case{R"([{"op":"add","path":"/n","value":null}])", R"({"a":{"b":[1,2,3],"c~/d":"x"},"e":"f","n":null})"},
        Case{R"([{"op":"add","path":"","value":1}])", "1"}, Case{R"([{"op":"add","path":"/x/y","value":1}])", ""},
        Case{R"([{"op":"add","path":"/a/b/7","value":1}])", ""},
        Case{R"([{"op":"remove","path":"/a/b/0"}])", R"({"a":{"b":[2,3],"c~/d":"x"},"e":"f"})"},
        Case{R"([{"op":"remove","path":"/a/c~0~1d"}])", R"({"a":{"b":[1,2,3]},"e":"f"})"},
        Case{R"([{"op":"remove","path":"/zz"}])", ""},
        Case{R"([{"op":"replace","path":"/e","value":{}}])", R"({"a":{"b":[1,2,3],"c~/d":"x"},"e":{}})"},
        // The real server adds a missing member of an object that is there.
        Case{R"([{"op":"replace","path":"/a/n","value":1}])", R"({"a":{"b":[1,2,3],"c~/d":"x","n":1},"e":"f"})"},
        Case{R"([{"op":"replace","path":"/x/n","value":1}])", ""},
        Case{R"([{"op":"replace","path":"/a/b/3","value":1}])", ""},
        Case{R"([{"op":"move","from":"/e","path":"/a/e"}])", R"({"a":{"b":[1,2,3],"c~/d":"x","e":"f"}})"},
        Case{R"([{"op":"move","from":"/zz","path":"/a/e"}])", ""},
        Case{R"([{"op":"copy","from":"/a/b","path":"/g"}])", R"({"a":{"b":[1,2,3],"c~/d":"x"},"e":"f","g":[1,2,3]})"},
        Case{R"([{"op":"test","path":"/a/b","value":[1,2,3.0]}])", kDocument},
        Case{R"([{"op":"test","path":"/e","value":"g"}])", ""},
        Case{R"([{"op":"test","path":"/zz","value":null}])", kDocument},
        Case{R"([{"op":"test","path":"/e","value":"f"},{"op":"remove","path":"/e"}])",
             R"({"a":{"b":[1,2,3],"c~/d":"x"}})"},
        Case{R"([{"op":"frobnicate","path":"/e"}])", ""}, Case{R"([{"op":"remove","path":"e"}])", ""},
        Case{R"([{"op":"remove","path":"/a/b/01"}])", ""}, Case{R"([{"op":"remove","path":"/a/c~2"}])", ""},
        Case{R"([{"op":"remove"}])", ""}));

TEST(JsonPatchList, IsAListOfBoundedLength) {
  EXPECT_EQ(apply_json_patch({}, json::object{}, kMany).error().code, 400);
  const json::value two = json::parse(R"([{"op":"add","path":"/a","value":1},{"op":"add","path":"/b","value":1}])");
  EXPECT_TRUE(apply_json_patch(json::object{}, two, 2));
  EXPECT_EQ(apply_json_patch(json::object{}, two, 1).error().code, 413);
}

TEST(MergePatch, FollowsTheExamplesOfTheStandard) {
  const auto merged = [](std::string_view document, std::string_view patch) {
    return apply_merge_patch(json::parse(document), json::parse(patch));
  };
  EXPECT_EQ(merged(R"({"a":"b"})", R"({"a":"c"})"), json::parse(R"({"a":"c"})"));
  EXPECT_EQ(merged(R"({"a":"b","b":"c"})", R"({"a":null})"), json::parse(R"({"b":"c"})"));
  EXPECT_EQ(merged(R"({"a":["b"]})", R"({"a":"c"})"), json::parse(R"({"a":"c"})"));
  EXPECT_EQ(merged(R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})"), json::parse(R"({"a":{"b":"d"}})"));
  EXPECT_EQ(merged(R"({"e":null})", R"({"a":1})"), json::parse(R"({"e":null,"a":1})"));
  EXPECT_EQ(merged(R"({"a":"foo"})", R"("bar")"), json::parse(R"("bar")"));
  EXPECT_EQ(merged("{}", R"({"a":{"bb":{"ccc":null}}})"), json::parse(R"({"a":{"bb":{}}})"));
}

}  // namespace
}  // namespace podid::lab::apiserver
