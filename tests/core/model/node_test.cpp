// SPDX-License-Identifier: Apache-2.0
#include "core/model/node.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace podid::core {
namespace {

namespace json = boost::json;
using testing::ElementsAre;

TEST(Node, IsReadFromItsObject) {
  const auto node = read_node(json::parse(R"({"metadata": {"name": "n"}, "spec": {"providerID": "azure:///x",
    "taints": [{"key": "k", "effect": "NoSchedule", "timeAdded": null}]}})"));
  ASSERT_TRUE(node);
  EXPECT_EQ(node->provider_id, "azure:///x");
  EXPECT_THAT(node->taints, ElementsAre(Taint{"k", "", "NoSchedule"}));
}

}  // namespace
}  // namespace podid::core
