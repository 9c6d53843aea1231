// SPDX-License-Identifier: Apache-2.0
#include "mic/upgrade/type_upgrade.hpp"

#include "base/json.hpp"
#include "mic/mic_fixture.hpp"

namespace podid::test {
namespace {

using ::testing::IsEmpty;

class TypeUpgradeTest : public MicFixture {
 public:
  base::Result<> upgrade() {
    return run(mic::upgrade_types(*client, {.ns = "default", .config_map = "config", .key = "done", .version = "1.0"}));
  }
  std::string marker() {
    for (const json::value& map : list(kube::kConfigMaps)) {
      if (base::text_at(map, {"metadata", "name"}) == "config")
        return std::string(base::text_at(map, {"data", "done"}));
    }
    return "(no ConfigMap)";
  }
  static json::object named(const std::string& name) { return {{"name", name}, {"namespace", "default"}}; }
};

TEST_F(TypeUpgradeTest, RewritesOldSpellingsAndRemembersIt) {
  put(kube::kAzureIdentities, {{"metadata", named("id")}, {"spec", {{"resourceid", "r"}, {"clientid", "c"}}}});
  put(kube::kAzureIdentityBindings,
      {{"metadata", named("b")}, {"spec", {{"azureidentity", "id"}, {"selector", "app"}}}});
  put(kube::kAzurePodIdentityExceptions, {{"metadata", named("e")}, {"spec", {{"podlabels", {{"App", "x"}}}}}});
  put(kube::kAzureAssignedIdentities,
      {{"metadata", named("web-default-id")},
       {"spec",
        {{"azureidentityref", {{"kind", "AzureIdentityList"}, {"metadata", named("id")}}},
         {"azurebindingref", {{"metadata", named("b")}}},
         {"pod", "web"},
         {"podnamespace", "default"}}},
       {"status", {{"status", "Assigned"}}}});
  const auto done = upgrade();
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(marker(), "1.0");
  const json::value identity = list(kube::kAzureIdentities).front();
  EXPECT_EQ(base::text_at(identity, {"spec", "resourceID"}), "r");
  EXPECT_EQ(base::text_at(list(kube::kAzureIdentityBindings).front(), {"spec", "azureIdentity"}), "id");
  EXPECT_EQ(base::text_at(list(kube::kAzurePodIdentityExceptions).front(), {"spec", "podLabels", "App"}), "x");
  const json::value assigned = list(kube::kAzureAssignedIdentities).front();
  EXPECT_EQ(base::text_at(assigned, {"spec", "azureIdentityRef", "kind"}), "AzureIdentity");
  EXPECT_EQ(base::text_at(assigned, {"spec", "azureIdentityRef", "spec", "clientID"}), "c");
  EXPECT_EQ(base::text_at(assigned, {"spec", "azureIdentityRef", "metadata", "resourceVersion"}),
            base::text_at(identity, {"metadata", "resourceVersion"}));
  EXPECT_EQ(base::text_at(assigned, {"spec", "podNamespace"}), "default");
  EXPECT_EQ(base::text_at(assigned, {"status", "status"}), "Assigned");
}

TEST_F(TypeUpgradeTest, IsDoneOnce) {
  ASSERT_TRUE(upgrade().has_value());
  put(kube::kAzureIdentities, {{"metadata", named("id")}, {"spec", {{"clientid", "c"}}}});
  ASSERT_TRUE(upgrade().has_value());
  EXPECT_EQ(base::text_at(list(kube::kAzureIdentities).front(), {"spec", "clientid"}), "c");
}

TEST_F(TypeUpgradeTest, AnyValueUnderTheKeyMeansDone) {
  put(kube::kConfigMaps, {{"metadata", named("config")}, {"data", {{"done", ""}}}});
  ASSERT_TRUE(upgrade().has_value());
  EXPECT_EQ(marker(), "");
}

TEST_F(TypeUpgradeTest, AnAssignmentWithoutReferencesIsNoObstacle) {  // API-10
  put(kube::kAzureAssignedIdentities, {{"metadata", named("odd")}, {"spec", {{"pod", "web"}}}});
  put(kube::kAzureAssignedIdentities, {{"metadata", named("odder")}});
  const auto done = upgrade();
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(marker(), "1.0");
}

TEST_F(TypeUpgradeTest, TheLeaderDoesItBeforeItWorks) {
  node("node-a", names.node_a_machine);
  put(kube::kAzureIdentities, {{"metadata", named("id")},
                               {"spec",
                                {{"resourceid", names.app_one},
                                 {"clientid", azure->world().user_assigned_identities.at(names.app_one).client_id}}}});
  put(kube::kAzureIdentityBindings,
      {{"metadata", named("b")}, {"spec", {{"azureidentity", "id"}, {"selector", "app"}}}});
  pod("web");
  start();
  ASSERT_TRUE(until([&] { return assigned() == std::vector<std::string>{"web-default-id: Assigned"}; }));
}

TEST_F(TypeUpgradeTest, SwitchedOffItTouchesNothing) {
  mic::MicOptions without = options();
  without.enable_type_upgrade = false;
  mic::Mic& mic = start(without);
  ASSERT_TRUE(until([&] { return mic.active(); }));
  EXPECT_THAT(list(kube::kConfigMaps), IsEmpty());
}

}  // namespace
}  // namespace podid::test
