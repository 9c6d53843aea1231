// SPDX-License-Identifier: Apache-2.0
// What the controller does not give, and whose fault delays whom: refusals of Azure, limits of a namespace, identities that
// are another's or the cluster's own, and what of it stands in the log.
#include <fmt/format.h>

#include <algorithm>

#include "core/model/naming.hpp"
#include "mic/control/controller_fixture.hpp"
#include "mic/control/limits.hpp"

namespace podid::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class ControllerRefusalsTest : public ControllerFixture {
 public:
  // Identities i<first> to i<last - 1>, and a pod that is bound to them.
  void team(int first, int last, const std::string& label) {
    for (int i = first; i < last; ++i) {
      const std::string name = "i" + std::to_string(i);
      identity(name, name);
      binding("b" + name, name, label);
    }
    pod({.name = label, .label = label});
  }
  std::string published_client_id(const std::string& name) {
    return std::string(
        core::value_or_empty(api.objects().at("default/" + name)->meta.annotations, core::kAzureClientIdAnnotation));
  }
  // The cloud configuration names the nodes' own identity by its client ID.
  void cluster_identity(mic::ClusterIdentities::Use use) {
    options.immutable = core::ImmutableIdentities({}, "client-node");
    options.cluster = {.identities = options.immutable, .use = use};
    azure.client_ids[identity_id("node")] = "client-node";
    azure.attached[vm("node-a")] = {identity_id("node")};
  }
  std::size_t lines_with(const std::string& log, const std::string& text) {
    std::size_t count = 0;
    for (std::size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
    return count;
  }
};

// A tenant names another team's client ID beside a resource ID of his own (SEC-1).
TEST_F(ControllerRefusalsTest, AnIdentityWhoseClientIdIsAnothersStaysCreatedUntilItIsEdited) {
  azure.client_ids = {{identity_id("one"), "Client-One"}, {identity_id("two"), "client-two"}};
  vm_node("node-a");
  identity("evil", "one", "client-victim");
  binding("b", "evil");
  identity("good", "two", " CLIENT-TWO ");
  binding("g", "good");
  start();
  pod({.name = "web"});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-evil: Created", "web-default-good: Assigned")) << "nothing else waits";
  const auto sentence = HasSubstr(
      "AzureIdentity default/evil: spec.clientID is not the client ID of the identity that spec.resourceID names, "
      "which "
      "is Clie##### REDACTED #####-One; nothing is assigned until the AzureIdentity is corrected");
  std::vector<std::string> kinds;
  for (const kube::EventKey& event : events) {
    if (event.reason != "ClientIDMismatch") continue;
    kinds.push_back(event.regarding.kind + " " + event.regarding.key.name + " " + event.regarding.uid);
    EXPECT_EQ(event.type, kube::EventType::warning);
    EXPECT_THAT(event.message, sentence);
  }
  EXPECT_THAT(
      kinds, ::testing::IsSupersetOf({"AzureIdentity evil uid-identity-evil", "AzureIdentityBinding b uid-binding-b"}));
  EXPECT_EQ(event_messages("binding applied").size(), 1u);
  const auto published = [this] {
    return core::value_or_empty(api.objects().at("default/web-default-evil")->meta.annotations,
                                core::kAzureClientIdAnnotation);
  };
  EXPECT_EQ(published(), "Client-One") << "for the NMI";
  const int writes = api.writes;
  advance(std::chrono::hours(2));
  settle();
  EXPECT_EQ(api.writes, writes) << "once";
  const int calls = azure.calls;
  identity("evil", "one", "client-ONE");
  settle();
  EXPECT_EQ(published(), "");
  EXPECT_THAT(states(), ElementsAre("web-default-evil: Assigned", "web-default-good: Assigned"));
  EXPECT_EQ(azure.calls, calls) << "what is attached is known";
  identity("evil", "one", "client-victim");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-evil: Created", "web-default-good: Assigned"));
}

// Azure tells no client ID of an identity that was deleted, and a list may come before it knows one.
TEST_F(ControllerRefusalsTest, NoClientIdIsNoContradiction) {
  usual_cluster();
  azure.client_ids = {{identity_id("one"), ""}};
  identity("empty", "two", " ");
  binding("e", "empty");
  azure.client_ids[identity_id("two")] = "client-two";
  start();
  pod({.name = "web"});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-empty: Assigned", "web-default-id: Assigned"));
  EXPECT_THAT(event_messages("ClientIDMismatch"), IsEmpty());
}

TEST_F(ControllerRefusalsTest, BadIdentitiesDoNotBlockGoodOnesAndAreTriedAgainWithBackOff) {  // MIC-16
  usual_cluster();
  identity("bad", "nowhere");
  binding("b2", "bad");
  azure.refused = {identity_id("nowhere")};
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-bad: Created", "web-default-id: Assigned"));
  EXPECT_THAT(
      event_messages("binding apply error"),
      ElementsAre(
          "failed to apply binding default/b2 node node-a for pod default/web, error: FailedIdentityOperation"));
  EXPECT_THAT(event_messages("binding applied"),
              ElementsAre("binding b applied on node node-a for pod web-default-id"));

  const int calls = azure.calls;
  advance(std::chrono::seconds(59));
  EXPECT_EQ(azure.calls, calls);
  advance(std::chrono::seconds(1));
  EXPECT_EQ(azure.calls, calls + 1);
  advance(std::chrono::seconds(90));
  EXPECT_EQ(azure.calls, calls + 1) << "the second wait is twice as long";
  azure.refused.clear();
  advance(std::chrono::seconds(30));
  EXPECT_THAT(states(), ElementsAre("web-default-bad: Assigned", "web-default-id: Assigned"));
}

TEST_F(ControllerRefusalsTest, ANamespaceGetsALimitedNumberOfIdentitiesOntoAMachine) {  // SEC-4
  vm_node("node-a");
  const int limit = static_cast<int>(mic::kMaxIdentitiesPerNamespace);
  const int pods = 4;
  for (int i = 0; i < pods; ++i) team(i * limit / pods, (i + 1) * limit / pods, "app" + std::to_string(i));
  start();
  settle();
  EXPECT_EQ(states().size(), mic::kMaxIdentitiesPerNamespace);
  team(limit, limit + 1, "more");
  settle();
  EXPECT_EQ(states().size(), mic::kMaxIdentitiesPerNamespace);
  EXPECT_THAT(
      event_messages("binding apply error"),
      ElementsAre(HasSubstr("AzureIdentities of namespace default have 200 identities on this VM or scale set")));
  binding("again", "i0", "more");  // it is there already
  settle();
  EXPECT_THAT(states(), Contains("more-default-i0: Assigned"));
  remove_pod("app0");
  settle();
  advance(std::chrono::hours(1));
  EXPECT_THAT(states(), Contains("more-default-i200: Assigned"));
}

TEST_F(ControllerRefusalsTest, ANamespacesLimitHoldsForEditedIdentitiesToo) {  // SEC-4
  vm_node("node-a");
  constexpr std::size_t kPods = 5;
  constexpr std::size_t kEach = mic::kMaxIdentitiesPerNamespace / (kPods - 1);
  const auto name_of = [](std::size_t i) { return "i" + std::to_string(i); };
  for (std::size_t i = 0; i < kPods * kEach; ++i) {
    identity(name_of(i), "shared");
    binding("b" + name_of(i), name_of(i), "app" + std::to_string(i % kPods));
  }
  for (std::size_t i = 0; i < kPods; ++i) pod({.name = "app" + std::to_string(i), .label = "app" + std::to_string(i)});
  start();
  settle();
  EXPECT_EQ(states().size(), kPods * kEach) << "one identity, however many name it";
  // Pod after pod: what is being written at the moment is not counted yet.
  for (std::size_t first = 0; first < kPods; ++first) {
    for (std::size_t i = first; i < kPods * kEach; i += kPods) identity(name_of(i), name_of(i));
    settle();
  }
  EXPECT_EQ(states().size(), mic::kMaxIdentitiesPerNamespace);
}

TEST_F(ControllerRefusalsTest, ARefusedRemovalHoldsUpNobodyElse) {
  usual_cluster();
  identity("second", "two");
  binding("b2", "second", "other");
  pod({.name = "web"});
  start();
  settle();
  azure.stuck = {identity_id("one")};  // its Azure identity was deleted, or the MIC's role on it
  remove_pod("web");
  settle();
  pod({.name = "api", .label = "other"});
  settle();
  EXPECT_THAT(states(), ElementsAre("api-default-second: Assigned", "web-default-id: Assigned"));
  EXPECT_THAT(event_messages("binding remove error"),
              ElementsAre("failed to remove AzureIdentityBinding default/b from node node-a for pod default/web, "
                          "error: LinkedAuthorizationFailed"));
  azure.stuck.clear();
  advance(std::chrono::minutes(2));
  EXPECT_THAT(states(), ElementsAre("api-default-second: Assigned"));
}

TEST_F(ControllerRefusalsTest, AnUnreadableProviderIdIsReportedAndTouchesNothing) {
  usual_cluster();
  node("node-x", "aws:///i-1");
  pod({.name = "web", .node = "node-x"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_EQ(azure.calls, 0);
  ASSERT_THAT(event_messages("binding apply error"), ::testing::Not(IsEmpty()));
  EXPECT_THAT(event_messages("binding apply error").front(), HasSubstr("invalid resource ID format"));
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), IsEmpty());
}

TEST_F(ControllerRefusalsTest, ImmutableIdentitiesStayAttached) {  // MIC-18
  const std::vector<std::string> configured = {" Client-ONE ", identity_id("two")};
  options.immutable = core::ImmutableIdentities(configured, "client-three");
  vm_node("node-a");
  for (const char* name : {"one", "two", "three", "four"}) {
    identity(name, name);
    binding(name, name);
  }
  pod({.name = "web"});
  start();
  settle();
  EXPECT_EQ(azure.attached[vm("node-a")].size(), 4u);
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_THAT(azure.attached[vm("node-a")],
              UnorderedElementsAre(identity_id("one"), identity_id("two"), identity_id("three")));
}

// As aad-pod-identity's MIC leaves it: that one compares no client IDs.
TEST_F(ControllerRefusalsTest, WhatIsAssignedWithAnothersClientIdIsTakenBack) {  // SEC-1
  vm_node("node-a");
  identity("evil", "one", "client-victim");
  binding("b", "evil");
  identity("good", "two");
  binding("g", "good");
  start();
  pod({.name = "web"});
  settle();
  ASSERT_THAT(states(), ElementsAre("web-default-evil: Assigned", "web-default-good: Assigned"));
  azure.client_ids = {{identity_id("one"), "client-one"}, {identity_id("two"), "client-two"}};
  restart();
  settle();
  const int writes = api.writes;
  advance(options.azure.timing.max_age);
  EXPECT_THAT(states(), ElementsAre("web-default-evil: Created", "web-default-good: Assigned"));
  EXPECT_EQ(published_client_id("web-default-evil"), "client-one") << "for the NMI";
  EXPECT_EQ(api.writes, writes + 1);
  EXPECT_THAT(event_messages("ClientIDMismatch"), Contains(HasSubstr("AzureIdentity default/evil: spec.clientID")));
  advance(std::chrono::hours(2));
  EXPECT_EQ(api.writes, writes + 1) << "once";
  identity("evil", "one", "client-one");
  settle();
  advance(options.azure.timing.max_age);
  EXPECT_THAT(states(), ElementsAre("web-default-evil: Assigned", "web-default-good: Assigned"));
}

TEST_F(ControllerRefusalsTest, ANamespacesLimitHoldsForWhatIsWrittenAtTheSameTime) {  // SEC-4
  vm_node("node-a");
  const int limit = static_cast<int>(mic::kMaxIdentitiesPerNamespace);
  const int pods = 5;
  for (int i = 0; i < pods; ++i) team(i * limit / (pods - 1), (i + 1) * limit / (pods - 1), "app" + std::to_string(i));
  start();
  settle();
  EXPECT_EQ(states().size(), mic::kMaxIdentitiesPerNamespace);
  const auto creates =
      std::ranges::count_if(api.history, [](const std::string& write) { return write.starts_with("create"); });
  EXPECT_EQ(creates, limit);
}

TEST_F(ControllerRefusalsTest, NoTenantTakesTheClustersIdentityOffItsMachine) {  // D7
  cluster_identity(mic::ClusterIdentities::Use::allowed);
  vm_node("node-a");
  // By the resource ID, and not by the client ID of the configuration.
  identity("evil", "node", "client-mine");
  identity("silent", "node", " ");
  binding("b", "evil");
  binding("s", "silent");
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-evil: Created", "web-default-silent: Assigned"));
  EXPECT_THAT(event_messages("ClusterIdentity"),
              UnorderedElementsAre(HasSubstr("AzureIdentity default/evil names an identity that the cluster itself "
                                             "runs under (userAssignedIdentityID)"),
                                   HasSubstr("AzureIdentity default/silent names")));
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("node")));
}

TEST_F(ControllerRefusalsTest, TheClustersIdentityIsGivenToNobodyWhereItIsNotAllowed) {  // D7
  cluster_identity(mic::ClusterIdentities::Use::refused);
  vm_node("node-a");
  vm_node("node-b");
  identity("by-client", "node", "Client-NODE");
  identity("by-resource", "node", " ");
  identity("good", "two");
  for (const char* name : {"by-client", "by-resource", "good"}) binding(name, name);
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-by-client: Created", "web-default-by-resource: Created",
                                    "web-default-good: Assigned"));
  EXPECT_THAT(event_messages("ClusterIdentity"),
              Contains(HasSubstr("AzureIdentity default/by-client names an identity that the cluster itself runs under "
                                 "(userAssignedIdentityID): it is given to no pod (--allow-cluster-identity=false)")));
  EXPECT_THAT(event_messages("ClusterIdentity"), Contains(HasSubstr("AzureIdentity default/by-resource names")));
  remove_binding("by-resource");
  pod({.name = "api", .node = "node-b"});
  settle();
  EXPECT_THAT(azure.attached[vm("node-b")], ElementsAre(identity_id("two"))) << "nor is it brought anywhere";
}

TEST_F(ControllerRefusalsTest, TheClustersIdentityIsTakenBackWhenItIsAllowedNoMore) {  // D7
  cluster_identity(mic::ClusterIdentities::Use::allowed);
  vm_node("node-a");
  identity("id", "node", "client-node");
  binding("b", "id");
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_EQ(event_messages("ClusterIdentity").size(), 1u);
  const core::ImmutableIdentities none;
  controller->reconfigure({}, none, {.identities = none, .use = mic::ClusterIdentities::Use::refused});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  controller->reconfigure({}, options.immutable,
                          {.identities = options.immutable, .use = mic::ClusterIdentities::Use::refused});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("node")));
}

TEST_F(ControllerRefusalsTest, WhoWritesManyObjectsFillsNoLog) {  // SEC-7
  vm_node("node-a");
  const int limit = static_cast<int>(mic::kMaxIdentitiesPerNamespace);
  for (int i = 0; i < 4; ++i) team(i * limit / 4, (i + 1) * limit / 4, "app" + std::to_string(i));
  start();
  settle();
  testing::internal::CaptureStderr();
  for (int i = 4; i < 10; ++i) team(i * limit / 4, (i + 1) * limit / 4, "app" + std::to_string(i));
  settle();
  EXPECT_LE(lines_with(testing::internal::GetCapturedStderr(), "an identity cannot be assigned"),
            static_cast<std::size_t>(base::LogBudget::kLinesPerSecond));
}

TEST_F(ControllerRefusalsTest, ManyWarningsOfOneNamespaceRepeatNobodyElses) {  // SEC-7
  usual_cluster();
  identity("malformed", "/none");
  binding("m", "malformed");
  pod({.name = "web"});
  start();
  settle();
  const auto of_victim = [this] {
    return std::ranges::count_if(events, [](const kube::EventKey& event) {
      return event.regarding.key.ns == "default" && event.reason == "invalid object";
    });
  };
  EXPECT_EQ(of_victim(), 1);
  for (int i = 0; i < 1200; ++i) {
    const std::string name = "bad" + std::to_string(i);
    identity(name, "/none", "", core::IdentityType::user_assigned, "evil");
    binding(name, name, "evil" + std::to_string(i / 60), "evil");
  }
  for (int i = 0; i < 20; ++i)
    pod({.name = "evil" + std::to_string(i), .label = "evil" + std::to_string(i), .ns = "evil"});
  settle();
  pod({.name = "web", .uid = "second"});
  settle();
  EXPECT_EQ(of_victim(), 1);
  EXPECT_EQ(event_messages("invalid object").size(), 1 + mic::kMaxWarnedPerNamespace);
  identity("late", "/none", "", core::IdentityType::user_assigned, "team");
  binding("late", "late", "late", "team");
  pod({.name = "late", .label = "late", .ns = "team"});
  settle();
  EXPECT_EQ(event_messages("invalid object").size(), 2 + mic::kMaxWarnedPerNamespace) << "nor hide them";
}

}  // namespace
}  // namespace podid::test
