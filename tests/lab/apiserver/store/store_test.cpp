// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/store.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

json::value object_of(std::string_view name, int value) {
  return json::object{{"metadata", json::object{{"name", name}}}, {"value", value}};
}

std::string names(const Store::Objects& objects) {
  std::string out;
  for (const auto& [key, object] : objects) out += key + "=" + json::serialize(object->value().at("value")) + " ";
  return out;
}

TEST(Store, CountsOneRevisionForAllBuckets) {
  Store store(100);
  EXPECT_EQ(store.revision(), 1U);
  EXPECT_EQ(store.put("pods", "ns", "a", object_of("a", 1))->revision(), 2U);
  EXPECT_EQ(store.put("nodes", "", "n", object_of("n", 1))->revision(), 3U);
  EXPECT_EQ(store.find("pods", "ns", "a")->value().at("metadata").at("resourceVersion"), "2");
  EXPECT_EQ(store.remove("pods", "ns", "a")->revision(), 4U);
  EXPECT_EQ(store.find("pods", "ns", "a"), nullptr);
  EXPECT_EQ(store.size(), 1U);
}

TEST(Store, RemembersEachRevision) {
  Store store(100);
  store.put("pods", "ns", "a", object_of("a", 1));  // 2
  store.put("pods", "ns", "b", object_of("b", 1));  // 3
  store.put("pods", "ns", "a", object_of("a", 2));  // 4
  store.remove("pods", "ns", "b");                  // 5
  EXPECT_EQ(names(*store.objects_at("pods", 1)), "");
  EXPECT_EQ(names(*store.objects_at("pods", 3)), "ns/a=1 ns/b=1 ");
  EXPECT_EQ(names(*store.objects_at("pods", 4)), "ns/a=2 ns/b=1 ");
  EXPECT_EQ(names(*store.objects_at("pods", 5)), "ns/a=2 ");
  EXPECT_FALSE(store.objects_at("pods", 6));
  EXPECT_EQ(store.changes_after("pods", 3).size(), 2U);
  EXPECT_EQ(store.changes_after("nodes", 0).size(), 0U);
}

TEST(Store, ForgetsBeyondItsHistory) {
  Store store(2);
  for (int i = 0; i < 4; ++i) store.put("pods", "ns", "a", object_of("a", i));  // 2 to 5
  EXPECT_EQ(store.compacted_revision(), 3U);
  EXPECT_FALSE(store.objects_at("pods", 2));
  EXPECT_TRUE(store.objects_at("pods", 3));
  store.compact();
  EXPECT_EQ(store.compacted_revision(), 5U);
  EXPECT_TRUE(store.objects_at("pods", 5));
}

TEST(Store, TellsOfEveryChangeInOrder) {
  Store store(100);
  std::string seen;
  store.observe([&](const ChangePtr& change) {
    seen += (!change->before ? "+" : change->after ? "~" : "-") + std::to_string(change->revision) + " ";
    if (!change->after) {
      EXPECT_EQ(change->last->value().at("metadata").at("resourceVersion"), "4");
    }
  });
  store.put("pods", "ns", "a", object_of("a", 1));
  store.put("pods", "ns", "a", object_of("a", 2));
  store.remove("pods", "ns", "a");
  EXPECT_EQ(seen, "+2 ~3 -4 ");
}

}  // namespace
}  // namespace podid::lab::apiserver
