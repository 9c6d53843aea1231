// SPDX-License-Identifier: Apache-2.0
// `podid explain pod` as a person runs it, against an API server on another thread.
#include "cli/cluster_fixture.hpp"
#include "core/model/resources_json.hpp"
#include "support/builders.hpp"

namespace podid::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ExplainClusterTest : public ClusterTest {
 protected:
  // podid explain pod …
  int explain(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"explain", "pod"});
    return podid(arguments);
  }
};

TEST_F(ExplainClusterTest, FollowsThePodFromNothingToItsToken) {
  define_kinds();
  put_pod("default", "web");
  EXPECT_EQ(explain({"web"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (no_matching_binding)"));

  const core::AzureIdentity identity = test::make_identity("default", "reader");
  const core::AzureIdentityBinding binding = test::make_binding("default", "reader-binding", "reader");
  auto without_version = [](json::object object) {
    object.at("metadata").as_object().erase("resourceVersion");
    object.at("metadata").as_object().erase("uid");
    return object;
  };
  put(kube::kAzureIdentityBindings, without_version(core::write_azure_identity_binding(binding)));
  EXPECT_EQ(explain({"web"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (identity_missing)"));

  put(kube::kAzureIdentities, without_version(core::write_azure_identity(identity)));
  EXPECT_EQ(explain({"web"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (awaiting_creation)"));

  core::Pod pod = test::make_pod("default", "web");
  pod.uid = uid_of(kube::kPods, {"default", "web"});
  put(kube::kAzureAssignedIdentities,
      without_version(core::write_azure_assigned_identity(test::make_assigned(pod, identity, binding))));
  EXPECT_EQ(explain({"web", "-n", "default"}), kOk);
  EXPECT_THAT(out_, HasSubstr("granted: the pod gets tokens of azureidentity default/reader"));
  EXPECT_THAT(err_, IsEmpty());

  EXPECT_EQ(explain({"web", "--client-id", "another-client"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (not_requested)"));
  EXPECT_EQ(explain({"web", "--mode", "managed", "-o", "json"}), kOk);
  EXPECT_EQ(json::parse(out_).at("decision").at("identity"), "default/reader");
}

// SEC-10
TEST_F(ExplainClusterTest, SaysWhatThePolicyDeniesAndWhatWouldHelp) {
  define_kinds();
  put(kube::kCustomResourceDefinitions, test::open_definition(kube::kAzureIdentityPolicies));
  put_pod("default", "web");
  json::object identity = core::write_azure_identity(test::make_identity("default", "reader"));
  json::object binding = core::write_azure_identity_binding(test::make_binding("default", "b", "reader"));
  for (json::object* object : {&identity, &binding}) {
    object->at("metadata").as_object().erase("resourceVersion");
    object->at("metadata").as_object().erase("uid");
  }
  put(kube::kAzureIdentities, identity);
  put(kube::kAzureIdentityBindings, binding);
  EXPECT_EQ(explain({"web", "--mode", "managed"}), kOk)
      << "there is no policy: nothing says that the programs have one";
  EXPECT_EQ(explain({"web", "--mode", "managed", "--identity-policy", "enforce"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (policy_denied): pod web in namespace default gets no token: there is no "
                              "AzureIdentityPolicy default"));
  EXPECT_THAT(out_, HasSubstr("remedy: create it"));

  put(kube::kAzureIdentityPolicies,
      json::parse(R"({"metadata": {"name": "default"}, "spec": {"rules": [{"name": "team", "namespaces": {"matchLabels":
          {"policy.aadpodidentity.k8s.io/team": "a"}}, "resourceIDs": [")" +
                  test::identity_resource_id("READER") + "\"]}]}}")
          .as_object());
  EXPECT_EQ(explain({"web", "--mode", "managed"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("has no rule that lets namespace default use AzureIdentity default/reader"));
  EXPECT_EQ(explain({"web", "--mode", "managed", "--identity-policy", "off"}), kOk);
  kube::Patch labels;
  labels.body = {{"metadata", {{"labels", {{"policy.aadpodidentity.k8s.io/team", "a"}}}}}};
  const auto patched = test::run_task(
      io_, client_->patch(kube::kNamespaces, {.ns = {}, .name = "default"}, std::move(labels), net::Deadline::never()));
  ASSERT_TRUE(patched.has_value());
  EXPECT_EQ(explain({"web", "--mode", "managed"}), kOk);
  EXPECT_THAT(out_,
              HasSubstr("identity_policy     azureidentity default/reader: rule team of AzureIdentityPolicy default "
                        "lets namespace default use it"));
}

TEST_F(ExplainClusterTest, KnowsWindowsHolidaysAndGrants) {
  define_kinds();
  put_pod("default", "web");
  json::object identity = core::write_azure_identity(test::make_identity("default", "reader"));
  identity.at("metadata").as_object().erase("resourceVersion");
  identity.at("metadata").as_object().erase("uid");
  put(kube::kAzureIdentities, identity);
  const auto bind = [this](const char* name, std::string_view access) {
    put(kube::kAzureIdentityBindings,
        {{"metadata", {{"name", name}, {"namespace", "default"}}},
         {"spec", {{"azureIdentity", "reader"}, {"selector", "reader"}, {"access", json::parse(access)}}}});
  };
  bind(
      "days",
      R"({"windows": [{"timeZone": "Europe/Berlin", "start": "00:00", "end": "24:00", "holidays": {"configMap": "calendar"}}]})");
  EXPECT_EQ(explain({"web", "--mode", "managed"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (calendar_unreadable)"));
  EXPECT_THAT(out_, HasSubstr("ConfigMap default/calendar"));
  put(kube::kConfigMaps,
      {{"metadata", {{"name", "calendar"}, {"namespace", "default"}}}, {"data", {{"dates", "1999-12-31\n"}}}});
  EXPECT_EQ(explain({"web", "--mode", "managed"}), kOk) << out_;
  EXPECT_THAT(out_, HasSubstr("access       "));
  ASSERT_EQ(explain({"web", "--mode", "managed", "-o", "json"}), kOk);
  EXPECT_EQ(json::parse(out_).at("schema"), "podid.explain/v1");
  EXPECT_EQ(json::parse(out_).at("access").at(0).at("open"), true);
  const auto removed = test::run_task(
      io_, client_->remove(kube::kAzureIdentityBindings, {"default", "days"}, {}, net::Deadline::never()));
  ASSERT_TRUE(removed);

  bind("jit", R"({"grant": {"maxDuration": "4h", "approvals": 1}})");
  EXPECT_EQ(explain({"web", "--mode", "managed"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (grant_policy_missing)"));
}

TEST_F(ExplainClusterTest, KnowsTheControllersPods) {
  define_kinds();
  put(kube::kPods, {{"metadata",
                     {{"name", "mic-5d4f-x"},
                      {"namespace", "default"},
                      {"ownerReferences",
                       json::array{json::object{
                           {"apiVersion", "apps/v1"}, {"kind", "ReplicaSet"}, {"name", "mic-5d4f"}, {"uid", "u"}}}}}},
                    {"spec",
                     {{"nodeName", "node-a"},
                      {"serviceAccountName", "aad-pod-id-mic-service-account"},
                      {"containers", json::array{json::object{{"name", "main"}, {"image", "none"}}}}}}});
  EXPECT_EQ(explain({"mic-5d4f-x"}), kOk);
  EXPECT_THAT(out_, HasSubstr("it is a pod of the MIC"));
  EXPECT_EQ(explain({"mic-5d4f-x", "--mic-service-account", "another"}), kFailed);
  EXPECT_EQ(explain({"mic-5d4f-x", "--controller-identity", "c1", "--client-id", "c2"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (controller_identity)"));
  EXPECT_EQ(explain({"mic-5d4f-x", "--mic-namespace", "kube-system"}), kFailed);
  EXPECT_EQ(explain({"mic-5d4f-x", "--mic-namespace", ""}), kFailed);
  EXPECT_THAT(out_, HasSubstr("refused (no_binding_label)"));
}

TEST_F(ExplainClusterTest, AnUnreadableObjectIsNamedAndLeftOut) {
  define_kinds();
  put_pod("default", "web");
  put(kube::kAzureIdentityBindings,
      {{"metadata", {{"name", "bad"}, {"namespace", "default"}}}, {"spec", {{"selector", 7}}}});
  EXPECT_EQ(explain({"web"}), kFailed);
  EXPECT_THAT(out_, HasSubstr("unreadable   azureidentitybinding default/bad: spec.selector: "));
}

TEST_F(ExplainClusterTest, SaysWhatItCannotFind) {
  put(kube::kNamespaces, {{"metadata", {{"name", "shop"}}}});
  put_pod("shop", "web");
  EXPECT_EQ(explain({"web", "-n", "shop"}), kFailed);
  EXPECT_THAT(err_, HasSubstr("the API server has no azureidentitybindings: install deploy/crds"));
  EXPECT_EQ(explain({"web"}), kFailed);
  EXPECT_EQ(err_, "podid: pod default/web does not exist; there is one of that name in: shop (use -n)\n");
  EXPECT_EQ(explain({"wbe"}), kFailed);
  EXPECT_EQ(err_, "podid: pod default/wbe does not exist\n");
}

TEST_F(ExplainClusterTest, RefusesWrongUsage) {
  EXPECT_EQ(explain({}), kUsage);
  EXPECT_EQ(explain({"web", "--mode", "imaginary"}), kUsage);
  EXPECT_THAT(err_, HasSubstr("--mode"));
  EXPECT_EQ(explain({"web", "-o", "yaml"}), kUsage);
  EXPECT_EQ(explain({"web", "--identity-policy", "maybe"}), kUsage);
}

}  // namespace
}  // namespace podid::cli
