// SPDX-License-Identifier: Apache-2.0
#include "core/model/grants_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <ranges>

#include "core/model/times.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

json::value grant_json() {
  return json::parse(R"({"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentityGrant",
    "metadata":{"name":"inc-4711","namespace":"shop","uid":"u-1","creationTimestamp":"2026-11-28T20:00:00Z","labels":{"a":"b"}},
    "spec":{"binding":"b","duration":"1h30m","reason":"INC-4711","requestedBy":"alice@contoso.com","notBefore":"2026-11-28T21:00:00Z",
      "podSelector":{"matchLabels":{"job":"replay"}},"revocation":{"by":"bob","reason":"done"}},
    "status":{"phase":"Active","expiresAt":"2030-01-01T00:00:00Z","approvedBy":["bob"]}})");
}

json::value approval_json() {
  return json::parse(
      R"({"metadata":{"name":"a","namespace":"shop","uid":"u-2","creationTimestamp":"2026-11-28T20:10:00Z"},
    "spec":{"grant":"inc-4711","grantUID":"u-1","binding":"b","requestedBy":"alice","approvedBy":"bob","comment":"fine"}})");
}

TEST(GrantsJson, AGrantIsRead) {
  const auto grant = read_azure_identity_grant(grant_json());
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->invalid, "");
  EXPECT_EQ(grant->meta.key().text(), "shop/inc-4711");
  EXPECT_EQ(grant->meta.uid, "u-1");
  EXPECT_TRUE(grant->meta.labels.empty()) << "nobody reads them";
  EXPECT_EQ(grant->binding, "b");
  EXPECT_EQ(grant->duration, std::chrono::minutes(90));
  EXPECT_EQ(grant->requested_by, "alice@contoso.com");
  EXPECT_EQ(time_text(grant->not_before.value()), "2026-11-28T21:00:00Z");
  EXPECT_EQ(grant->pod_labels, (StringMap{{"job", "replay"}}));
  ASSERT_TRUE(grant->revocation);
  EXPECT_EQ(grant->revocation->by, "bob");
}

TEST(GrantsJson, WhatMayHaveBeenARestrictionMakesItInvalid) {
  const auto invalid = [](std::string_view pointer, const json::value& value) {
    json::value object = grant_json();
    json::value* at = &object;
    for (const auto part : std::views::split(pointer.substr(1), '/')) {
      at = &at->as_object()[std::string_view(part.begin(), part.end())];
    }
    *at = value;
    const auto grant = read_azure_identity_grant(object);
    EXPECT_TRUE(grant) << pointer;
    return grant ? grant->invalid : std::string("no grant");
  };
  EXPECT_EQ(invalid("/spec/reason", "another"), "");
  EXPECT_THAT(invalid("/spec/nodes", json::array{"a"}), HasSubstr("a member that this release does not know"));
  EXPECT_THAT(invalid("/spec/podSelector/matchExpressions", json::array()), HasSubstr("does not know"));
  EXPECT_THAT(invalid("/spec/podSelector", nullptr), HasSubstr("is null"));
  EXPECT_THAT(invalid("/spec/podSelector/matchLabels/job", nullptr), HasSubstr("is null"));
  EXPECT_THAT(invalid("/spec/podSelector", json::object()), HasSubstr("matchLabels"));
  EXPECT_THAT(invalid("/spec/podSelector", "job=replay"), HasSubstr("spec.podSelector: expected an object"));
  EXPECT_THAT(invalid("/spec/notBefore", "tomorrow"), HasSubstr("spec.notBefore"));
  EXPECT_THAT(invalid("/spec/duration", "30s"), HasSubstr("1m to 168h"));
  EXPECT_THAT(invalid("/spec/duration", "169h"), HasSubstr("1m to 168h"));
  EXPECT_THAT(invalid("/spec/duration", 3600), HasSubstr("spec.duration"));
  EXPECT_THAT(invalid("/spec/requestedBy", json::value(std::string(513, 'a'))), HasSubstr("at most 512"));
  EXPECT_THAT(invalid("/spec/requestedBy", ""), HasSubstr("spec.requestedBy: is missing"));
  EXPECT_THAT(invalid("/spec/binding", ""), HasSubstr("spec.binding: is missing"));
  EXPECT_THAT(invalid("/spec", json::object()), HasSubstr("is missing"));
  json::object labels;
  for (int i = 0; i < 17; ++i) labels[std::to_string(i)] = "v";
  EXPECT_THAT(invalid("/spec/podSelector/matchLabels", labels), HasSubstr("at most 16"));
  // What it is told in has a length and no control characters.
  const std::string said = invalid("/spec/podSelector/matchLabels/a\nb", 1);
  EXPECT_THAT(said, HasSubstr("a?b"));
}

TEST(GrantsJson, WithoutMetadataItIsNone) {
  EXPECT_FALSE(read_azure_identity_grant(json::parse("[]")));
  EXPECT_FALSE(read_azure_identity_grant(json::parse(R"({"metadata":{"name":1}})")));
}

TEST(GrantsJson, AnApprovalIsRead) {
  const auto approval = read_azure_identity_grant_approval(approval_json());
  ASSERT_TRUE(approval);
  EXPECT_EQ(approval->grant, "inc-4711");
  EXPECT_EQ(approval->grant_uid, "u-1");
  EXPECT_EQ(approval->binding, "b");
  EXPECT_EQ(approval->requested_by, "alice");
  EXPECT_EQ(approval->approved_by, "bob");
  EXPECT_EQ(approval->comment, "fine");
}

TEST(GrantsJson, AnApprovalThatIsNotWholeIsNone) {
  for (const char* member : {"grant", "grantUID", "binding", "requestedBy", "approvedBy"}) {
    json::value object = approval_json();
    object.at("spec").as_object().erase(member);
    EXPECT_FALSE(read_azure_identity_grant_approval(object)) << member;
  }
  json::value object = approval_json();
  object.at("spec").as_object()["until"] = "noon";
  EXPECT_FALSE(read_azure_identity_grant_approval(object));
}

}  // namespace
}  // namespace podid::core
