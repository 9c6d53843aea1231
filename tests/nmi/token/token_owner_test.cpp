// SPDX-License-Identifier: Apache-2.0
// Whose token came back, and whether it may be issued (SEC-1).
#include "nmi/token/token_owner.hpp"

#include <gtest/gtest.h>

#include "base/text.hpp"
#include "nmi/token/token_source.hpp"
#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

azure::AccessToken with_claims(const std::string& claims) {
  azure::AccessToken token;
  token.access_token = base::Secret("e30." + base::base64url(claims) + ".AA");
  return token;
}

TEST(TokenOwner, IsWhatTheTokenAndTheAnswerSay) {
  azure::AccessToken token = with_claims(R"({"appid":"a","oid":"o","xms_mirid":"/m"})");
  token.client_id = "c";
  token.msi_res_id = "/answer";
  TokenOwner owner = owner_of(token);
  EXPECT_TRUE(owner.readable);
  EXPECT_EQ(owner.client_id, "c");
  EXPECT_EQ(owner.app_id, "a");
  EXPECT_EQ(owner.object_id, "o");
  EXPECT_EQ(owner.resource_id, "/m") << "what the resource will read";
  EXPECT_EQ(owner_of(with_claims(R"({"azp":"a"})")).app_id, "a") << "of version 2";
  owner = owner_of(with_claims(R"({"appid":1,"oid":null,"xms_mirid":[]})"));
  EXPECT_TRUE(owner.app_id.empty() && owner.object_id.empty() && owner.resource_id.empty());
  token.access_token = base::Secret("sealed");
  owner = owner_of(token);
  EXPECT_FALSE(owner.readable);
  EXPECT_EQ(owner.resource_id, "/answer");
}

// As in tests/support/builders.hpp: the client ID of "reader" is "client-reader".
struct OwnerRow {
  const char* what;
  TokenOwner owner;
  bool issued;
};

Credential credential(const std::string& client_id, const std::string& resource_id) {
  core::AzureIdentity identity = test::make_identity("shop", "reader");
  identity.client_id = core::ClientId(client_id);
  identity.resource_id = core::ResourceId(resource_id);
  return credential_of(identity);
}

void expect_rows(const Credential& asked, std::initializer_list<OwnerRow> rows) {
  for (const OwnerRow& row : rows) {
    const base::Result<> checked = check_owner(asked, row.owner);
    EXPECT_EQ(checked.has_value(), row.issued) << row.what;
    if (!checked) EXPECT_EQ(withheld_for(checked.error()), kClientIdMismatch) << row.what;
  }
}

TEST(TokenOwner, AResourceIdIsWhatCountsAndItsClientIdMustBeRight) {
  const std::string mine = test::identity_resource_id("reader");
  const std::string upper = base::to_lower(mine) + " ";
  expect_rows(credential(" Client-Reader", mine),
              {{"all of it", {true, "client-reader", "CLIENT-READER", "o", upper}, true},
               {"the answer's client ID alone", {false, "client-reader", "", "", ""}, true},
               {"the token's alone", {true, "", "client-reader", "", ""}, true},
               {"another answer's", {true, "client-victim", "", "", mine}, false},
               {"another token", {true, "client-reader", "client-victim", "", ""}, false},
               {"another resource ID", {true, "client-reader", "client-reader", "", mine + "2"}, false},
               {"a machine's own", {true, "", "", "", "/subscriptions/s1/machine"}, false},
               {"no client ID to be seen", {true, "", "", "o", ""}, false},
               {"nothing to be seen", {false, "", "", "", ""}, false}});
  expect_rows(credential("", mine),
              {{"it", {true, "any", "any", "o", upper}, true},
               {"a sealed token of whom the endpoint was asked for", {false, "any", "", "", ""}, true},
               {"another", {true, "any", "any", "", mine + "2"}, false},
               {"an endpoint that knows no resource IDs", {true, "any", "any", "", ""}, false}});
}

// Managed mode: there is no more than the client ID.
TEST(TokenOwner, WithoutAResourceIdTheClientIdIsCompared) {
  expect_rows(credential("client-reader", ""), {{"it", {true, "client-reader", "client-reader", "", "/r"}, true},
                                                {"nothing to be seen", {false, "", "", "", ""}, true},
                                                {"another answer's", {false, "client-victim", "", "", ""}, false},
                                                {"another token", {true, "", "client-victim", "", ""}, false}});
}

TEST(TokenOwner, TheSentenceNamesTheRightClientIdAndStaysShort) {
  const std::string guid = "11111111-2222-3333-4444-555555555555";
  const base::Result<> checked = check_owner(credential(std::string(100000, 'x'), test::identity_resource_id("reader")),
                                             {true, guid + std::string(100000, 'y'), "", "", ""});
  ASSERT_FALSE(checked);
  EXPECT_TRUE(checked.error().message.contains("which is 1111")) << checked.error().message;
  EXPECT_FALSE(checked.error().message.contains(guid)) << checked.error().message;
  EXPECT_LT(checked.error().message.size(), 300u);
}

TEST(TokenOwner, WhatTheOperatorExcludesIsNeverIssued) {
  const std::string kubelet = "AAAAAAAA-0000-0000-0000-00000000000a";
  const NeverIssue never({kubelet, test::identity_resource_id("Kubelet")});
  EXPECT_FALSE(never.check(credential(" " + base::to_lower(kubelet), "")));
  EXPECT_FALSE(never.check(credential("", test::identity_resource_id("kubelet"))));
  EXPECT_TRUE(never.check(credential("client-reader", test::identity_resource_id("reader"))));
  EXPECT_FALSE(never.check(TokenOwner{true, kubelet, "", "", ""}));
  EXPECT_FALSE(never.check(TokenOwner{true, "", kubelet, "", ""}));
  EXPECT_FALSE(never.check(TokenOwner{true, "", "", kubelet, ""}));
  const base::Result<> refused = never.check(TokenOwner{true, "", "", "", test::identity_resource_id("kubelet")});
  ASSERT_FALSE(refused);
  EXPECT_EQ(withheld_for(refused.error()), kNeverIssued);
  EXPECT_TRUE(never.check(TokenOwner{}));
  EXPECT_FALSE(never.check(node_credential(Credential::For::excepted, core::ClientIdView(kubelet), {}, {})));
  EXPECT_TRUE(never.check(node_credential(Credential::For::controller, core::ClientIdView(kubelet), {}, {})));
}

TEST(TokenOwner, WhatNamesNothingCannotBeExcluded) {
  EXPECT_EQ(problem_with_never_issue("AAAAAAAA-0000-0000-0000-00000000000a"), "");
  EXPECT_EQ(problem_with_never_issue(test::identity_resource_id("x")), "");
  for (const char* wrong :
       {"", "kubelet", "AAAAAAAA-0000-0000-0000-00000000000", "AAAAAAAA-0000-0000-0000-00000000000g",
        "AAAAAAAA-0000-0000-0000000000000000a", "/subscriptions/s"}) {
    EXPECT_NE(problem_with_never_issue(wrong), "") << wrong;
  }
}

// Whatever an endpoint answers, its own refusals are not taken for ours.
TEST(TokenOwner, AnEndpointsCodeIsNotOurs) {
  base::Error error;
  error.kind = base::ErrorKind::denied;
  error.code = kNeverIssued;
  EXPECT_EQ(withheld_for(error), kNeverIssued);
  error.http_status = 403;
  EXPECT_EQ(withheld_for(error), "");
}

}  // namespace
}  // namespace podid::nmi
