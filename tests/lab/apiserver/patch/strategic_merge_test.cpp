// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/patch/strategic_merge.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

std::string merged(std::string_view kind, std::string_view document, std::string_view patch) {
  const auto result = apply_strategic_merge(kind, json::parse(document), json::parse(patch));
  return result ? json::serialize(*result) : std::to_string(result.error().code);
}

constexpr std::string_view kPod = R"({"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"1"}]}})";

TEST(StrategicMerge, MergesListsOfBuiltInKindsByTheirKey) {
  EXPECT_EQ(merged("Pod", kPod, R"({"spec":{"containers":[{"name":"b","image":"2"}]}})"),
            R"({"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}})");
  EXPECT_EQ(merged("Pod", R"({"spec":{"containers":[{"name":"a","env":[{"name":"X","value":"1"}]}]}})",
                   R"({"spec":{"containers":[{"name":"a","env":[{"name":"Y","value":"2"}]}]}})"),
            R"({"spec":{"containers":[{"name":"a","env":[{"name":"Y","value":"2"},{"name":"X","value":"1"}]}]}})");
  EXPECT_EQ(merged("Node", R"({"status":{"conditions":[{"type":"Ready","status":"False"}]}})",
                   R"({"status":{"conditions":[{"type":"Ready","status":"True"}]}})"),
            R"({"status":{"conditions":[{"type":"Ready","status":"True"}]}})");
}

TEST(StrategicMerge, ReplacesOtherListsAndMembers) {
  EXPECT_EQ(merged("Node", R"({"spec":{"taints":[{"key":"a"}]}})", R"({"spec":{"taints":[{"key":"b"}]}})"),
            R"({"spec":{"taints":[{"key":"b"}]}})");
  EXPECT_EQ(merged("Secret", R"({"data":{"a":"1","b":"2"}})", R"({"data":{"a":null,"c":"3"}})"),
            R"({"data":{"b":"2","c":"3"}})");
}

TEST(StrategicMerge, UnitesPlainLists) {
  // New values come first, as the real server orders them.
  EXPECT_EQ(merged("Secret", R"({"metadata":{"finalizers":["x"]}})", R"({"metadata":{"finalizers":["y","x"]}})"),
            R"({"metadata":{"finalizers":["y","x"]}})");
  EXPECT_EQ(merged("Secret", R"({"metadata":{"finalizers":["x","y"]}})",
                   R"({"metadata":{"$deleteFromPrimitiveList/finalizers":["x"]}})"),
            R"({"metadata":{"finalizers":["y"]}})");
}

TEST(StrategicMerge, ObeysDirectives) {
  EXPECT_EQ(merged("Pod", kPod, R"({"spec":{"containers":[{"name":"a","$patch":"delete"}]}})"),
            R"({"spec":{"containers":[{"name":"b","image":"1"}]}})");
  EXPECT_EQ(merged("Pod", kPod, R"({"spec":{"containers":[{"$patch":"replace"},{"name":"c"}]}})"),
            R"({"spec":{"containers":[{"name":"c"}]}})");
  EXPECT_EQ(merged("Secret", R"({"data":{"a":"1"}})", R"({"data":{"$patch":"replace","b":"2"}})"),
            R"({"data":{"b":"2"}})");
  EXPECT_EQ(merged("Secret", R"({"data":{"a":"1"}})", R"({"data":{"$patch":"delete"}})"), R"({"data":{}})");
  EXPECT_EQ(merged("Pod", R"({"spec":{"volumes":[{"name":"v","emptyDir":{}}]}})",
                   R"({"spec":{"volumes":[{"name":"v","$retainKeys":["name","secret"],"secret":{"x":1}}]}})"),
            R"({"spec":{"volumes":[{"name":"v","secret":{"x":1}}]}})");
  EXPECT_EQ(merged("Secret", R"({"data":{}})", R"({"data":{"$patch":"frobnicate"}})"), "400");
}

TEST(StrategicMerge, OrdersAListAsThePatchSays) {
  EXPECT_EQ(merged("Pod", R"({"spec":{"containers":[{"name":"a"},{"name":"s"},{"name":"b"}]}})",
                   R"({"spec":{"$setElementOrder/containers":[{"name":"b"},{"name":"c"},{"name":"a"}],
                               "containers":[{"name":"c"}]}})"),
            R"({"spec":{"containers":[{"name":"s"},{"name":"b"},{"name":"c"},{"name":"a"}]}})");
}

TEST(StrategicMerge, RefusesAnItemWithoutItsKey) {
  EXPECT_EQ(merged("Pod", kPod, R"({"spec":{"containers":[{"image":"2"}]}})"), "400");
}

TEST(ApplyConfiguration, AddsAndChangesButRemovesNothing) {
  const auto applied = apply_configuration("Pod", json::parse(kPod),
                                           json::parse(R"({"spec":{"containers":[{"name":"b","image":"2"}]}})"));
  ASSERT_TRUE(applied);
  EXPECT_EQ(json::serialize(*applied),
            R"({"spec":{"containers":[{"name":"a","image":"1"},{"name":"b","image":"2"}]}})");
  const auto custom =
      apply_configuration("", json::parse(R"({"spec":{"list":[1],"a":1}})"), json::parse(R"({"spec":{"list":[2]}})"));
  EXPECT_EQ(json::serialize(*custom), R"({"spec":{"list":[2],"a":1}})");
}

}  // namespace
}  // namespace podid::lab::apiserver
