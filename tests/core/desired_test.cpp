// SPDX-License-Identifier: Apache-2.0
#include "core/desired.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "support/builders.hpp"

namespace podid::core {
namespace {

using test::make_binding;
using test::make_identity;
using test::make_pod;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DesiredTest : public testing::Test {
 protected:
  // "namespace/name" of the assignments of `pod`.
  std::vector<std::string> names(const Pod& pod) {
    warnings.clear();
    std::vector<std::string> names;
    for (const auto& assigned : rules.desired_for(pod, warnings)) names.push_back(assigned.meta.key().text());
    return names;
  }
  AssignmentRules rules{AssignmentOptions{}};
  std::vector<AssignmentWarning> warnings;
};

TEST_F(DesiredTest, ThereIsOneAssignmentPerMatchingIdentity) {
  rules.put(make_identity("shop", "kv"));
  rules.put(make_identity("shop", "db"));
  rules.put(make_binding("shop", "b1", "kv"));
  rules.put(make_binding("shop", "b2", "db"));
  rules.put(make_binding("shop", "b3", "db", "writer"));
  EXPECT_THAT(names(make_pod("shop", "web")), ElementsAre("default/web-shop-kv", "default/web-shop-db"));
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(DesiredTest, TheObjectIsAsCreated) {
  AzureIdentity identity = make_identity("shop", "kv");
  identity.meta.labels = {{"big", "label"}};
  rules.put(identity);
  rules.put(make_binding("shop", "b", "kv"));
  const Pod pod = make_pod("shop", "web");
  const auto desired = rules.desired_for(pod, warnings);
  ASSERT_EQ(desired.size(), 1u);
  identity.meta.labels.clear();
  EXPECT_EQ(desired[0], test::make_assigned(pod, identity, make_binding("shop", "b", "kv"), kCreated));
}

TEST_F(DesiredTest, SomePodsGetNothing) {
  rules.put(make_identity("shop", "kv"));
  rules.put(make_binding("shop", "b", "kv"));
  EXPECT_THAT(names(make_pod("shop", "web", "")), IsEmpty()) << "no label";
  EXPECT_THAT(names(make_pod("shop", "web", "other")), IsEmpty()) << "no binding";
  EXPECT_THAT(names(make_pod("shop", "web", "reader", "")), IsEmpty()) << "not scheduled";
  Pod finished = make_pod("shop", "web");
  for (const char* phase : {"Succeeded", "Failed"}) {
    finished.phase = phase;
    EXPECT_THAT(names(finished), IsEmpty()) << phase;
  }
  for (const char* phase : {"Pending", "Unknown", ""}) {
    finished.phase = phase;
    EXPECT_EQ(names(finished).size(), 1u) << phase;
  }
}

TEST_F(DesiredTest, FinishedPodsCountOnRequest) {
  AssignmentRules keeping(AssignmentOptions{.namespaced = NamespacedMode::off, .keep_finished_pods = true});
  keeping.put(make_identity("shop", "kv"));
  keeping.put(make_binding("shop", "b", "kv"));
  Pod pod = make_pod("shop", "web");
  pod.phase = "Succeeded";
  EXPECT_EQ(keeping.desired_for(pod, warnings).size(), 1u);
}

TEST_F(DesiredTest, BindingNamesAnIdentityOfItsOwnNamespace) {
  rules.put(make_identity("shop", "kv"));
  rules.put(make_binding("other", "b", "kv"));
  EXPECT_THAT(names(make_pod("shop", "web")), IsEmpty());
}

TEST_F(DesiredTest, InvalidResourceIdIsLeftOutWithAWarning) {
  AzureIdentity identity = make_identity("shop", "kv");
  identity.resource_id = ResourceId("kv");
  rules.put(identity);
  rules.put(make_binding("shop", "b", "kv"));
  EXPECT_THAT(names(make_pod("shop", "web")), IsEmpty());
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].kind, AssignmentWarning::Kind::invalid_resource_id);
  EXPECT_THAT(warnings[0].text, HasSubstr("ignoring azure identity shop/kv, error: invalid resource id: \"kv\""));
  identity.type = IdentityType::service_principal_secret;  // other types are never checked
  rules.put(identity);
  EXPECT_EQ(names(make_pod("shop", "web")).size(), 1u);
}

TEST_F(DesiredTest, APodGetsALimitedNumberOfIdentitiesOfEachNamespace) {  // SEC-4
  rules.put(make_identity("shop", "zz"));
  rules.put(make_binding("shop", "zz", "zz"));
  rules.put(make_identity("central", "kv"));
  rules.put(make_binding("central", "kv", "kv"));
  for (std::size_t i = 0; i < kMaxAssignmentsPerPod + 5; ++i) {
    const std::string name = "id" + std::to_string(i);
    rules.put(make_identity("another", name));
    rules.put(make_binding("another", name, name));
  }
  const auto desired = rules.desired_for(make_pod("shop", "web"), warnings);
  ASSERT_EQ(desired.size(), kMaxAssignmentsPerPod + 2);
  EXPECT_EQ(desired.front().identity.meta.name, "zz") << "whatever others bind to its label";
  const auto of_central = [](const AzureAssignedIdentity& made) { return made.identity.meta.ns == "central"; };
  EXPECT_EQ(std::ranges::count_if(desired, of_central), 1) << "whoever fills a namespace pushes out nobody else's";
  std::erase_if(warnings, [](const AssignmentWarning& warning) {
    return warning.kind != AssignmentWarning::Kind::too_many_for_pod;
  });
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].object.ns, "another");
  EXPECT_THAT(
      warnings[0].text,
      HasSubstr("pod shop/web is bound to more than 64 identities of namespace another; AzureIdentity another/"));
}

TEST_F(DesiredTest, MalformedResourceIdsAreSaidOfALimitedNumber) {
  for (int i = 0; i < 200; ++i) {
    AzureIdentity identity = make_identity("another", "id" + std::to_string(i));
    identity.resource_id = ResourceId("kv");
    rules.put(identity);
    rules.put(make_binding("another", identity.meta.name, identity.meta.name));
  }
  EXPECT_THAT(rules.desired_for(make_pod("shop", "web"), warnings), IsEmpty());
  EXPECT_EQ(warnings.size(), kMaxAssignmentsPerPod);
}

// SEC-3, FLD-6: an AzureIdentity and a binding of the same names in a namespace that sorts first.
TEST_F(DesiredTest, SameNamesInTwoNamespacesAreBothThePodsAndItsOwnComeFirst) {
  for (const char* ns : {"shop", "aaa-evil"}) {
    rules.put(make_identity(ns, "kv"));
    rules.put(make_binding(ns, "b", "kv"));
  }
  const auto desired = rules.desired_for(make_pod("shop", "web"), warnings);
  ASSERT_EQ(desired.size(), 2u);
  EXPECT_EQ(desired[0].identity.meta.ns, "shop");
  EXPECT_EQ(desired[1].identity.meta.ns, "aaa-evil");
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].kind, AssignmentWarning::Kind::binding_shadowed);
  EXPECT_EQ(warnings[0].object, (ObjectKey{"aaa-evil", "b"}));
  EXPECT_THAT(warnings[0].text, HasSubstr("AzureIdentityBinding aaa-evil/b selects pods of namespace shop"));
}

TEST_F(DesiredTest, BindingsOfOtherNamespacesAloneShadowNobody) {
  for (const char* ns : {"b", "a"}) {
    rules.put(make_identity(ns, "kv"));
    rules.put(make_binding(ns, "b", "kv"));
  }
  rules.put(make_binding("shop", "dangling", "nothing"));
  EXPECT_EQ(rules.desired_for(make_pod("shop", "web"), warnings).size(), 2u);
  EXPECT_THAT(warnings, IsEmpty());
}

TEST_F(DesiredTest, NamespacedModeAndAnnotationNarrowIt) {
  AzureIdentity annotated = make_identity("shop", "kv");
  annotated.meta.annotations.emplace(kBehaviorAnnotation, kNamespacedBehavior);
  rules.put(annotated);
  rules.put(make_binding("shop", "b", "kv"));
  EXPECT_THAT(names(make_pod("shop", "web")), ElementsAre("shop/web-shop-kv"));
  EXPECT_THAT(names(make_pod("other", "web")), IsEmpty());
  AssignmentRules namespaced(AssignmentOptions{.namespaced = NamespacedMode::on, .keep_finished_pods = false});
  namespaced.put(make_identity("shop", "kv"));
  namespaced.put(make_binding("shop", "b", "kv"));
  EXPECT_EQ(namespaced.desired_for(make_pod("shop", "web"), warnings).at(0).meta.ns, "shop");
  EXPECT_THAT(namespaced.desired_for(make_pod("other", "web"), warnings), IsEmpty());
}

TEST_F(DesiredTest, FollowsChangesOfRules) {
  rules.put(make_identity("shop", "kv"));
  rules.put(make_binding("shop", "b", "kv"));
  EXPECT_THAT(rules.selectors_using({"shop", "kv"}), ElementsAre("reader"));
  rules.put(make_binding("shop", "b", "kv", "writer"));
  EXPECT_THAT(rules.selectors_using({"shop", "kv"}), ElementsAre("writer"));
  EXPECT_THAT(names(make_pod("shop", "web")), IsEmpty());
  EXPECT_EQ(names(make_pod("shop", "web", "writer")).size(), 1u);
  rules.erase_identity({"shop", "kv"});
  EXPECT_THAT(names(make_pod("shop", "web", "writer")), IsEmpty());
  EXPECT_EQ(rules.find_identity({"shop", "kv"}), nullptr);
  rules.erase_binding({"shop", "b"});
  rules.erase_binding({"shop", "b"});
  EXPECT_EQ(rules.find_binding({"shop", "b"}), nullptr);
  EXPECT_THAT(rules.selectors_using({"shop", "kv"}), IsEmpty());
}

// SEC-10
class DesiredByPolicyTest : public DesiredTest {
 protected:
  DesiredByPolicyTest() { rules = AssignmentRules({.policy = IdentityPolicyMode::enforce}); }
  void allow(const std::string& name, const std::string& namespaces, const std::string& more = "") {
    const auto object =
        boost::json::parse(R"({"spec": {"rules": [{"name": "r", "namespaces": )" + namespaces +
                           R"(, "resourceIDs": [")" + test::identity_resource_id(name) + "\"]" + more + "}]}}");
    rules.permissions().set_policy(std::make_shared<const IdentityPolicy>(IdentityPolicy::read(object).value()));
  }
};

TEST_F(DesiredByPolicyTest, WhatNoRuleAllowsIsLeftOutWithAWarningOnIdentityAndBinding) {
  rules.put(make_identity("shop", "kv"));
  rules.put(make_identity("shop", "open"));
  rules.put(make_binding("shop", "b1", "kv"));
  rules.put(make_binding("shop", "b2", "open"));
  EXPECT_THAT(names(make_pod("shop", "web")), IsEmpty()) << "there is no policy";
  ASSERT_EQ(warnings.size(), 4u);
  EXPECT_EQ(warnings[0].kind, AssignmentWarning::Kind::identity_denied);
  EXPECT_EQ(warnings[0].object.text(), "shop/kv");
  EXPECT_THAT(warnings[0].text, HasSubstr("there is no AzureIdentityPolicy default"));
  EXPECT_THAT(warnings[0].text, HasSubstr("create it"));
  EXPECT_EQ(warnings[1].kind, AssignmentWarning::Kind::binding_denied);
  EXPECT_EQ(warnings[1].object.text(), "shop/b1");
  allow("open", R"({"names": ["shop"]})");
  EXPECT_THAT(names(make_pod("shop", "web")), ElementsAre("default/web-shop-open"));
  EXPECT_EQ(warnings.size(), 2u);
  rules = AssignmentRules({});
  rules.put(make_identity("shop", "kv"));
  rules.put(make_binding("shop", "b1", "kv"));
  EXPECT_THAT(names(make_pod("shop", "web")), ElementsAre("default/web-shop-kv")) << "--identity-policy=off";
}

TEST_F(DesiredByPolicyTest, OfTwoBindingsTheOneThatHasWhatIsRequiredGivesTheIdentity) {
  rules.put(make_identity("shop", "kv"));
  rules.put(make_binding("shop", "b1", "kv"));
  AzureIdentityBinding limited = make_binding("shop", "b2", "kv");
  limited.access.emplace().grant.emplace();
  allow("kv", R"({"names": ["shop"]})", R"(, "requireAccess": ["grant"])");
  EXPECT_THAT(names(make_pod("shop", "web")), IsEmpty());
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_THAT(warnings[1].text, HasSubstr("only by bindings whose spec.access has grant; add it to the binding"));
  rules.put(limited);
  const auto desired = rules.desired_for(make_pod("shop", "web"), warnings);
  ASSERT_EQ(desired.size(), 1u);
  EXPECT_EQ(desired[0].binding.meta.name, "b2");
}

TEST_F(DesiredByPolicyTest, WhoFillsANamespaceWithDeniedBindingsMakesNoMoreWarningsThanAPodHasAssignments) {
  for (std::size_t n = 0; n < kMaxAssignmentsPerPod + 9; ++n) {
    const std::string name = "i" + std::to_string(n);
    rules.put(make_identity("shop", name));
    rules.put(make_binding("shop", name, name));
  }
  EXPECT_THAT(names(make_pod("shop", "web")), IsEmpty());
  EXPECT_EQ(warnings.size(), 2 * kMaxAssignmentsPerPod);
}

// A moment later they are there.
TEST_F(DesiredByPolicyTest, LabelsThatHaveNotComeYetAreNoWarning) {
  rules.put(make_identity("shop", "kv"));
  rules.put(make_binding("shop", "b1", "kv"));
  allow("kv", R"({"matchLabels": {"policy.aadpodidentity.k8s.io/team": "a"}})");
  EXPECT_THAT(names(make_pod("shop", "web")), IsEmpty());
  EXPECT_THAT(warnings, IsEmpty());
  rules.permissions().put_namespace({"shop", {}});
  EXPECT_THAT(names(make_pod("shop", "web")), IsEmpty());
  EXPECT_EQ(warnings.size(), 2u);
  rules.permissions().put_namespace({"shop", {{"policy.aadpodidentity.k8s.io/team", "a"}}});
  EXPECT_THAT(names(make_pod("shop", "web")), ElementsAre("default/web-shop-kv"));
}

}  // namespace
}  // namespace podid::core
