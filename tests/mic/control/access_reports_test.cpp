// SPDX-License-Identifier: Apache-2.0
#include "mic/control/access_reports.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace podid::mic {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

constexpr core::Instant kDay{std::chrono::sys_days(std::chrono::year(2026) / 12 / 1)};

SeenBinding reader() {
  SeenBinding seen;
  seen.binding.meta.ns = "shop";
  seen.binding.meta.name = "reader";
  seen.binding.access.emplace();
  seen.generation = 3;
  return seen;
}

TEST(AccessReports, ABindingSaysWhetherItIsOpenAndUntilWhen) {
  AccessMoment moment;
  moment.reason = core::AccessReason::window_closed;
  moment.until = kDay + 1h;
  const auto status = binding_status(reader(), &moment);
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(
      json::serialize(status->members.at("access")),
      R"({"open":false,"reason":"window_closed","observedGeneration":3,"nextTransition":"2026-12-01T01:00:00Z"})");
  EXPECT_TRUE(status->condition->holds);
  EXPECT_FALSE(access_unusable(reader(), &moment).has_value());
}

TEST(AccessReports, WhatCannotBeJudgedByIsSaid) {
  AccessMoment moment;
  moment.reason = core::AccessReason::window_closed;
  moment.problem = "there is no ConfigMap shop/calendar";
  const auto status = binding_status(reader(), &moment);
  EXPECT_FALSE(status->condition->holds);
  EXPECT_EQ(status->condition->reason, "CalendarUnreadable");
  const auto event = access_unusable(reader(), &moment);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->message, "AzureIdentityBinding shop/reader cannot be used: there is no ConfigMap shop/calendar");
  moment.reason = core::AccessReason::invalid;
  EXPECT_EQ(binding_status(reader(), &moment)->condition->reason, "Invalid");
}

TEST(AccessReports, ShortWindowsAreSaid) {
  AccessMoment moment;
  moment.short_access = true;
  EXPECT_EQ(binding_status(reader(), &moment)->condition->reason, "ShortWindow");
}

TEST(AccessReports, ABindingWithoutLimitsIsLeftAlone) {
  SeenBinding seen = reader();
  EXPECT_FALSE(binding_status(seen, nullptr).has_value());
  seen.status["access"] = json::object();  // it had some
  const auto status = binding_status(seen, nullptr);
  EXPECT_TRUE(status->members.at("access").is_null());
  EXPECT_EQ(status->condition->reason, "Unlimited");
}

TEST(AccessReports, AGrantFromRequestToEnd) {
  core::GrantBook book;
  core::GrantPolicies policies;
  policies.problem.clear();
  policies.count_from = kDay;
  book.set_policies(policies);
  const core::GrantTerms terms{.max_duration = 4h, .approvals = 1};
  core::AzureIdentityGrant grant;
  grant.meta.name = "inc-1";
  grant.meta.ns = "shop";
  grant.meta.uid = "uid-1";
  grant.meta.creation_timestamp = "2026-12-01T01:00:00Z";
  grant.binding = "reader";
  grant.duration = 1h;
  grant.requested_by = "alice";
  book.put(grant);
  const core::ObjectMeta binding = reader().binding.meta;

  GrantReport report = grant_status(grant, book, &terms, kDay + 1h);
  EXPECT_EQ(report.phase, "Pending");
  EXPECT_TRUE(report.status.members.at("expiresAt").is_null());
  EXPECT_FALSE(grant_event(grant, report, "", binding).has_value());
  EXPECT_EQ(grant_status(grant, book, nullptr, kDay + 1h).phase, "Pending");

  core::AzureIdentityGrantApproval approval;
  approval.meta.name = "yes";
  approval.meta.ns = "shop";
  approval.meta.uid = "uid-2";
  approval.meta.creation_timestamp = "2026-12-01T01:10:00Z";
  approval.grant = "inc-1";
  approval.grant_uid = "uid-1";
  approval.binding = "reader";
  approval.requested_by = "alice";
  approval.approved_by = "bob";
  book.put(approval);
  report = grant_status(grant, book, &terms, kDay + 70min);
  EXPECT_EQ(report.phase, "Active");
  EXPECT_EQ(report.status.members.at("activeFrom"), "2026-12-01T01:10:00Z");
  EXPECT_EQ(report.status.members.at("expiresAt"), "2026-12-01T02:10:00Z");
  EXPECT_EQ(json::serialize(report.status.members.at("approvedBy")), R"(["bob"])");
  const auto event = grant_event(grant, report, "Pending", binding);
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->reason, "grant active");
  EXPECT_EQ(event->message,
            "AzureIdentityGrant shop/inc-1 of alice is active until 2026-12-01T02:10:00Z, approved by bob");
  EXPECT_FALSE(grant_event(grant, report, "Active", binding).has_value());
  EXPECT_FALSE(grant_event(grant, report, "", binding).has_value()) << "a controller that has just begun";

  report = grant_status(grant, book, &terms, kDay + 130min);
  EXPECT_EQ(report.phase, "Expired");
  EXPECT_EQ(grant_event(grant, report, "Active", binding)->reason, "grant expired");

  grant.revocation = core::AzureIdentityGrant::Revocation{.by = "bob", .reason = "done"};
  report = grant_status(grant, book, &terms, kDay + 75min);
  EXPECT_EQ(report.phase, "Revoked");
  EXPECT_EQ(grant_event(grant, report, "Active", binding)->message,
            "AzureIdentityGrant shop/inc-1 of alice is revoked by bob");
}

}  // namespace
}  // namespace podid::mic
