// SPDX-License-Identifier: Apache-2.0
#include "cli/grant/grant_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "support/builders.hpp"

namespace podid::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const base::WallTime kNow = *base::parse_rfc3339("2026-11-28T12:00:00Z");

class GrantListTest : public ::testing::Test {
 protected:
  GrantListTest() {
    core::GrantPolicies policies;
    policies.problem.clear();
    book_.set_policies(policies);
    core::AzureIdentityBinding limited = test::make_binding("shop", "reader", "front");
    limited.access.emplace();
    limited.access->grant = core::GrantTerms{.max_duration = std::chrono::hours(4), .approvals = 1};
    bindings_ = {limited, test::make_binding("shop", "open", "front")};
  }
  core::AzureIdentityGrant grant(const std::string& name, const std::string& made) {
    core::AzureIdentityGrant grant;
    grant.meta.name = name;
    grant.meta.ns = "shop";
    grant.meta.uid = "uid-" + name;
    grant.meta.creation_timestamp = made;
    grant.binding = "reader";
    grant.duration = std::chrono::hours(1);
    grant.requested_by = "alice";
    grant.reason = "why";
    return grant;
  }
  void approve(const std::string& name, const std::string& made) {
    core::AzureIdentityGrantApproval approval;
    approval.meta.name = name + "-a";
    approval.meta.ns = "shop";
    approval.meta.creation_timestamp = made;
    approval.grant = name;
    approval.grant_uid = "uid-" + name;
    approval.binding = "reader";
    approval.requested_by = "alice";
    approval.approved_by = "bob";
    book_.put(approval);
  }
  GrantRow row() { return grant_rows(book_, bindings_, kNow).at(0); }

  core::GrantBook book_;
  std::vector<core::AzureIdentityBinding> bindings_;
};

TEST_F(GrantListTest, GoesFromPendingOverActiveToExpired) {
  book_.put(grant("g", "2026-11-28T11:00:00Z"));
  EXPECT_EQ(row().phase, GrantPhase::pending);
  EXPECT_EQ(when_text(row(), kNow), "0 of 1 approvals");
  approve("g", "2026-11-28T11:35:00Z");
  EXPECT_EQ(row().phase, GrantPhase::active);
  EXPECT_EQ(when_text(row(), kNow), "ends in 35m");
  EXPECT_THAT(row().approved_by, ElementsAre("bob"));
  EXPECT_EQ(grant_rows(book_, bindings_, kNow + std::chrono::hours(1)).at(0).phase, GrantPhase::expired);
}

TEST_F(GrantListTest, OneThatStartsLaterIsPending) {
  core::AzureIdentityGrant later = grant("g", "2026-11-28T11:00:00Z");
  later.not_before = kNow + std::chrono::hours(2);
  book_.put(later);
  approve("g", "2026-11-28T11:35:00Z");
  EXPECT_EQ(row().phase, GrantPhase::pending);
  EXPECT_EQ(when_text(row(), kNow), "starts in 2h");
}

TEST_F(GrantListTest, WhatGivesNothingSaysWhy) {
  core::AzureIdentityGrant revoked = grant("g", "2026-11-28T11:00:00Z");
  revoked.revocation = {.by = "bob", .reason = "too long"};
  book_.put(revoked);
  EXPECT_EQ(row().phase, GrantPhase::revoked);
  EXPECT_EQ(when_text(row(), kNow), "by bob: too long");

  core::AzureIdentityGrant lost = grant("g", "2026-11-28T11:00:00Z");
  lost.binding = "gone";
  book_.put(lost);
  EXPECT_EQ(row().phase, GrantPhase::invalid);
  EXPECT_THAT(row().why, HasSubstr("there is no AzureIdentityBinding gone"));
  lost.binding = "open";
  book_.put(lost);
  EXPECT_THAT(row().why, HasSubstr("needs no grant"));
  bindings_.push_back(bindings_.front());
  bindings_.back().meta.name = "broken";
  bindings_.back().access.emplace().invalid = "spec.access.grant: is null";
  lost.binding = "broken";
  book_.put(lost);
  EXPECT_THAT(row().why, HasSubstr("denies everything: spec.access.grant: is null"));

  core::AzureIdentityGrant greedy = grant("g", "2026-11-28T11:00:00Z");
  greedy.duration = std::chrono::hours(5);
  book_.put(greedy);
  EXPECT_EQ(row().phase, GrantPhase::invalid);
  EXPECT_THAT(row().why, HasSubstr("allows"));
}

// D15
TEST_F(GrantListTest, WithoutThePoliciesNoneCounts) {
  book_.put(grant("g", "2026-11-28T11:00:00Z"));
  approve("g", "2026-11-28T11:35:00Z");
  core::GrantPolicies missing;
  missing.problem = "ValidatingAdmissionPolicy x is missing";
  book_.set_policies(missing);
  EXPECT_EQ(row().phase, GrantPhase::invalid);
  EXPECT_THAT(row().why, HasSubstr("x is missing"));
}

TEST_F(GrantListTest, TableAndJson) {
  core::AzureIdentityGrant limited = grant("g", "2026-11-28T11:00:00Z");
  limited.pod_labels = {{"job", "replay"}};
  book_.put(limited);
  approve("g", "2026-11-28T11:35:00Z");
  const auto rows = grant_rows(book_, bindings_, kNow);
  EXPECT_EQ(to_table(rows, {}, kNow),
            "NAME   BINDING   REQUESTED BY   STATE    WHEN          APPROVED BY\n"
            "g      reader    alice          Active   ends in 35m   bob\n");
  const std::string wide = to_table(rows, {.namespaces = true, .wide = true}, kNow);
  EXPECT_THAT(wide, HasSubstr("NAMESPACE   NAME"));
  EXPECT_THAT(wide, HasSubstr("1h0m0s     job=replay   why"));
  const boost::json::object document = to_json(rows);
  EXPECT_EQ(document.at("schema"), "podid.grants/v1");
  EXPECT_EQ(document.at("items").at(0).at("to"), "2026-11-28T12:35:00Z");
  EXPECT_EQ(document.at("items").at(0).at("state"), "Active");
}

}  // namespace
}  // namespace podid::cli
