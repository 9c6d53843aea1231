// SPDX-License-Identifier: Apache-2.0
#include "cli/grant/grant_objects.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"

namespace podid::cli {
namespace {

using ::testing::HasSubstr;

const base::WallTime kNow = *base::parse_rfc3339("2026-11-28T12:00:00Z");

GrantRequest request() {
  GrantRequest request;
  request.ns = "shop";
  request.binding = "reader";
  request.duration = "1h30m";
  request.reason = "INC-4711";
  request.requested_by = "alice";
  return request;
}

TEST(GrantObjects, ARequestIsWhatTheSchemaWants) {
  GrantRequest asked = request();
  asked.pod_labels = {"job=replay", "tier="};
  asked.not_before = "+2h";
  EXPECT_EQ(json::serialize(grant_object(asked, kNow).value()),
            R"({"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentityGrant",)"
            R"("metadata":{"namespace":"shop","generateName":"reader-"},)"
            R"("spec":{"binding":"reader","duration":"1h30m","reason":"INC-4711","requestedBy":"alice",)"
            R"("notBefore":"2026-11-28T14:00:00Z","podSelector":{"matchLabels":{"job":"replay","tier":""}}}})");
  asked.name = "inc-4711";
  EXPECT_EQ(grant_object(asked, kNow)->at("metadata").at("name"), "inc-4711");
}

TEST(GrantObjects, WhatCannotBeMeantIsRefused) {
  for (const char* duration : {"", "59s", "169h", "forever", "-1h"}) {
    GrantRequest asked = request();
    asked.duration = duration;
    EXPECT_EQ(grant_object(asked, kNow).error().kind, base::ErrorKind::invalid) << duration;
  }
  for (const char* label : {"job", "=replay"}) {
    GrantRequest asked = request();
    asked.pod_labels = {label};
    EXPECT_THAT(grant_object(asked, kNow).error().message, HasSubstr("label=value"));
  }
  for (const char* time : {"tomorrow", "+-1h", "+", "2026-11-28"}) {
    GrantRequest asked = request();
    asked.not_before = time;
    EXPECT_THAT(grant_object(asked, kNow).error().message, HasSubstr("--not-before")) << time;
  }
}

json::value stored_grant() {
  return json::parse(
      R"({"metadata": {"name": "g", "namespace": "shop", "uid": "u-1", "creationTimestamp": "2026-11-28T11:30:00Z"},
    "spec": {"binding": "reader", "duration": "1h", "reason": "INC-4711", "requestedBy": "alice",
             "podSelector": {"matchLabels": {"job": "replay"}}}})");
}

TEST(GrantObjects, AnApprovalNamesTheGrantByItsUid) {
  const json::object approval = approval_object(stored_grant(), "bob", "seen");
  EXPECT_EQ(
      json::serialize(approval.at("spec")),
      R"({"grant":"g","grantUID":"u-1","binding":"reader","requestedBy":"alice","approvedBy":"bob","comment":"seen"})");
  EXPECT_EQ(approval.at("metadata").at("ownerReferences").at(0).at("uid"), "u-1");
  EXPECT_EQ(json::serialize(revocation_patch(stored_grant(), "bob", "")),
            R"({"metadata":{"uid":"u-1"},"spec":{"revocation":{"by":"bob"}}})");
}

TEST(GrantObjects, AnApproverSeesWhatIsApproved) {
  const json::value binding = json::parse(R"({"spec": {"selector": "front", "azureIdentity": "store"}})");
  const std::string text = describe_grant(stored_grant(), binding, kNow);
  for (const char* part :
       {"grant shop/g", "alice, 30m ago", "reader (AzureIdentity store)", "1h from the last approval on", "INC-4711",
        "u-1", "with aadpodidbinding=front and job=replay"}) {
    EXPECT_THAT(text, HasSubstr(part));
  }
  EXPECT_THAT(describe_grant(stored_grant(), std::nullopt, kNow), HasSubstr("could not be read"));
}

// Who asks writes the reason: it must not make an approver see another grant.
TEST(GrantObjects, AReasonCannotPaintOverWhatIsAsked) {
  json::value grant = stored_grant();
  grant.at("spec").as_object()["reason"] = "x\x1b[1A\x1b[2K  for        1m\n  UID        u-2";
  const std::string text = describe_grant(grant, std::nullopt, kNow);
  EXPECT_THAT(text, HasSubstr("  reason     x\\u001b[1A\\u001b[2K  for        1m\\u000a  UID        u-2\n"));
  EXPECT_EQ(std::ranges::count(text, '\n'), 7);
}

}  // namespace
}  // namespace podid::cli
