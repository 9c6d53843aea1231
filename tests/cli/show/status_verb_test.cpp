// SPDX-License-Identifier: Apache-2.0
#include "cli/cluster_fixture.hpp"

namespace podid::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StatusVerbTest : public ClusterTest {
 protected:
  StatusVerbTest() {
    define_kinds();
    put_pod("default", "web");
    put(kube::kAzureIdentities,
        {{"metadata", {{"name", "store"}, {"namespace", "default"}}},
         {"spec",
          {{"type", 0},
           {"resourceID",
            "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/store"},
           {"clientID", "c"}}}});
  }
  void bind(const json::object& more = {}) {
    json::object spec{{"azureIdentity", "store"}, {"selector", "reader"}};
    for (const auto& [name, value] : more) spec[name] = value;
    put(kube::kAzureIdentityBindings, {{"metadata", {{"name", "reader"}, {"namespace", "default"}}}, {"spec", spec}});
  }
};

TEST_F(StatusVerbTest, ShowsPodsAndWhatIsInTheWay) {
  bind();
  EXPECT_EQ(podid({"status", "-A"}), kOk) << err_ << out_;
  EXPECT_THAT(out_, HasSubstr("default/store"));
  EXPECT_THAT(out_, HasSubstr("awaiting_creation"));
  ASSERT_EQ(podid({"status", "-o", "json"}), kOk) << err_;
  EXPECT_EQ(json::parse(out_).at("pods").at(0).at("pod"), "web");
  EXPECT_EQ(podid({"status", "-n", "kube-system", "-o", "name"}), kOk);
  EXPECT_EQ(out_, "");
}

// D13
TEST_F(StatusVerbTest, SaysThatGrantsDoNotCountAndWhoMayApprove) {
  bind({{"access", {{"grant", {{"maxDuration", "4h"}, {"approvals", 1}}}}}});
  put({"rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", false},
      {{"metadata", {{"name", "podid-approver"}}},
       {"rules",
        json::parse(
            R"([{"apiGroups": ["aadpodidentity.k8s.io"], "resources": ["azureidentitybindings"], "verbs": ["approve"]}])")}});
  put({"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"},
      {{"metadata", {{"name", "oncall"}, {"namespace", "default"}}},
       {"roleRef", {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", "podid-approver"}}},
       {"subjects", json::parse(R"([{"kind": "Group", "name": "oncall", "apiGroup": "rbac.authorization.k8s.io"}])")}});
  EXPECT_EQ(podid({"status"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("PROBLEM: no grant counts: "));
  EXPECT_THAT(out_, HasSubstr("apply deploy/policies/grants.yaml"));
  EXPECT_THAT(out_, HasSubstr("approvers: binding default/reader: Group oncall (ClusterRole podid-approver)"));
}

TEST_F(StatusVerbTest, ADefinitionWithoutAccessIsAProblem) {
  kube::Patch patch;
  patch.body = json::parse(
      R"({"spec": {"versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema":
    {"type": "object", "properties": {"spec": {"type": "object", "properties": {"selector": {"type": "string"}, "azureIdentity": {"type": "string"}}}}}}}]}})");
  const auto patched =
      test::run_task(io_, client_->patch(kube::kCustomResourceDefinitions,
                                         {.ns = {}, .name = "azureidentitybindings.aadpodidentity.k8s.io"},
                                         std::move(patch), net::Deadline::never()));
  ASSERT_TRUE(patched) << patched.error().message;
  EXPECT_EQ(podid({"status"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("PROBLEM: the CustomResourceDefinition of azureidentitybindings has no spec.access"));
}

TEST_F(StatusVerbTest, WithoutOurKindsItSaysWhatToInstall) {
  const auto removed = test::run_task(
      io_, client_->remove(kube::kCustomResourceDefinitions,
                           {.ns = {}, .name = "azureidentities.aadpodidentity.k8s.io"}, {}, net::Deadline::never()));
  ASSERT_TRUE(removed);
  EXPECT_EQ(podid({"status"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("install deploy/crds"));
  EXPECT_THAT(out_, Not(HasSubstr("POD")));
}

}  // namespace
}  // namespace podid::cli
