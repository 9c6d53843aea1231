// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/layout.hpp"

#include <gtest/gtest.h>

#include <set>

namespace podid::lab::cluster {
namespace {

TEST(Layout, GivesEveryNodeAddressesOfItsOwn) {
  const auto layout = make_layout("lab", "/run/x", kMaxNodes);
  ASSERT_TRUE(layout) << layout.error().message;
  std::set<std::string> addresses;
  for (const NodeLayout& node : layout->nodes) {
    addresses.insert(node.address);
    for (int slot = 0; slot < kPodSlots; ++slot) addresses.insert(node.pod_address(slot));
  }
  EXPECT_EQ(addresses.size(), kMaxNodes * (kPodSlots + 1));
  EXPECT_EQ(layout->nodes[1].pod_gateway, "10.244.2.1");
  EXPECT_EQ(layout->nodes[1].pod_address(0), "10.244.2.10");
}

TEST(Layout, FirstNodeIsAVirtualMachineTheOthersAreInstancesOfAScaleSet) {
  const auto layout = make_layout("lab", "/run/x", 3);
  ASSERT_TRUE(layout);
  EXPECT_TRUE(layout->nodes[0].provider_id.ends_with("/virtualMachines/node-a")) << layout->nodes[0].provider_id;
  EXPECT_TRUE(layout->nodes[1].provider_id.ends_with("/virtualMachineScaleSets/pool/virtualMachines/0"))
      << layout->nodes[1].provider_id;
  EXPECT_TRUE(layout->nodes[2].provider_id.ends_with("/virtualMachineScaleSets/pool/virtualMachines/1"));
  EXPECT_TRUE(layout->nodes[0].provider_id.starts_with("azure:///subscriptions/"));
}

TEST(Layout, NamespacesOfOneLabAreNotAnothers) {
  const auto one = make_layout("lab", "/run/x", 1);
  const auto two = make_layout("lab2", "/run/y", 1);
  ASSERT_TRUE(one && two);
  EXPECT_FALSE(two->control_plane_namespace().starts_with(one->namespace_prefix()));
  EXPECT_NE(one->pod_namespace("a", "b-c"), one->pod_namespace("a-b", "c"));
}

TEST(Layout, RefusesBadNamesAndCountsWithTheRemedy) {
  for (const char* name : {"", "Lab", "a-b", "../x", "seventeencharacte"}) {
    const auto layout = make_layout(name, "/run/x", 1);
    ASSERT_FALSE(layout) << name;
    EXPECT_EQ(layout.error().kind, base::ErrorKind::invalid);
    EXPECT_NE(layout.error().message.find("use 1 to 16"), std::string::npos);
  }
  EXPECT_FALSE(make_layout("lab", "/run/x", 0));
  EXPECT_FALSE(make_layout("lab", "/run/x", kMaxNodes + 1));
}

TEST(Layout, HostsFileNamesTheSimulatedAzure) {
  const auto layout = make_layout("lab", "/run/x", 1);
  ASSERT_TRUE(layout);
  EXPECT_NE(layout->hosts_file().find("10.80.0.2 login.microsoftonline.com\n"), std::string::npos);
  EXPECT_NE(layout->hosts_file().find("10.80.0.11 node-a\n"), std::string::npos);
}

TEST(Layout, FindsNodesByName) {
  const auto layout = make_layout("lab", "/run/x", 2);
  ASSERT_TRUE(layout);
  ASSERT_NE(layout->find_node("node-b"), nullptr);
  EXPECT_EQ(layout->find_node("node-b")->address, "10.80.0.12");
  EXPECT_EQ(layout->find_node("node-c"), nullptr);
}

}  // namespace
}  // namespace podid::lab::cluster
