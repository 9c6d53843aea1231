// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_fixture.hpp"

namespace podid::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class GrantVerbTest : public ClusterTest {
 protected:
  GrantVerbTest() : ClusterTest({"alice", "bob"}) {
    define({kube::kAzureIdentityBindings, kube::kAzureIdentityGrants, kube::kAzureIdentityGrantApprovals});
    put(kube::kNamespaces, {{"metadata", {{"name", "shop"}}}});
    put(kube::kAzureIdentityBindings, {{"metadata", {{"name", "reader"}, {"namespace", "shop"}}},
                                       {"spec",
                                        {{"azureIdentity", "store"},
                                         {"selector", "front"},
                                         {"access", {{"grant", {{"maxDuration", "4h"}, {"approvals", 1}}}}}}}});
  }
  int request(const std::vector<std::string>& more = {}) {
    std::vector<std::string> words{"grant", "request",  "reader",   "-n",     "shop", "--duration",
                                   "1h",    "--reason", "INC-4711", "--name", "g"};
    words.insert(words.end(), more.begin(), more.end());
    return podid(words);
  }
  json::value grant() { return read(kube::kAzureIdentityGrants, {"shop", "g"}); }
};

TEST_F(GrantVerbTest, OneAsksAnotherApprovesAndEitherEndsIt) {
  ASSERT_EQ(request(), kOk) << err_;
  EXPECT_EQ(out_, "azureidentitygrant shop/g requested\nTo approve it: podid grant approve g -n shop\n");
  EXPECT_EQ(grant().at("spec").at("requestedBy"), "alice");

  become("bob");
  ASSERT_EQ(podid({"grant", "approve", "g", "-n", "shop", "--comment", "seen"}), kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("reason     INC-4711"));
  EXPECT_THAT(out_, HasSubstr("approved by bob"));
  const auto approvals = objects(kube::kAzureIdentityGrantApprovals);
  ASSERT_THAT(approvals, SizeIs(1));
  EXPECT_EQ(approvals[0].at("spec").at("grantUID"), grant().at("metadata").at("uid"));
  EXPECT_EQ(approvals[0].at("spec").at("approvedBy"), "bob");
  EXPECT_EQ(podid({"grant", "approve", "g", "-n", "shop"}), kOk);
  EXPECT_THAT(out_, HasSubstr("bob approved it already"));
  EXPECT_THAT(objects(kube::kAzureIdentityGrantApprovals), SizeIs(1));

  become("alice");
  ASSERT_EQ(podid({"grant", "revoke", "g", "-n", "shop", "--reason", "done"}), kOk) << err_;
  EXPECT_EQ(grant().at("spec").at("revocation"), json::parse(R"({"by": "alice", "reason": "done"})"));
  EXPECT_EQ(podid({"grant", "revoke", "g", "-n", "shop"}), kOk);
  EXPECT_THAT(out_, HasSubstr("revoked already, by alice"));
}

TEST_F(GrantVerbTest, NobodyApprovesTheirOwnNorWhatIsRevoked) {
  ASSERT_EQ(request(), kOk) << err_;
  EXPECT_EQ(podid({"grant", "approve", "g", "-n", "shop"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("alice asked for it, and nobody approves their own request"));
  EXPECT_EQ(podid({"grant", "approve", "g", "-n", "shop", "--can-i"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("no: "));
  become("bob");
  EXPECT_EQ(podid({"grant", "approve", "g", "-n", "shop", "--can-i"}), kOk);
  EXPECT_EQ(out_, "yes\n");
  ASSERT_EQ(podid({"grant", "deny", "g", "-n", "shop"}), kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("denied by bob"));
  EXPECT_EQ(podid({"grant", "approve", "g", "-n", "shop"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("was revoked by bob"));
  EXPECT_THAT(objects(kube::kAzureIdentityGrantApprovals), IsEmpty());
}

TEST_F(GrantVerbTest, TheGrantThatWasLookedAtIsTheOneApproved) {
  ASSERT_EQ(request(), kOk) << err_;
  become("bob");
  EXPECT_EQ(podid({"grant", "approve", "g", "-n", "shop", "--uid", "of-the-one-before"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("it was made anew"));
}

TEST_F(GrantVerbTest, ScriptsGetTheObject) {
  ASSERT_EQ(request({"-o", "name"}), kOk) << err_;
  EXPECT_EQ(out_, "azureidentitygrant.aadpodidentity.k8s.io/g\n");
  become("bob");
  ASSERT_EQ(podid({"grant", "approve", "g", "-n", "shop", "-o", "json"}), kOk) << err_;
  EXPECT_EQ(json::parse(out_).at("kind"), "AzureIdentityGrantApproval");
  ASSERT_EQ(podid({"grant", "revoke", "g", "-n", "shop", "-o", "yaml"}), kOk) << err_;
  EXPECT_THAT(out_, HasSubstr("kind: \"AzureIdentityGrant\"\n"));
}

TEST_F(GrantVerbTest, ListSaysHowTheyStandWhateverTheirStatusSays) {
  EXPECT_EQ(podid({"grant", "list", "-A"}), kOk) << err_;
  ASSERT_EQ(request(), kOk) << err_;
  ASSERT_EQ(podid({"grant", "list", "-n", "shop", "-o", "json"}), kOk) << err_;
  const json::value row = json::parse(out_).at("items").at(0);
  EXPECT_EQ(row.at("name"), "g");
  EXPECT_EQ(row.at("state"), "Invalid") << "nothing guards grants here";
  EXPECT_THAT(std::string(row.at("why").as_string()), HasSubstr("podid-grant"));
  ASSERT_EQ(podid({"grant", "list", "-n", "default", "-o", "name"}), kOk);
  EXPECT_THAT(out_, IsEmpty());
}

TEST_F(GrantVerbTest, SaysWhatCannotBe) {
  EXPECT_EQ(podid({"grant", "request", "writer", "-n", "shop", "--duration", "1h", "--reason", "r"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("there is no AzureIdentityBinding shop/writer"));
  EXPECT_EQ(podid({"grant", "request", "reader", "-n", "shop", "--duration", "300h", "--reason", "r"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("1m to 168h"));
  EXPECT_EQ(podid({"grant", "approve", "nothing", "-n", "shop"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("there is no grant shop/nothing"));
  put(kube::kAzureIdentityBindings, {{"metadata", {{"name", "open"}, {"namespace", "shop"}}},
                                     {"spec", {{"azureIdentity", "store"}, {"selector", "front"}}}});
  EXPECT_EQ(podid({"grant", "request", "open", "-n", "shop", "--duration", "1h", "--reason", "r"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("needs no grant"));
}

}  // namespace
}  // namespace podid::cli
