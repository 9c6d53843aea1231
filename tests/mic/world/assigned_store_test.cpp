// SPDX-License-Identifier: Apache-2.0
#include "mic/world/assigned_store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::mic {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

AssignedStore::Object assigned(const std::string& version, const std::string& status = "Created",
                               const std::string& uid = "u1") {
  core::AzureAssignedIdentity object;
  object.meta.name = "x";
  object.meta.ns = "default";
  object.meta.uid = uid;
  object.meta.resource_version = version;
  object.pod = "web";
  object.pod_namespace = "shop";
  object.node_name = "node-a";
  object.status = status;
  return std::make_shared<const core::AzureAssignedIdentity>(std::move(object));
}

constexpr base::SteadyTime kNow{std::chrono::hours(1)};

TEST(AssignedStore, FindsObjectsByNamePodAndNode) {
  AssignedStore store;
  EXPECT_TRUE(store.observe(assigned("5")));
  EXPECT_EQ(store.find("default", "x")->meta.resource_version, "5");
  EXPECT_THAT(store.of_pod("shop/web"), SizeIs(1));
  EXPECT_THAT(store.on_node("node-a"), SizeIs(1));
  EXPECT_TRUE(store.node_used("node-a"));
  EXPECT_TRUE(store.observe_deleted(*assigned("6")));
  EXPECT_EQ(store.find("default", "x"), nullptr);
  EXPECT_THAT(store.of_pod("shop/web"), IsEmpty());
  EXPECT_FALSE(store.node_used("node-a"));
}

TEST(AssignedStore, TheEchoOfAnOwnWriteIsNoNews) {
  AssignedStore store;
  store.wrote(*assigned("9", "Assigned"));
  EXPECT_FALSE(store.observe(assigned("8", "Created"))) << "an event from before our write";
  EXPECT_FALSE(store.observe(assigned("9", "Assigned")));
  EXPECT_EQ(store.find("default", "x")->status, "Assigned");
  EXPECT_TRUE(store.observe(assigned("10", "Created")));
}

TEST(AssignedStore, VersionsCompareAsNumbers) {
  AssignedStore store;
  store.wrote(*assigned("9"));
  EXPECT_TRUE(store.observe(assigned("10")));
  EXPECT_TRUE(store.observe(assigned("not-a-number"))) << "the server's word is taken";
}

TEST(AssignedStore, AnObjectThatWeSawEndDoesNotComeBack) {
  AssignedStore store;
  store.wrote(*assigned("9"));
  store.ended(*assigned("9"), kNow);
  EXPECT_FALSE(store.observe(assigned("10", "Unassigned"))) << "a late event";
  EXPECT_EQ(store.find("default", "x"), nullptr);
  EXPECT_FALSE(store.observe_deleted(*assigned("11")));
  EXPECT_TRUE(store.observe(assigned("12", "Created", "u2"))) << "another object of the same name";
}

TEST(AssignedStore, TheEndOfAFormerObjectLeavesItsSuccessorAlone) {
  AssignedStore store;
  store.wrote(*assigned("12", "Created", "u2"));
  EXPECT_FALSE(store.observe_deleted(*assigned("11", "Created", "u1")));
  store.ended(*assigned("11", "Created", "u1"), kNow);
  EXPECT_NE(store.find("default", "x"), nullptr);
}

TEST(AssignedStore, EndsAreForgottenInTheEnd) {
  AssignedStore store;
  store.ended(*assigned("9"), kNow);
  store.forget_ends_before(kNow);
  EXPECT_FALSE(store.observe(assigned("9")));
  store.forget_ends_before(kNow + std::chrono::seconds(1));
  EXPECT_TRUE(store.observe(assigned("9")));
}

TEST(AssignedStore, AnObjectThatMovesIsFoundAtItsNewPlaceOnly) {
  AssignedStore store;
  store.observe(assigned("1"));
  core::AzureAssignedIdentity moved = *assigned("2");
  moved.node_name = "node-b";
  store.wrote(std::move(moved));
  EXPECT_THAT(store.on_node("node-a"), IsEmpty());
  EXPECT_THAT(store.on_node("node-b"), SizeIs(1));
  EXPECT_EQ(store.size(), 1u);
}

}  // namespace
}  // namespace podid::mic
