// SPDX-License-Identifier: Apache-2.0
#include "cli/show/who_can.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "support/builders.hpp"

namespace podid::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const base::WallTime kNow = *base::parse_rfc3339("2026-11-28T12:00:00Z");

class WhoCanTest : public ::testing::Test {
 protected:
  WhoCanTest() {
    objects_.identities = {identity_, test::make_identity("shop", "other")};
    objects_.bindings = {binding_, test::make_binding("shop", "others", "other", "back")};
  }
  core::Pod add_pod(const std::string& ns, const std::string& name, const std::string& label) {
    core::Pod pod = test::make_pod(ns, name, label);
    pod.pod_ips = {"10.244.1.10"};
    objects_.pods.push_back({pod, "ReplicaSet/" + name});
    return pod;
  }
  std::vector<Candidate> who() { return who_can(objects_, identity_, request_, kNow); }
  Witness ever(const std::string& ns) { return could_ever(objects_, identity_, ns, request_, kNow); }

  core::AzureIdentity identity_ = test::make_identity("shop", "store");
  core::AzureIdentityBinding binding_ = test::make_binding("shop", "reader", "store", "front");
  ClusterObjects objects_;
  ExplainRequest request_;
};

TEST_F(WhoCanTest, NamesThePodsThatABindingSelectsAndWhetherTheyMay) {
  const core::Pod web = add_pod("shop", "web", "front");
  objects_.assigned = {test::make_assigned(web, identity_, binding_)};
  add_pod("team-b", "late", "front");
  add_pod("shop", "back", "back");
  const auto found = who();
  ASSERT_THAT(found, SizeIs(2)) << "one with another label is none";
  EXPECT_EQ(found[0].pod.text(), "shop/web");
  EXPECT_TRUE(found[0].may);
  EXPECT_EQ(found[0].binding, "shop/reader");
  EXPECT_EQ(found[1].pod.text(), "team-b/late");
  EXPECT_FALSE(found[1].may);
  EXPECT_EQ(found[1].reason, "awaiting_creation");
  EXPECT_THAT(to_table(found, {.wide = true}),
              HasSubstr("shop        web    ReplicaSet/web    node-a   yes   shop/reader"));
  EXPECT_EQ(to_json(identity_, found).at("pods").at(0).at("may"), true);
}

TEST_F(WhoCanTest, WithoutABindingWhoHasAnotherKeepsIt) {
  const core::Pod web = add_pod("shop", "web", "front");
  objects_.assigned = {test::make_assigned(web, identity_, binding_)};
  auto without = who_can_without(objects_, identity_, {"shop", "reader"}, request_, kNow);
  ASSERT_THAT(without, SizeIs(1));
  EXPECT_EQ(without[0].reason, "loses");
  EXPECT_FALSE(without[0].may);
  objects_.bindings.push_back(test::make_binding("shop", "second", "store", "front"));
  without = who_can_without(objects_, identity_, {"shop", "reader"}, request_, kNow);
  EXPECT_EQ(without.at(0).reason, "keeps");
  EXPECT_EQ(without.at(0).binding, "shop/second");
}

TEST_F(WhoCanTest, MayTeamBEverHaveIt) {
  const Witness any = ever("team-b");
  EXPECT_TRUE(any.possible) << any.why;
  EXPECT_EQ(any.label, "front");
  EXPECT_EQ(any.binding, "shop/reader");
  request_.namespaced = true;
  EXPECT_FALSE(ever("team-b").possible);
  EXPECT_TRUE(ever("shop").possible);
  request_.namespaced = false;
  request_.mode = core::OperationMode::managed;
  EXPECT_FALSE(ever("team-b").possible);
  EXPECT_TRUE(ever("shop").possible);
  objects_.bindings.clear();
  EXPECT_THAT(ever("shop").why, HasSubstr("no AzureIdentityBinding names"));
}

TEST_F(WhoCanTest, WhatIsClosedNowMayOpenAndWhatIsOverDoesNot) {
  objects_.bindings.at(0).access.emplace();
  objects_.bindings.at(0).access->grant = core::GrantTerms{.max_duration = std::chrono::hours(4), .approvals = 1};
  EXPECT_TRUE(ever("team-b").possible) << "by a grant";
  EXPECT_THAT(ever("team-b").access, HasSubstr("closed"));
  objects_.bindings.at(0).access->not_after = kNow - std::chrono::hours(1);
  EXPECT_FALSE(ever("team-b").possible);
}

// SEC-10
TEST_F(WhoCanTest, APolicyKeepsTeamBOut) {
  request_.policy = core::IdentityPolicyMode::enforce;
  const auto policy = core::IdentityPolicy::read(boost::json::parse(
      R"({"metadata": {"name": "default"}, "spec": {"rules": [{"name": "shop", "namespaces": {"names": ["shop"]}, "resourceIDs": [")" +
      test::identity_resource_id("store") + "\"]}]}}"));
  ASSERT_TRUE(policy) << policy.error().message();
  objects_.permissions.set_policy(std::make_shared<const core::IdentityPolicy>(*policy));
  EXPECT_FALSE(ever("team-b").possible);
  EXPECT_TRUE(ever("shop").possible) << ever("shop").why;
}

}  // namespace
}  // namespace podid::cli
