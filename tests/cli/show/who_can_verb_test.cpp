// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_fixture.hpp"
#include "support/builders.hpp"

namespace podid::cli {
namespace {

using ::testing::HasSubstr;

class WhoCanVerbTest : public ClusterTest {
 protected:
  WhoCanVerbTest() {
    define_kinds();
    put_pod("default", "web");
    put(kube::kAzureIdentities,
        {{"metadata", {{"name", "store"}, {"namespace", "default"}}},
         {"spec", {{"type", 0}, {"resourceID", test::identity_resource_id("store")}, {"clientID", "c"}}}});
    put(kube::kAzureIdentityBindings, {{"metadata", {{"name", "reader"}, {"namespace", "default"}}},
                                       {"spec", {{"azureIdentity", "store"}, {"selector", "reader"}}}});
  }
};

TEST_F(WhoCanVerbTest, AnswersByItsExitStatusToo) {
  EXPECT_EQ(podid({"who-can", "store"}), kFailed) << "nothing is assigned yet";
  EXPECT_THAT(out_, HasSubstr("awaiting_creation"));
  EXPECT_EQ(podid({"who-can", "store", "--mode", "managed", "-o", "name"}), kOk) << err_;
  EXPECT_EQ(out_, "pod/web\n");
  EXPECT_EQ(podid({"who-can", "store", "--mode", "managed", "--if-delete", "binding/reader"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("loses"));
  EXPECT_EQ(podid({"who-can", "store", "--ever", "team-b"}), kOk);
  EXPECT_EQ(
      out_,
      "yes: a pod of namespace team-b with label aadpodidbinding=reader, by azureidentitybinding default/reader\n");
  EXPECT_EQ(podid({"who-can", "store", "--ever", "team-b", "--force-namespaced", "-o", "json"}), kFailed);
  EXPECT_EQ(json::parse(out_).at("possible"), false);
}

TEST_F(WhoCanVerbTest, SaysWhatItCannotFind) {
  EXPECT_EQ(podid({"who-can", "stroe"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("there is no AzureIdentity default/stroe; did you mean store?"));
  EXPECT_EQ(podid({"who-can", "store", "-n", "shop"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("in: default (use -n)"));
  EXPECT_EQ(podid({"who-can", "store", "--if-delete", "reader"}), kUsage);
  EXPECT_EQ(podid({"who-can", "store", "--if-delete", "binding/nothing"}), kFailed);
  EXPECT_EQ(podid({"who-can", "store", "--if-delete", "binding/reader", "--ever", "x"}), kUsage);
}

}  // namespace
}  // namespace podid::cli
