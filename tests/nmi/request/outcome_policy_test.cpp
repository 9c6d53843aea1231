// SPDX-License-Identifier: Apache-2.0
// What the AzureIdentityPolicy denies (SEC-10): at once, with a sentence that names it and what to do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "nmi/request/outcome_fixture.hpp"

namespace podid::nmi {
namespace {

using std::chrono::seconds;
using test::Cluster;
using test::Got;
using test::kBoth;
using test::make_binding;
using test::make_identity;
using test::variant;
using Permissions = std::shared_ptr<const core::IdentityPermissions>;

Permissions permit(const std::string& identity, const std::string& namespaces, core::PolicyLabels labels = {}) {
  const auto object = boost::json::parse(R"({"spec": {"rules": [{"name": "r", "namespaces": )" + namespaces +
                                         R"(, "resourceIDs": [")" + test::identity_resource_id(identity) + "\"]}]}}");
  auto permissions = std::make_shared<core::IdentityPermissions>();
  permissions->set_policy(std::make_shared<const core::IdentityPolicy>(core::IdentityPolicy::read(object).value()));
  if (!labels.ns.empty()) permissions->put_namespace(std::move(labels));
  return permissions;
}

const std::string kShop = R"({"names": ["shop"]})";
const std::string kTeam = R"({"matchLabels": {"policy.aadpodidentity.k8s.io/team": "a"}})";

class OutcomePolicyTest : public test::OutcomeFixture {
 protected:
  static Cluster standard(Permissions permissions) {
    return {.pods = {usual_pod()},
            .assigned = {test::make_assigned(usual_pod(), make_identity("shop", "reader"),
                                             make_binding("shop", "b", "reader"))},
            .permissions = std::move(permissions)};
  }
  static Cluster managed_with(Permissions permissions) {
    Cluster cluster = managed({make_binding("shop", "b", "reader")}, {make_identity("shop", "reader")});
    cluster.permissions = std::move(permissions);
    return cluster;
  }
};

TEST_F(OutcomePolicyTest, WhatNoRuleAllowsIsRefusedAtOnceInEveryModeAndStyle) {
  const std::string tail = ". To see why, run: podid explain pod web-0 -n shop";
  const std::string no_policy =
      "Identity not found: pod web-0 in namespace shop gets no token: there is no AzureIdentityPolicy default, and "
      "without one no identity may be used; create it (deploy/examples/azureidentitypolicy.yaml is a start)" +
      tail;
  const std::string no_rule =
      "Identity not found: pod web-0 in namespace shop gets no token: AzureIdentityPolicy default has no rule that "
      "lets "
      "namespace shop use AzureIdentity shop/reader (type 0, resource ID " +
      test::identity_resource_id("reader") +
      "); who may change that policy can let it, by a rule with namespace shop and the resource ID (resourceIDs)" +
      tail;
  const auto none = std::make_shared<const core::IdentityPermissions>();
  const struct {
    const char* what;
    Cluster cluster;
    std::string message;
  } rows[] = {{"standard, no policy", standard(none), no_policy},
              {"standard, no rule", standard(permit("other", kShop)), no_rule},
              {"managed, no policy", managed_with(none), no_policy},
              {"managed, no rule", managed_with(permit("other", kShop)), no_rule}};
  for (const auto& row : rows) {
    for (const bool legacy : kBoth) {
      serve(row.cluster, {.legacy = legacy});
      for (const bool host : kBoth) {
        SCOPED_TRACE(variant(row.what, legacy, host));
        expect_told(ask_for_token(host, "resource=r"), legacy, {.status = 403, .message = row.message});
      }
    }
  }
}

// The MIC makes none, and the NMI need not wait for it.
TEST_F(OutcomePolicyTest, APodWithoutAnAssignmentInANamespaceThatMayUseNothingIsToldAtOnce) {
  for (const bool legacy : kBoth) {
    serve({.pods = {usual_pod()}, .permissions = permit("reader", R"({"names": ["vault"]})")}, {.legacy = legacy});
    expect_told(
        ask_for_token(false, "resource=r"), legacy,
        {.status = 403,
         .message = "Identity not found: pod web-0 in namespace shop gets no token: AzureIdentityPolicy default "
                    "has no rule that lets namespace shop use any identity; who may change that policy can let "
                    "it, by a rule with namespace shop and the resource ID (resourceIDs). To see why, run: "
                    "podid explain pod web-0 -n shop"});
  }
}

// A pod without an assignment: what is bound to it is looked up when it asks.
class OutcomeLookTest : public OutcomePolicyTest {
 protected:
  OutcomeLookTest() {
    options.authorizer.looks = true;
    on_look = [this](const LookKey& key) {
      ++looks;
      EXPECT_EQ(key, (LookKey{"shop", "reader"}));
      base::asio::post(io, [this] {
        cluster.looks = look();
        becomes(cluster);
      });
    };
  }
  std::shared_ptr<const Looks> look() const {
    auto found = std::make_shared<Look>();
    found->at = clock.steady_now();
    for (const core::AzureIdentityBinding& binding : bindings) found->bindings.push_back(&binding);
    for (const core::AzureIdentity& identity : identities) found->identities.push_back(&identity);
    return std::make_shared<const Looks>(Looks{{LookKey{"shop", "reader"}, found}});
  }
  Got ask_serving(bool legacy, base::Duration held) {
    cluster = {.pods = {usual_pod()}, .permissions = permit("other", kShop)};
    serve(cluster, {.legacy = legacy});
    looks = 0;
    const Got got = ask_for_token(false, "resource=r", held);
    EXPECT_GE(looks, 1);
    return got;
  }

  // What the API server has.
  std::vector<core::AzureIdentityBinding> bindings;
  std::vector<core::AzureIdentity> identities;
  Cluster cluster;
  int looks = 0;
};

TEST_F(OutcomeLookTest, WhatThePolicyDeniesIsRefusedAtOnceWithTheReason) {
  bindings = {make_binding("shop", "b", "reader")};
  identities = {make_identity("shop", "reader")};
  for (const bool legacy : kBoth) {
    const Got got = ask_serving(legacy, {});
    EXPECT_EQ(got.status, 403);
    EXPECT_THAT(got.body, testing::HasSubstr("has no rule that lets namespace shop use AzureIdentity shop/reader"));
    EXPECT_FALSE(got.head.contains("Retry-After"));
  }
}

TEST_F(OutcomeLookTest, WhatIsMissingMayStillComeAndIsNamedAfterTheWait) {
  const auto told = [this] { return ask_serving(false, options.authorizer.max_wait); };
  Got got = told();
  EXPECT_EQ(got.status, 404);
  EXPECT_TRUE(got.head.contains("Retry-After")) << got.head;
  EXPECT_THAT(got.body, testing::HasSubstr("no AzureIdentityBinding has the selector reader of pod web-0"));
  bindings = {make_binding("shop", "b", "reader")};
  got = told();
  EXPECT_EQ(got.status, 404);
  EXPECT_THAT(got.body, testing::HasSubstr("name no usable AzureIdentity"));
  // The controller has only to make the assignment.
  bindings = {make_binding("shop", "b", "other")};
  identities = {make_identity("shop", "other")};
  got = told();
  EXPECT_EQ(got.status, 404);
  EXPECT_THAT(got.body, testing::HasSubstr("no AzureAssignedIdentity exists yet"));
}

// SEC-3: what another namespace declares does not make a pod give up that waits for its own.
TEST_F(OutcomeLookTest, WhatAnotherNamespaceMayNotUseDelaysARefusalAndCausesNone) {
  bindings = {make_binding("vault", "b", "reader")};
  identities = {make_identity("vault", "reader")};
  const Got got = ask_serving(false, options.authorizer.max_wait);
  EXPECT_EQ(got.status, 404);
  EXPECT_THAT(got.body, testing::HasSubstr("AzureIdentityPolicy default has no rule"));
}

TEST_F(OutcomeLookTest, AnOldLookRefusesNobody) {
  bindings = {make_binding("shop", "b", "reader")};
  identities = {make_identity("shop", "reader")};
  cluster = {.pods = {usual_pod()}, .permissions = permit("other", kShop), .looks = look()};
  serve(cluster, {});
  bindings = {make_binding("shop", "b", "other")};
  identities = {make_identity("shop", "other")};
  advance(kLookAge);
  const Pending pending = begin("/metadata/identity/oauth2/token?resource=r");
  advance({});
  EXPECT_FALSE(pending.done());
  EXPECT_EQ(looks, 1);
  cluster.assigned = {test::make_assigned(usual_pod(), identities.front(), bindings.front())};
  becomes(cluster);
  EXPECT_EQ(finish(pending).status, 200);
}

TEST_F(OutcomePolicyTest, AChangeCountsAtTheNextRequestForCachedTokensToo) {
  for (const auto& cluster_of : {standard, managed_with}) {
    serve(cluster_of(permit("reader", kShop)), {});
    EXPECT_EQ(ask_for_token(false, "resource=r").status, 200);
    EXPECT_EQ(ask_for_token(false, "resource=r").status, 200) << "from the worker's table";
    serve(cluster_of(permit("other", kShop)), {});
    EXPECT_EQ(ask_for_token(false, "resource=r").status, 403);
    serve(cluster_of(permit("reader", kShop)), {});
    EXPECT_EQ(ask_for_token(false, "resource=r").status, 200);
  }
}

TEST_F(OutcomePolicyTest, ARequestWaitsForLabelsThatHaveNotBeenReadYet) {
  for (const auto& cluster_of : {standard, managed_with}) {
    serve(cluster_of(permit("reader", kTeam)), {});
    const Got got = ask_for_token(false, "resource=r", options.authorizer.max_wait);
    EXPECT_EQ(got.status, 404);
    EXPECT_THAT(got.body, testing::HasSubstr("those of namespace shop are not known yet"));
    serve(cluster_of(permit("reader", kTeam, {"shop", {{"policy.aadpodidentity.k8s.io/team", "b"}}})), {});
    EXPECT_EQ(ask_for_token(false, "resource=r").status, 403);
    serve(cluster_of(permit("reader", kTeam, {"shop", {{"policy.aadpodidentity.k8s.io/team", "a"}}})), {});
    EXPECT_EQ(ask_for_token(false, "resource=r").status, 200);
  }
}

}  // namespace
}  // namespace podid::nmi
