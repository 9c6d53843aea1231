// SPDX-License-Identifier: Apache-2.0
#include "core/plan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/whole_cluster.hpp"
#include "support/builders.hpp"

namespace podid::core {
namespace {

using test::make_assigned;
using test::make_binding;
using test::make_identity;
using test::make_pod;
using test::plan;
using testing::ElementsAre;
using testing::IsEmpty;

class PlanTest : public testing::Test {
 protected:
  PlanTest() { stored.binding.meta.uid = desired.binding.meta.uid = "uid-b"; }
  std::vector<Step> plan_one() { return plan(std::span(&stored, 1), std::span(&desired, 1)); }
  std::vector<StepKind> kinds(const std::vector<Step>& steps) {
    std::vector<StepKind> kinds;
    for (const Step& step : steps) kinds.push_back(step.kind);
    return kinds;
  }
  Pod pod = make_pod("shop", "web");
  AzureIdentity identity = make_identity("shop", "kv");
  AzureIdentityBinding binding = make_binding("shop", "b", "kv");
  AzureAssignedIdentity desired = make_assigned(pod, identity, binding, kCreated);
  AzureAssignedIdentity stored = make_assigned(pod, identity, binding, kAssigned);
};

TEST_F(PlanTest, EachStatusHasItsStep) {
  const std::pair<std::string_view, std::vector<StepKind>> cases[] = {
      {kAssigned, {}},
      {"", {}},
      {kCreated, {StepKind::confirm}},
      {kUnassigned, {StepKind::recreate}},
      {"Odd", {StepKind::confirm}},
  };
  for (const auto& [status, expected] : cases) {
    stored.status = status;
    EXPECT_EQ(kinds(plan_one()), expected) << status;
  }
}

TEST_F(PlanTest, WhatIsAbsentOnOneSideIsMadeOrRemoved) {
  const auto created = plan({}, std::span(&desired, 1));
  ASSERT_THAT(kinds(created), ElementsAre(StepKind::create));
  EXPECT_EQ(created[0].after, desired);
  EXPECT_EQ(created[0].key, (AssignmentKey{"shop", "web", "kv", "shop"}));
  const auto removed = plan(std::span(&stored, 1), {});
  ASSERT_THAT(kinds(removed), ElementsAre(StepKind::remove));
  EXPECT_EQ(removed[0].before, stored);
  EXPECT_THAT(plan({}, {}), IsEmpty());
}

TEST_F(PlanTest, OnlyTheseChangesMakeAReplacement) {
  const std::pair<const char*, void (*)(AzureAssignedIdentity&)> cases[] = {
      {"identity made anew", [](AzureAssignedIdentity& a) { a.identity.meta.uid = "older"; }},
      {"identity changed", [](AzureAssignedIdentity& a) { a.identity.ad_endpoint = "https://login.other"; }},
      {"identity confined",
       [](AzureAssignedIdentity& a) {
         a.identity.meta.annotations[std::string(kBehaviorAnnotation)] = kNamespacedBehavior;
       }},
      {"binding made anew", [](AzureAssignedIdentity& a) { a.binding.meta.uid = "older"; }},
      {"binding changed", [](AzureAssignedIdentity& a) { a.binding.weight = 7; }},
      {"another binding", [](AzureAssignedIdentity& a) { a.binding.meta.name = "old"; }},
      {"another node", [](AzureAssignedIdentity& a) { a.node_name = "node-b"; }},
      {"new pod of that name",
       [](AzureAssignedIdentity& a) { a.meta.annotations[std::string(kPodUidAnnotation)] = "older"; }},
      {"label edited", [](AzureAssignedIdentity& a) { a.meta.labels.clear(); }},
      {"finalizer gone", [](AzureAssignedIdentity& a) { a.meta.finalizers = {"theirs"}; }},
      {"identity edited by hand", [](AzureAssignedIdentity& a) { a.identity.client_id = ClientId("forged"); }},
  };
  const AzureAssignedIdentity good = stored;
  for (const auto& [what, change] : cases) {
    stored = good;
    stored.meta.resource_version = "41";
    stored.meta.annotations["theirs"] = "kept";
    change(stored);
    const auto steps = plan_one();
    ASSERT_THAT(kinds(steps), ElementsAre(StepKind::replace)) << what;
    const AzureAssignedIdentity& after = steps[0].after;
    EXPECT_EQ(after.status, kCreated) << what;
    EXPECT_EQ(after.meta.resource_version, "41") << what;
    EXPECT_EQ(after.meta.annotations.at("theirs"), "kept") << what;
    EXPECT_TRUE(matches(after, desired)) << what << ": the next plan must be content";
  }
}

TEST_F(PlanTest, WritesThatChangeNoSpecAreNoReason) {
  stored.identity.meta.resource_version = "0";
  stored.binding.meta.resource_version = "0";
  EXPECT_THAT(plan_one(), IsEmpty());
}

TEST_F(PlanTest, CopiesWithoutUidMatch) {
  stored.identity.meta.uid.clear();
  stored.binding.meta.uid.clear();
  EXPECT_THAT(plan_one(), IsEmpty());
}

TEST_F(PlanTest, ObjectsOfAadPodIdentityMatchWithoutPodUid) {
  stored.meta.annotations.clear();
  EXPECT_THAT(plan_one(), IsEmpty());
}

TEST_F(PlanTest, ObjectBeingDeletedIsMadeAnew) {
  stored.meta.deletion_timestamp = "2026-01-01T00:00:00Z";
  const auto steps = plan_one();
  ASSERT_THAT(kinds(steps), ElementsAre(StepKind::recreate));
  EXPECT_EQ(steps[0].after, desired);
}

TEST_F(PlanTest, OtherNamespaceIsRemovedAndCreated) {
  stored.meta.ns = "shop";
  const auto steps = plan_one();
  EXPECT_THAT(kinds(steps), ElementsAre(StepKind::remove, StepKind::create));
}

TEST_F(PlanTest, InvalidNameIsRemovedAndCreated) {
  stored.meta.name = "hand-made";
  EXPECT_THAT(kinds(plan_one()), ElementsAre(StepKind::remove, StepKind::create));
}

TEST_F(PlanTest, CollidingNamesGetAHash) {
  // Pod a in namespace b-c with identity d, pod a in namespace b with identity c-d: both "a-b-c-d".
  const auto one = make_assigned(make_pod("b-c", "a"), make_identity("x", "d"), binding, kCreated);
  const auto two = make_assigned(make_pod("b", "a"), make_identity("x", "c-d"), binding, kCreated);
  ASSERT_EQ(one.meta.name, two.meta.name);
  const std::vector both = {one, two};
  const auto steps = plan({}, both);
  ASSERT_THAT(kinds(steps), ElementsAre(StepKind::create, StepKind::create));
  EXPECT_EQ(steps[0].after.meta.name, two.meta.name) << "in the order of the keys";
  EXPECT_EQ(steps[1].after.meta.name, hashed_assigned_identity_name(key_of(one)));
  // Once stored, the names stay, also when the plain one becomes free.
  std::vector stored_both = {steps[0].after, steps[1].after};
  for (auto& object : stored_both) object.status = kAssigned;
  EXPECT_THAT(plan(stored_both, both), IsEmpty());
  EXPECT_THAT(kinds(plan(stored_both, std::span(&one, 1))), ElementsAre(StepKind::remove));
  EXPECT_THAT(plan(std::span(&stored_both[1], 1), std::span(&one, 1)), IsEmpty());
}

// SEC-3, FLD-6.
TEST_F(PlanTest, SameNamesInTwoNamespacesAreTwoAssignments) {
  const auto foreign =
      make_assigned(pod, make_identity("aaa-evil", "kv"), make_binding("aaa-evil", "b", "kv"), kCreated);
  const std::vector both = {desired, foreign};
  const auto created = plan({}, both);
  ASSERT_THAT(kinds(created), ElementsAre(StepKind::create, StepKind::create));
  EXPECT_EQ(created[0].after, desired) << "the pod's own namespace has the plain name";
  EXPECT_EQ(created[1].after.meta.name, hashed_assigned_identity_name(key_of(foreign)));

  // An assignment that exists is left alone, its name too, whichever of the two came first.
  const auto second = plan(std::span(&stored, 1), both);
  ASSERT_THAT(kinds(second), ElementsAre(StepKind::create));
  EXPECT_EQ(second[0].after.identity.meta.ns, "aaa-evil");
  auto stored_foreign = foreign;
  stored_foreign.status = kAssigned;
  const auto late = plan(std::span(&stored_foreign, 1), both);
  ASSERT_THAT(kinds(late), ElementsAre(StepKind::create));
  EXPECT_EQ(late[0].after.identity.meta.ns, "shop");
  EXPECT_EQ(late[0].after.meta.name, hashed_assigned_identity_name(key_of(desired)));
  EXPECT_THAT(kinds(plan(std::span(&stored_foreign, 1), std::span(&desired, 1))),
              ElementsAre(StepKind::create, StepKind::remove));

  // Where the hashed name is another's too, there is a third.
  auto squatter = make_assigned(make_pod("y", "x"), identity, binding, kAssigned);
  squatter.meta.name = hashed_assigned_identity_name(key_of(desired));
  const auto third = plan(std::vector{stored_foreign, squatter}, both);
  ASSERT_THAT(kinds(third), ElementsAre(StepKind::create, StepKind::remove));
  EXPECT_EQ(third[0].after.meta.name, assigned_identity_names(key_of(desired)).back());
}

TEST_F(PlanTest, DuplicatesOfOneKeyAreRemoved) {
  AzureAssignedIdentity hashed = stored;
  hashed.meta.name = hashed_assigned_identity_name(key_of(stored));
  const std::vector both = {hashed, stored};
  const auto steps = plan(both, std::span(&desired, 1));
  ASSERT_THAT(kinds(steps), ElementsAre(StepKind::remove));
  EXPECT_EQ(steps[0].before, hashed);
}

}  // namespace
}  // namespace podid::core
