// SPDX-License-Identifier: Apache-2.0
#include "mic/world/cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <set>

#include "core/model/naming.hpp"

namespace podid::mic {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

std::shared_ptr<const core::Pod> pod(const std::string& name, const std::string& label,
                                     const std::string& phase = "Running") {
  auto pod = std::make_shared<core::Pod>();
  pod->name = name;
  pod->ns = "default";
  pod->uid = name;
  pod->node_name = "node-a";
  pod->phase = phase;
  pod->labels.emplace(core::kBindingLabel, label);
  return pod;
}

core::AzureIdentityBinding binding(const std::string& name, const std::string& identity, const std::string& selector) {
  core::AzureIdentityBinding binding;
  binding.meta.name = name;
  binding.meta.ns = "default";
  binding.azure_identity = identity;
  binding.selector = selector;
  return binding;
}

core::AzureIdentity identity(const std::string& name) {
  core::AzureIdentity identity;
  identity.meta.name = name;
  identity.meta.ns = "default";
  identity.type = core::IdentityType::service_principal_secret;
  return identity;
}

class ClusterTest : public ::testing::Test {
 public:
  ClusterTest() {
    cluster.put(pod("a1", "a"));
    cluster.put(pod("a2", "a"));
    cluster.put(pod("b1", "b"));
  }
  Cluster cluster{core::AssignmentOptions()};
  std::vector<core::AssignmentWarning> warnings;
};

TEST_F(ClusterTest, ABindingConcernsThePodsThatItSelectsNowAndBefore) {
  EXPECT_THAT(cluster.put(binding("x", "id", "a")), UnorderedElementsAre("default/a1", "default/a2"));
  EXPECT_THAT(cluster.put(binding("x", "id", "b")), UnorderedElementsAre("default/a1", "default/a2", "default/b1"));
  EXPECT_THAT(cluster.erase_binding({.ns = "default", .name = "x"}), UnorderedElementsAre("default/b1"));
  EXPECT_THAT(cluster.erase_binding({.ns = "default", .name = "x"}), IsEmpty());
}

TEST_F(ClusterTest, AnIdentityConcernsThePodsOfItsBindings) {
  EXPECT_THAT(cluster.put(identity("id")), IsEmpty());
  cluster.put(binding("x", "id", "b"));
  core::AzureIdentity edited = identity("id");
  edited.meta.resource_version = "2";
  EXPECT_THAT(cluster.put(edited), IsEmpty()) << "a write of its status (D11)";
  edited.client_id = core::ClientId("another");
  EXPECT_THAT(cluster.put(edited), UnorderedElementsAre("default/b1"));
  EXPECT_THAT(cluster.desired_for("default/b1", warnings), SizeIs(1));
  EXPECT_THAT(cluster.erase_identity({.ns = "default", .name = "id"}), UnorderedElementsAre("default/b1"));
  EXPECT_THAT(cluster.desired_for("default/b1", warnings), IsEmpty());
}

TEST_F(ClusterTest, AChangeThatNoRuleReadsConcernsNobody) {  // MIC-3
  EXPECT_THAT(cluster.put(pod("a1", "a", "Pending")), IsEmpty());
  EXPECT_THAT(cluster.put(pod("a1", "a", "Failed")), UnorderedElementsAre("default/a1"));
  EXPECT_THAT(cluster.put(pod("a1", "b", "Failed")), UnorderedElementsAre("default/a1"));
  cluster.put(binding("x", "id", "a"));
  EXPECT_THAT(cluster.put(binding("y", "id", "a")), UnorderedElementsAre("default/a2"));
}

TEST_F(ClusterTest, PodsAreFoundByTheirNode) {
  EXPECT_THAT(cluster.pods_on("node-a"), SizeIs(3));
  EXPECT_THAT(cluster.erase_pod({.ns = "default", .name = "b1"}), UnorderedElementsAre("default/b1"));
  EXPECT_THAT(cluster.erase_pod({.ns = "default", .name = "b1"}), IsEmpty());
  EXPECT_THAT(cluster.pods_on("node-a"), UnorderedElementsAre("default/a1", "default/a2"));
  EXPECT_THAT(cluster.all_pods(), SizeIs(2));
  EXPECT_EQ(cluster.find_pod("default/b1"), nullptr);
}

TEST_F(ClusterTest, ThePolicyConcernsAllPodsAndANamespacesLabelsThosePodsThatTheyDecideAbout) {
  Cluster cluster({.policy = core::IdentityPolicyMode::enforce});
  const auto other = [](const std::string& name, const std::string& label) {
    auto made = std::make_shared<core::Pod>(*pod(name, label));
    made->ns = "other";
    return made;
  };
  cluster.put(pod("a1", "a"));
  cluster.put(other("a2", "a"));
  cluster.put(other("b1", "b"));
  cluster.put(binding("x", "id", "a"));
  const auto policy = [](const char* namespaces) {
    const auto object = boost::json::parse(std::string(R"({"spec": {"rules": [{"name": "r", "namespaces": )") +
                                           namespaces + R"(, "clientIDs": ["app"]}]}})");
    return std::make_shared<const core::IdentityPolicy>(core::IdentityPolicy::read(object).value());
  };
  const auto labelled = [](const std::string& ns, const std::string& team) -> core::PolicyLabels {
    return {ns, {{"policy.aadpodidentity.k8s.io/team", team}}};
  };
  EXPECT_THAT(cluster.put(policy(R"({"names": ["default"]})")), SizeIs(3));
  EXPECT_THAT(cluster.put(policy(R"({"names": ["default"]})")), IsEmpty()) << "the rules are as they were";
  EXPECT_THAT(cluster.put_unreadable_policy("problem"), SizeIs(3));
  EXPECT_THAT(cluster.put_unreadable_policy("problem"), IsEmpty());
  EXPECT_THAT(cluster.put(labelled("default", "a")), IsEmpty()) << "no rule goes by labels";
  EXPECT_THAT(cluster.put(policy(R"({"matchLabels": {"policy.aadpodidentity.k8s.io/team": "a"}})")), SizeIs(3));
  EXPECT_THAT(cluster.put(labelled("default", "a")), IsEmpty()) << "no change";
  const auto concerned = [](PodKeys keys) { return std::set<std::string>(keys.begin(), keys.end()); };
  EXPECT_THAT(concerned(cluster.put(labelled("default", "b"))), UnorderedElementsAre("default/a1", "other/a2"))
      << "its own, and those of its bindings";
  EXPECT_THAT(concerned(cluster.put(labelled("other", "a"))), UnorderedElementsAre("other/a2", "other/b1"));
  EXPECT_THAT(concerned(cluster.erase_namespace("other")), UnorderedElementsAre("other/a2", "other/b1"));
  EXPECT_THAT(cluster.erase_namespace("other"), IsEmpty());
}

}  // namespace
}  // namespace podid::mic
