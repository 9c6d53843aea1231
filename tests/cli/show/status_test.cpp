// SPDX-License-Identifier: Apache-2.0
#include "cli/show/status.hpp"

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

class StatusTest : public ::testing::Test {
 protected:
  core::Pod add_pod(const std::string& name, const std::string& label) {
    core::Pod pod = test::make_pod("shop", name, label);
    pod.pod_ips = {"10.244.1.10"};
    objects_.pods.push_back({pod, "ReplicaSet/" + name});
    return pod;
  }
  std::vector<StatusRow> rows() { return status_rows(objects_, issuances_, {}, kNow); }

  ClusterObjects objects_;
  std::map<std::string, base::WallTime> issuances_;
};

TEST_F(StatusTest, PodsThatWantAnIdentityAndWhatTheyGet) {
  const core::AzureIdentity identity = test::make_identity("shop", "store");
  const core::AzureIdentityBinding binding = test::make_binding("shop", "reader", "store", "front");
  objects_.identities = {identity};
  objects_.bindings = {binding};
  const core::Pod ready = add_pod("web", "front");
  objects_.assigned = {test::make_assigned(ready, identity, binding)};
  add_pod("late", "front");
  add_pod("typo", "fornt");
  add_pod("other", "");
  issuances_["shop/web"] = kNow - std::chrono::minutes(3);

  const auto all = rows();
  ASSERT_THAT(all, SizeIs(3)) << "a pod without label wants none";
  EXPECT_EQ(all[0].pod.name, "late");
  EXPECT_EQ(all[0].state, "Waiting");
  EXPECT_EQ(all[0].reason, "awaiting_creation");
  EXPECT_EQ(all[0].identity, "shop/store") << "what its binding names";
  EXPECT_EQ(all[1].pod.name, "typo");
  EXPECT_EQ(all[1].state, "Refused");
  EXPECT_EQ(all[1].reason, "no_matching_binding");
  EXPECT_EQ(all[2].state, "Ready");
  EXPECT_EQ(all[2].binding, "shop/reader");
  EXPECT_EQ(all[2].reason, "");

  const std::string table = to_table(all, {.namespaces = true, .wide = true}, kNow);
  EXPECT_THAT(table, HasSubstr("NAMESPACE   POD    NODE     IDENTITY     BINDING       STATE"));
  EXPECT_THAT(table, HasSubstr("3m ago"));
  const auto document = to_json(all, {"something"});
  EXPECT_EQ(document.at("schema"), "podid.status/v1");
  EXPECT_EQ(document.at("pods").at(2).at("lastIssued"), "2026-11-28T11:57:00Z");
  EXPECT_EQ(document.at("findings").at(0), "something");
}

TEST_F(StatusTest, ABindingThatIsNotOpenIsSaidSo) {
  const core::AzureIdentity identity = test::make_identity("shop", "store");
  core::AzureIdentityBinding binding = test::make_binding("shop", "reader", "store", "front");
  binding.access.emplace();
  binding.access->not_before = kNow + std::chrono::hours(1);
  objects_.identities = {identity};
  objects_.bindings = {binding};
  const core::Pod pod = add_pod("web", "front");
  core::AzureIdentityBinding copy = binding;
  copy.access.reset();
  objects_.assigned = {test::make_assigned(pod, identity, copy)};
  EXPECT_EQ(rows().at(0).state, "Closed");
  EXPECT_EQ(rows().at(0).reason, "not_yet");
  EXPECT_THAT(rows().at(0).access, HasSubstr("closed until 2026-11-28T13:00:00Z"));
  objects_.bindings.at(0).access->not_before.reset();
  objects_.bindings.at(0).access->not_after = kNow + std::chrono::hours(2);
  EXPECT_EQ(rows().at(0).state, "Ready");
  EXPECT_THAT(rows().at(0).access, HasSubstr("open until 2026-11-28T14:00:00Z"));
}

// D15
TEST_F(StatusTest, AGrantOpensForThePodsThatItSelects) {
  const core::AzureIdentity identity = test::make_identity("shop", "store");
  core::AzureIdentityBinding binding = test::make_binding("shop", "reader", "store", "front");
  core::AzureIdentityBinding copy = binding;
  binding.access.emplace();
  binding.access->grant = core::GrantTerms{.max_duration = std::chrono::hours(4), .approvals = 0};
  objects_.identities = {identity};
  objects_.bindings = {binding};
  const core::Pod pod = add_pod("web", "front");
  objects_.assigned = {test::make_assigned(pod, identity, copy)};
  EXPECT_EQ(rows().at(0).reason, "grant_missing");
  auto access = std::make_shared<AccessObjects>();
  core::GrantPolicies policies;
  policies.problem.clear();
  access->grants.set_policies(policies);
  core::AzureIdentityGrant grant;
  grant.meta.name = "g";
  grant.meta.ns = "shop";
  grant.meta.uid = "u";
  grant.meta.creation_timestamp = "2026-11-28T11:30:00Z";
  grant.binding = "reader";
  grant.duration = std::chrono::hours(1);
  grant.requested_by = "alice";
  access->grants.put(grant);
  objects_.access = access;
  EXPECT_EQ(rows().at(0).state, "Ready") << rows().at(0).why;
  EXPECT_THAT(rows().at(0).access, HasSubstr("2026-11-28T12:30:00Z"));
  grant.pod_labels = {{"job", "replay"}};
  access->grants.put(grant);
  EXPECT_EQ(rows().at(0).reason, "grant_missing");
  access->grants.set_policies({});
  EXPECT_EQ(rows().at(0).reason, "grant_policy_missing");
}

TEST_F(StatusTest, AnExceptedPodPassesThrough) {
  add_pod("web", "front");
  core::AzurePodIdentityException exception;
  exception.meta.name = "e";
  exception.meta.ns = "shop";
  exception.pod_labels = {{"aadpodidbinding", "front"}};
  objects_.exceptions = {exception};
  EXPECT_EQ(rows().at(0).state, "PassedThrough");
  EXPECT_EQ(rows().at(0).reason, "excepted");
}

}  // namespace
}  // namespace podid::cli
