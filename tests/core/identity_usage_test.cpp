// SPDX-License-Identifier: Apache-2.0
#include "core/identity_usage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/builders.hpp"

namespace podid::core {
namespace {

using test::make_identity;
using testing::ElementsAre;
using testing::IsEmpty;

const AssignmentKey kWebA{"a", "web-0", "kv"};
const AssignmentKey kWebB{"b", "web-0", "kv"};

TEST(IdentityUsageTest, SameNamedPodOfAnotherNamespaceCounts) {
  IdentityUsage usage;
  usage.set(kWebB, "vm1", make_identity("x", "kv"));
  EXPECT_TRUE(usage.in_use("vm1", kWebA, make_identity("x", "kv")));
  EXPECT_FALSE(usage.in_use("vm2", kWebA, make_identity("x", "kv")));
  usage.erase(kWebB);
  EXPECT_FALSE(usage.in_use("vm1", kWebA, make_identity("x", "kv")));
  EXPECT_THAT(usage.wanted("vm1"), IsEmpty());
}

TEST(IdentityUsageTest, ResourceIdsCompareWithoutCase) {
  IdentityUsage usage;
  AzureIdentity upper = make_identity("x", "KV");
  upper.client_id = "different";
  usage.set(kWebB, "vm1", upper);
  EXPECT_TRUE(usage.in_use("vm1", kWebA, make_identity("x", "kv")));
  EXPECT_THAT(usage.wanted("vm1"),
              ElementsAre("/subscriptions/s1/resourcegroups/g1/providers/microsoft.managedidentity/"
                          "userassignedidentities/kv"));
}

TEST(IdentityUsageTest, ClientIdOfAnotherPodIsASecondSafety) {
  IdentityUsage usage;
  AzureIdentity renamed = make_identity("x", "renamed");
  renamed.client_id = "CLIENT-kv";
  usage.set(kWebB, "vm1", renamed);
  EXPECT_TRUE(usage.in_use("vm1", kWebA, make_identity("x", "kv")));
  // The pod's own new version does not protect the old one: an edited identity is taken off.
  EXPECT_FALSE(usage.in_use("vm1", kWebB, make_identity("x", "kv")));
}

TEST(IdentityUsageTest, SetMovesTheAssignment) {
  IdentityUsage usage;
  usage.set(kWebA, "vm1", make_identity("x", "kv"));
  usage.set(kWebA, "vm2", make_identity("x", "kv"));
  EXPECT_FALSE(usage.in_use("vm1", kWebA, make_identity("x", "kv")));
  EXPECT_TRUE(usage.in_use("vm2", kWebA, make_identity("x", "kv"))) << "also for itself";
  AzureIdentity principal = make_identity("x", "kv");
  principal.type = IdentityType::service_principal_secret;
  usage.set(kWebA, "vm2", principal);
  EXPECT_THAT(usage.wanted("vm2"), IsEmpty());
}

TEST(ImmutableIdentitiesTest, ClientAndResourceIdsTrimmedAndWithoutCase) {
  const std::vector<std::string> configured = {" CLIENT-A ", "", "  ", test::identity_resource_id("B")};
  const ImmutableIdentities immutable(configured, "Cluster-Id");
  EXPECT_TRUE(immutable.contains(make_identity("x", "a")));
  EXPECT_TRUE(immutable.contains(make_identity("x", "b")));
  EXPECT_FALSE(immutable.contains(make_identity("x", "c")));
  AzureIdentity cluster = make_identity("x", "c");
  cluster.client_id = "cluster-ID";
  EXPECT_TRUE(immutable.contains(cluster));
  EXPECT_FALSE(ImmutableIdentities({}, "").contains(AzureIdentity{})) << "an empty id is in no set";
}

TEST(IdentityChangesTest, AddWins) {
  IdentityChanges changes;
  changes.to_remove("/A");
  changes.to_add("/a");
  changes.to_remove("/a");
  changes.to_remove("/B");
  EXPECT_THAT(changes.add, ElementsAre("/a"));
  EXPECT_THAT(changes.remove, ElementsAre("/b"));
}

TEST(IdentityChangesTest, BatchesHoldEachIdOnceRemovalsFirst) {
  IdentityChanges changes;
  for (int i = 100; i < 300; ++i) changes.to_remove("r" + std::to_string(i));
  for (int i = 100; i < 250; ++i) changes.to_add("a" + std::to_string(i));
  const auto batches = in_batches(changes);
  ASSERT_EQ(batches.size(), 3u);
  IdentityChanges all;
  for (const IdentityChanges& batch : batches) {
    EXPECT_LE(batch.add.size() + batch.remove.size(), kMostChangesPerPatch);
    all.add.insert(batch.add.begin(), batch.add.end());
    all.remove.insert(batch.remove.begin(), batch.remove.end());
  }
  EXPECT_EQ(all, changes);
  EXPECT_TRUE(batches[0].add.empty());
  EXPECT_TRUE(batches[2].remove.empty());
  EXPECT_THAT(in_batches({}), IsEmpty());
}

}  // namespace
}  // namespace podid::core
