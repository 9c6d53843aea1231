// SPDX-License-Identifier: Apache-2.0
#include "kube/object_key.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace podid::kube {
namespace {

TEST(ObjectKey, IsThatOfAnObjectAndHasAText) {
  EXPECT_EQ(key_of(json::parse(R"({"metadata":{"name":"n","namespace":"s"}})")), (ObjectKey{"s", "n"}));
  EXPECT_EQ(key_of(json::parse(R"({"metadata":[]})")), ObjectKey());
  EXPECT_EQ((ObjectKey{"", "node"}).to_string(), "node");
}

}  // namespace
}  // namespace podid::kube
