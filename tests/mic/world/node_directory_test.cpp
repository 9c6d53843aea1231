// SPDX-License-Identifier: Apache-2.0
#include "mic/world/node_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::mic {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

core::Node node(const std::string& name, const std::string& provider_id) {
  core::Node node;
  node.name = name;
  node.provider_id = provider_id;
  return node;
}

const std::string kPrefix = "azure:///subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/";

TEST(NodeDirectory, NodesOfOneScaleSetShareATarget) {
  NodeDirectory nodes;
  EXPECT_TRUE(nodes.put(node("a", kPrefix + "virtualMachineScaleSets/Set/virtualMachines/0")));
  EXPECT_TRUE(nodes.put(node("b", kPrefix + "virtualmachinescalesets/set/virtualmachines/1")));
  const NodeAnswer a = nodes.find("a");
  ASSERT_TRUE(a.target);
  EXPECT_EQ(a.target->name, "Set") << "names keep their case";
  EXPECT_THAT(nodes.on_target(a.target->key()), UnorderedElementsAre("a", "b"));
}

TEST(NodeDirectory, OnlyAChangedProviderIdIsNews) {
  NodeDirectory nodes;
  EXPECT_TRUE(nodes.put(node("a", kPrefix + "virtualMachines/vm")));
  EXPECT_FALSE(nodes.put(node("a", kPrefix + "virtualMachines/vm")));
  EXPECT_TRUE(nodes.put(node("a", kPrefix + "virtualMachines/vm2")));
  EXPECT_FALSE(nodes.erase("unknown"));
}

TEST(NodeDirectory, AnEmptyProviderIdFallsBackToTheConfiguration) {
  NodeDirectory nodes;
  nodes.put(node("a", ""));
  EXPECT_TRUE(nodes.set_defaults({.subscription = "sub", .resource_group = "rg"}));
  EXPECT_FALSE(nodes.set_defaults({.subscription = "sub", .resource_group = "rg"}));
  const NodeAnswer answer = nodes.find("a");
  ASSERT_TRUE(answer.target);
  EXPECT_EQ(answer.target->subscription, "sub");
  EXPECT_EQ(answer.target->resource_group, "rg");
  EXPECT_EQ(answer.target->name, "a");
}

TEST(NodeDirectory, AnUnreadableProviderIdIsAProblemNotAGuess) {
  NodeDirectory nodes;
  nodes.put(node("a", "aws:///i-123"));
  const NodeAnswer answer = nodes.find("a");
  EXPECT_TRUE(answer.exists);
  EXPECT_FALSE(answer.target);
  EXPECT_THAT(answer.problem, HasSubstr("invalid resource ID format"));
}

TEST(NodeDirectory, AGoneNodeIsRememberedUntilForgotten) {
  NodeDirectory nodes;
  nodes.put(node("a", kPrefix + "virtualMachines/vm"));
  EXPECT_TRUE(nodes.erase("a"));
  EXPECT_FALSE(nodes.find("a").exists);
  EXPECT_TRUE(nodes.find("a").target);
  EXPECT_THAT(nodes.names(), IsEmpty());
  nodes.forget_gone([](const std::string&) { return true; });
  EXPECT_TRUE(nodes.find("a").target);
  nodes.forget_gone([](const std::string&) { return false; });
  EXPECT_FALSE(nodes.find("a").target);
}

}  // namespace
}  // namespace podid::mic
