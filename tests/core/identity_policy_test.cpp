// SPDX-License-Identifier: Apache-2.0
#include "core/identity_policy.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "support/allocation_counter.hpp"
#include "support/builders.hpp"

namespace podid::core {
namespace {

using test::identity_resource_id;
using test::make_identity;
using testing::HasSubstr;
using Denial = PolicyVerdict::Denial;

constexpr std::string_view kTeam = "policy.aadpodidentity.k8s.io/team";

std::shared_ptr<const IdentityPolicy> policy_of(const std::string& rules) {
  auto read = IdentityPolicy::read(
      boost::json::parse(R"({"metadata": {"name": "default"}, "spec": {"rules": )" + rules + "}}"));
  EXPECT_TRUE(read) << (read ? "" : read.error().message());
  return read ? std::make_shared<const IdentityPolicy>(*std::move(read)) : nullptr;
}

IdentityPermissions permissions_of(const std::string& rules) {
  IdentityPermissions permissions;
  permissions.set_policy(policy_of(rules));
  return permissions;
}

Denial denial_of(const std::string& rules, const AzureIdentity& identity, std::string_view pod_namespace = "shop") {
  return permissions_of(rules).judge(identity, pod_namespace).denial;
}

AzureIdentity principal(const std::string& client_id) {
  AzureIdentity identity = make_identity("shop", "reader");
  identity.type = IdentityType::service_principal_secret;
  identity.client_id = ClientId(client_id);
  return identity;
}

const std::string kGroup =
    "/subscriptions/s1/resourcegroups/g1/providers/Microsoft.ManagedIdentity/userAssignedIdentities/";

std::string rule_for(const std::string& id, const std::string& more = "",
                     const std::string& namespaces = R"({"names": ["shop"]})") {
  return fmt::format(R"([{{"name": "r", "namespaces": {}, "resourceIDs": ["{}"]{}}}])", namespaces, id, more);
}

TEST(IdentityPolicy, WithoutAnObjectNothingIsAllowedAndTheSentenceSaysWhatToCreate) {
  const IdentityPermissions none;
  const AzureIdentity identity = make_identity("shop", "reader");
  const PolicyVerdict verdict = none.judge(identity, "shop");
  EXPECT_EQ(verdict.denial, Denial::no_policy);
  EXPECT_THAT(none.denial_text(verdict, &identity), HasSubstr("there is no AzureIdentityPolicy default"));
  EXPECT_THAT(none.remedy_text(verdict, &identity), HasSubstr("create it"));
}

TEST(IdentityPolicy, AnObjectThatCannotBeReadAllowsNothing) {
  const auto read = IdentityPolicy::read(boost::json::parse(R"({"spec": {"rules": [{"name": 1}]}})"));
  ASSERT_FALSE(read);
  IdentityPermissions permissions = permissions_of(rule_for(kGroup + "reader"));
  permissions.set_unreadable(read.error().message());
  const AzureIdentity identity = make_identity("shop", "reader");
  const PolicyVerdict verdict = permissions.judge(identity, "shop");
  EXPECT_EQ(verdict.denial, Denial::no_policy);
  EXPECT_THAT(permissions.denial_text(verdict, &identity),
              HasSubstr("cannot be read (spec.rules[0].name: expected a string"));
  permissions.set_policy(policy_of(rule_for(kGroup + "reader")));
  EXPECT_TRUE(permissions.judge(identity, "shop").allowed()) << "and is forgotten when it is corrected";
}

TEST(IdentityPolicy, AResourceIdIsComparedAsAzureComparesIt) {
  const AzureIdentity identity = make_identity("shop", "reader");
  EXPECT_EQ(denial_of(rule_for(kGroup + "reader"), identity), Denial::none);
  EXPECT_EQ(
      denial_of(
          rule_for(
              "/SUBSCRIPTIONS/S1/resourceGroups/G1/providers/microsoft.managedidentity/UserAssignedIdentities/READER"),
          identity),
      Denial::none);
  EXPECT_EQ(denial_of(rule_for(kGroup + "read"), identity), Denial::no_rule);
  EXPECT_EQ(denial_of(rule_for(kGroup + "reader2"), identity), Denial::no_rule);
}

TEST(IdentityPolicy, AGroupsIdentitiesAreThoseDirectlyInIt) {
  AzureIdentity identity = make_identity("shop", "reader");
  EXPECT_EQ(denial_of(rule_for(kGroup + "*"), identity), Denial::none);
  EXPECT_EQ(
      denial_of(
          rule_for("/subscriptions/s1/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/*"),
          identity),
      Denial::no_rule)
      << "g is not g1";
  for (const std::string& name : {std::string("*"), std::string(".."), std::string(""), std::string("x/../y"),
                                  std::string("x/y"), std::string("x%2fy")}) {
    identity.resource_id = ResourceId(kGroup + name);
    EXPECT_EQ(denial_of(rule_for(kGroup + "*"), identity), Denial::no_rule) << name;
  }
}

// What a rule says in another form names nothing.
TEST(IdentityPolicy, OnlyWholeIdsAndGroupsCount) {
  for (const std::string& id : {std::string("*"), std::string("/*"), std::string("/subscriptions/*"),
                                std::string("/subscriptions/s1/resourceGroups/*"), kGroup + "read*", kGroup,
                                std::string("/subscriptions/s1/../s2/resourcegroups/g1/providers/"
                                            "Microsoft.ManagedIdentity/userAssignedIdentities/reader")}) {
    AzureIdentity identity = make_identity("shop", "reader");
    EXPECT_EQ(denial_of(rule_for(id), identity), Denial::no_rule) << id;
    identity.resource_id = ResourceId(id);
    EXPECT_EQ(denial_of(rule_for(id), identity), Denial::no_rule) << "itself: " << id;
  }
}

// The other member of the AzureIdentity is decoration: what it says is not what is issued.
TEST(IdentityPolicy, OnlyWhatIsIssuedCounts) {
  const std::string rules = fmt::format(
      R"([{{"name": "r", "namespaces": {{"names": ["shop"]}}, "resourceIDs": ["{}mine"], "clientIDs": ["client-mine"]}}])",
      kGroup);
  AzureIdentity identity = make_identity("shop", "theirs");
  identity.client_id = ClientId("client-mine");
  EXPECT_EQ(denial_of(rules, identity), Denial::no_rule) << "type 0 by its resource ID";
  identity.type = IdentityType::service_principal_certificate;
  EXPECT_EQ(denial_of(rules, identity), Denial::none) << "a service principal by its client ID";
  identity.resource_id = ResourceId(kGroup + "mine");
  identity.client_id = ClientId("client-theirs");
  EXPECT_EQ(denial_of(rules, identity), Denial::no_rule);
  identity.type = IdentityType::user_assigned;
  EXPECT_EQ(denial_of(rules, identity), Denial::none);
  identity.resource_id = {};
  EXPECT_EQ(denial_of(rules, identity), Denial::no_rule)
      << "type 0 without a resource ID: the endpoint is asked by client ID";
  identity.client_id = ClientId("CLIENT-MINE");
  EXPECT_EQ(denial_of(rules, identity), Denial::none);
  identity.client_id = {};
  EXPECT_EQ(denial_of(rules, identity), Denial::no_rule);
}

TEST(IdentityPolicy, TypesNarrowARule) {
  const std::string rules =
      R"([{"name": "r", "namespaces": {"names": ["shop"]}, "types": [2, 3], "clientIDs": ["app"]}])";
  AzureIdentity identity = principal("app");
  EXPECT_EQ(denial_of(rules, identity), Denial::no_rule);
  identity.type = IdentityType::service_principal_certificate;
  EXPECT_EQ(denial_of(rules, identity), Denial::none);
  EXPECT_EQ(denial_of(rule_for(kGroup + "*", R"(, "types": [1])"), make_identity("shop", "reader")), Denial::no_rule);
}

// A declaration in an allowed namespace is of no use to pods of another, nor the other way round.
TEST(IdentityPolicy, BothTheDeclarationsNamespaceAndThePodsCount) {
  const std::string shop = rule_for(kGroup + "reader");
  const IdentityPermissions permissions = permissions_of(shop);
  const AzureIdentity in_shop = make_identity("shop", "reader");
  const AzureIdentity in_vault = make_identity("vault", "reader");
  EXPECT_TRUE(permissions.judge(in_shop, "shop").allowed());
  const PolicyVerdict of_pod = permissions.judge(in_shop, "vault");
  EXPECT_EQ(of_pod.denial, Denial::no_rule);
  EXPECT_EQ(of_pod.ns, "vault");
  const PolicyVerdict of_declaration = permissions.judge(in_vault, "shop");
  EXPECT_EQ(of_declaration.denial, Denial::no_rule);
  EXPECT_EQ(of_declaration.ns, "vault");
  EXPECT_EQ(permissions.denial_text(of_declaration, &in_vault),
            "AzureIdentityPolicy default has no rule that lets namespace vault use AzureIdentity vault/reader (type 0, "
            "resource "
            "ID " +
                identity_resource_id("reader") + ")");
  EXPECT_THAT(permissions.remedy_text(of_declaration, &in_vault),
              HasSubstr("by a rule with namespace vault and the resource ID (resourceIDs)"));
}

TEST(IdentityPolicy, RulesAreAlternatives) {
  const IdentityPermissions permissions = permissions_of(fmt::format(
      R"([{{"name": "a", "namespaces": {{"names": ["vault"]}}, "resourceIDs": ["{0}reader"]}},
          {{"name": "b", "namespaces": {{"names": ["other", "shop"]}}, "resourceIDs": ["{0}reader"]}}])",
      kGroup));
  const PolicyVerdict verdict = permissions.judge(make_identity("shop", "reader"), "shop");
  ASSERT_TRUE(verdict.allowed());
  EXPECT_EQ(verdict.rule->name, "b");
}

TEST(IdentityPolicy, AWriteThatLeavesTheRulesAsTheyAreIsNoNews) {
  IdentityPermissions permissions;
  EXPECT_FALSE(permissions.set_policy(nullptr));
  EXPECT_TRUE(permissions.set_policy(policy_of(rule_for(kGroup + "reader"))));
  EXPECT_FALSE(permissions.set_policy(policy_of(rule_for(kGroup + "reader"))));
  EXPECT_TRUE(permissions.set_policy(policy_of(rule_for(kGroup + "writer"))));
  EXPECT_TRUE(permissions.set_policy(policy_of(rule_for(kGroup + "writer", R"(, "requireAccess": ["grant"])"))));
  EXPECT_TRUE(permissions.set_policy(policy_of(rule_for(kGroup + "writer", "", R"({"names": ["vault"]})"))));
  EXPECT_TRUE(permissions.set_unreadable("one"));
  EXPECT_FALSE(permissions.set_unreadable("one"));
  EXPECT_TRUE(permissions.set_unreadable("two"));
  EXPECT_TRUE(permissions.set_policy(nullptr)) << "there is none any more";
  EXPECT_FALSE(permissions.set_policy(nullptr));
}

TEST(IdentityPolicy, LabelsOfANamespaceMustAllBeThere) {
  IdentityPermissions permissions = permissions_of(rule_for(
      kGroup + "*", "",
      R"({"matchLabels": {"policy.aadpodidentity.k8s.io/team": "a", "policy.aadpodidentity.k8s.io/stage": ""}})"));
  EXPECT_TRUE(permissions.goes_by_labels());
  const AzureIdentity identity = make_identity("shop", "reader");
  EXPECT_EQ(permissions.judge(identity, "shop").denial, Denial::labels_unknown) << "not read yet";
  const std::string stage(std::string(kPolicyLabelPrefix) + "stage");
  EXPECT_TRUE(permissions.put_namespace({"shop", {{std::string(kTeam), "a"}}}));
  EXPECT_EQ(permissions.judge(identity, "shop").denial, Denial::no_rule) << "an absent label is not an empty one";
  EXPECT_TRUE(permissions.put_namespace({"shop", {{std::string(kTeam), "a"}, {stage, ""}}}));
  EXPECT_TRUE(permissions.judge(identity, "shop").allowed());
  EXPECT_FALSE(permissions.put_namespace({"shop", {{std::string(kTeam), "a"}, {stage, ""}}})) << "no change";
  EXPECT_TRUE(permissions.put_namespace({"shop", {{std::string(kTeam), "A"}, {stage, ""}}}));
  EXPECT_EQ(permissions.judge(identity, "shop").denial, Denial::no_rule) << "labels have a case";
  EXPECT_TRUE(permissions.erase_namespace("shop"));
  EXPECT_FALSE(permissions.erase_namespace("shop"));
  EXPECT_EQ(permissions.judge(identity, "shop").denial, Denial::labels_unknown);
}

TEST(IdentityPolicy, OfANamespaceOnlyProtectedLabelsAreRead) {
  const auto read = read_policy_labels(boost::json::parse(
      R"({"metadata": {"name": "shop", "labels": {"team": "b", "policy.aadpodidentity.k8s.io/team": "a", "app": "x"}}})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->ns, "shop");
  EXPECT_EQ(read->labels, (StringMap{{std::string(kTeam), "a"}}));
  EXPECT_TRUE(read_policy_labels(boost::json::parse(R"({"metadata": {"name": "shop"}})"))->labels.empty());
  EXPECT_FALSE(read_policy_labels(boost::json::parse(R"({"metadata": {"name": "shop", "labels": {"a": 1}}})")));
}

// Whoever may write the rules of a team must not lift what another rule asks of the same identity.
TEST(IdentityPolicy, WhatARuleRequiresIsRequiredWhateverOthersAllow) {
  const std::string requires_grant = fmt::format(
      R"({{"name": "safe", "namespaces": {{"names": ["shop"]}}, "resourceIDs": ["{}vault"], "requireAccess": ["grant", "windows"]}})",
      kGroup);
  const std::string wide =
      fmt::format(R"({{"name": "wide", "namespaces": {{"names": ["shop"]}}, "resourceIDs": ["{}*"]}})", kGroup);
  for (const std::string& rules : {"[" + requires_grant + "," + wide + "]", "[" + wide + "," + requires_grant + "]"}) {
    const IdentityPermissions permissions = permissions_of(rules);
    const AzureIdentity identity = make_identity("shop", "vault");
    const PolicyVerdict verdict = permissions.judge(identity, "shop");
    EXPECT_EQ(verdict.denial, Denial::access_required);
    EXPECT_THAT(permissions.denial_text(verdict, &identity),
                HasSubstr("rule safe of AzureIdentityPolicy default lets"));
    EXPECT_THAT(permissions.denial_text(verdict, &identity), HasSubstr("access has grant, windows"));
    EXPECT_TRUE(permissions.judge(make_identity("shop", "reader"), "shop").allowed());
  }
}

TEST(IdentityPolicy, ABindingThatHasAllThatIsRequiredMayUseIt) {
  const IdentityPermissions permissions = permissions_of(fmt::format(
      R"([{{"name": "safe", "namespaces": {{"names": ["shop", "web"]}}, "resourceIDs": ["{0}vault"],
            "requireAccess": ["grant", "windows", "notAfter"]}},
          {{"name": "odd", "namespaces": {{"names": ["shop"]}}, "resourceIDs": ["{0}odd"], "requireAccess": ["moon"]}}])",
      kGroup));
  const auto denial = [&permissions](const char* identity, std::string_view ns, const Access* access) {
    return permissions.judge(make_identity("shop", identity), ns, access).denial;
  };
  Access access;
  EXPECT_EQ(denial("vault", "shop", nullptr), Denial::access_required);
  EXPECT_EQ(denial("vault", "shop", &access), Denial::access_required);
  access.grant.emplace();
  access.not_after.emplace();
  EXPECT_EQ(denial("vault", "shop", &access), Denial::access_required) << "no windows";
  access.windows.emplace_back();
  EXPECT_EQ(denial("vault", "shop", &access), Denial::none) << "a rule that is met allows";
  EXPECT_EQ(denial("vault", "web", &access), Denial::none);
  EXPECT_EQ(denial("odd", "shop", &access), Denial::access_required) << "what is not known, nothing meets";
  access.grant.reset();
  EXPECT_EQ(denial("vault", "web", &access), Denial::access_required);
}

TEST(IdentityPolicy, ARequirementWithoutAWordIsNotNone) {
  for (const char* require : {"[]", "[null]"}) {
    const std::string rule = rule_for(kGroup + "vault", fmt::format(R"(, "requireAccess": {})", require));
    EXPECT_EQ(denial_of(rule, make_identity("shop", "vault")), Denial::not_understood) << require;
  }
}

TEST(IdentityPolicy, ARequirementByLabelsHoldsWhileTheyAreNotKnown) {
  const std::string rules = fmt::format(
      R"([{{"name": "wide", "namespaces": {{"names": ["shop"]}}, "resourceIDs": ["{0}*"]}},
          {{"name": "safe", "namespaces": {{"matchLabels": {{"policy.aadpodidentity.k8s.io/team": "a"}}}},
            "resourceIDs": ["{0}vault"], "requireAccess": ["grant"]}}])",
      kGroup);
  IdentityPermissions permissions = permissions_of(rules);
  EXPECT_EQ(permissions.judge(make_identity("shop", "vault"), "shop").denial, Denial::labels_unknown);
  permissions.put_namespace({"shop", {}});
  EXPECT_TRUE(permissions.judge(make_identity("shop", "vault"), "shop").allowed());
  permissions.put_namespace({"shop", {{std::string(kTeam), "a"}}});
  EXPECT_EQ(permissions.judge(make_identity("shop", "vault"), "shop").denial, Denial::access_required);
}

// A newer release's restriction must not become a permission here, nor stop those whom it is not about.
TEST(IdentityPolicy, ARuleThatIsNotUnderstoodKeepsEverybodyFromItsIdentities) {
  const std::string good =
      fmt::format(R"({{"name": "wide", "namespaces": {{"names": ["shop"]}}, "resourceIDs": ["{}*"]}})", kGroup);
  const std::string namespaces[] = {R"({"names": ["vault"], "expression": "x"})", R"({})",
                                    R"({"names": ["shop"], "matchLabels": {"policy.aadpodidentity.k8s.io/team": "a"}})",
                                    R"({"matchLabels": {"team": "a"}})"};
  for (const std::string& of : namespaces) {
    const std::string rules =
        fmt::format(R"([{}, {{"name": "odd", "namespaces": {}, "resourceIDs": ["{}vault"]}}])", good, of, kGroup);
    EXPECT_EQ(denial_of(rules, make_identity("shop", "vault")), Denial::not_understood) << of;
    EXPECT_EQ(denial_of(rules, make_identity("shop", "reader")), Denial::none) << of;
  }
  const IdentityPermissions permissions = permissions_of(rule_for(kGroup + "*", R"(, "notBefore": "2027-01-01")"));
  const AzureIdentity identity = make_identity("shop", "reader");
  const PolicyVerdict verdict = permissions.judge(identity, "shop");
  EXPECT_THAT(permissions.denial_text(verdict, &identity),
              HasSubstr("rule r of AzureIdentityPolicy default is not understood (member notBefore"));
}

// Of a pod without an assignment the NMI knows no more than its namespace.
TEST(IdentityPolicy, ANamespaceThatNoRuleIsForMayUseNothing) {
  const IdentityPermissions none;
  EXPECT_EQ(none.judge_namespace("shop").denial, Denial::no_policy);
  const IdentityPermissions permissions = permissions_of(rule_for(kGroup + "*"));
  EXPECT_TRUE(permissions.judge_namespace("shop").allowed());
  const PolicyVerdict verdict = permissions.judge_namespace("vault");
  EXPECT_EQ(permissions.denial_text(verdict, nullptr),
            "AzureIdentityPolicy default has no rule that lets namespace vault use any identity");
  EXPECT_THAT(permissions.remedy_text(verdict, nullptr), HasSubstr("by a rule with namespace vault"));
  IdentityPermissions by_labels =
      permissions_of(rule_for(kGroup + "*", "", R"({"matchLabels": {"policy.aadpodidentity.k8s.io/team": "a"}})"));
  EXPECT_EQ(by_labels.judge_namespace("shop").denial, Denial::labels_unknown);
  by_labels.put_namespace({"shop", {}});
  EXPECT_EQ(by_labels.judge_namespace("shop").denial, Denial::no_rule);
  by_labels.put_namespace({"shop", {{std::string(kTeam), "a"}}});
  EXPECT_TRUE(by_labels.judge_namespace("shop").allowed());
  EXPECT_TRUE(permissions_of(rule_for(kGroup + "*", R"(, "odd": 1)")).judge_namespace("vault").allowed())
      << "nobody knows";
}

TEST(IdentityPolicy, ListsHaveTheBoundsOfTheCrd) {
  const auto read = [](std::size_t rules, std::size_t ids) {
    std::string list;
    for (std::size_t n = 0; n < ids; ++n) list += fmt::format("{}\"{}{}\"", n == 0 ? "" : ",", kGroup, n);
    std::string text;
    for (std::size_t n = 0; n < rules; ++n) {
      text += fmt::format(R"({}{{"name": "r{}", "namespaces": {{"names": ["shop"]}}, "resourceIDs": [{}]}})",
                          n == 0 ? "" : ",", n, list);
    }
    return IdentityPolicy::read(boost::json::parse(R"({"spec": {"rules": [)" + text + "]}}"));
  };
  EXPECT_TRUE(read(kMostPolicyRules, 1));
  EXPECT_EQ(read(kMostPolicyRules + 1, 1).error().message(), "spec.rules: expected at most 1000 items, found 1001");
  EXPECT_TRUE(read(1, kMostPolicyItems));
  EXPECT_EQ(read(1, kMostPolicyItems + 1).error().message(),
            "spec.rules[0].resourceIDs: expected at most 64 items, found 65");
  EXPECT_TRUE(IdentityPolicy::read(boost::json::parse("{}"))) << "an empty one allows nothing";
}

// The NMI asks at every request.
TEST(IdentityPolicy, AVerdictAllocatesNothing) {
  IdentityPermissions permissions = permissions_of(rule_for(kGroup + "*"));
  permissions.put_namespace({"shop", {}});
  const AzureIdentity identity = make_identity("shop", "reader");
  const std::size_t before = test::allocations();
  const bool allowed = permissions.judge(identity, "shop").allowed();
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_TRUE(allowed);
}

}  // namespace
}  // namespace podid::core
