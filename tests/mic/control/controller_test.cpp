// SPDX-License-Identifier: Apache-2.0
// The observable life cycle (mic.md §6), row by row.
#include "mic/control/controller.hpp"

#include <algorithm>

#include "core/model/naming.hpp"
#include "mic/control/controller_fixture.hpp"
#include "mic/plan/release.hpp"

namespace podid::test {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ControllerTest : public ControllerFixture {};

// D11: each write of a status changes the resourceVersion.
TEST_F(ControllerTest, WritesThatChangeNoSpecCauseNothing) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  const int writes = api.writes;
  const int calls = azure.calls;
  for (int i = 0; i < 1000; ++i) {
    identity("id", "one");
    binding("b", "id");
    if (i % 100 == 0) settle();
  }
  settle();
  EXPECT_EQ(controller->queue_depth(), 0u);
  restart();  // one that has seen nothing of it
  settle();
  EXPECT_EQ(api.writes, writes);
  EXPECT_EQ(azure.calls, calls);
  identity("id", "two");
  settle();
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("two"))) << "a change of the spec counts at once";
}

TEST_F(ControllerTest, ABoundPodGetsItsIdentity) {
  usual_cluster();
  start();
  settle();
  pod({.name = "web"});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("one")));
  const core::AzureAssignedIdentity& assigned = *api.objects().at("default/web-default-id");
  EXPECT_EQ(assigned.node_name, "node-a");
  EXPECT_EQ(core::value_or_empty(assigned.meta.labels, "nodename"), "node-a");
  EXPECT_THAT(assigned.meta.finalizers, ElementsAre(core::kAssignedIdentityFinalizer));
  EXPECT_EQ(core::value_or_empty(assigned.meta.annotations, core::kPodUidAnnotation), "uid-default-web");
  EXPECT_THAT(event_messages("binding applied"),
              ElementsAre("Binding b applied on node node-a for pod web-default-id"));
  EXPECT_EQ(events.front().regarding.kind, "AzureIdentityBinding");
  EXPECT_EQ(events.front().regarding.uid, "uid-binding-b");
}

// SEC-3, FLD-6: rules of the same names, and the victim's selector, in a namespace that sorts first.
TEST_F(ControllerTest, RulesOfAnotherNamespaceTakeNothingFromAPod) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  api.history.clear();
  identity("id", "evil", "", core::IdentityType::user_assigned, "aaa-evil");
  binding("b", "id", "app", "aaa-evil");
  settle();
  EXPECT_THAT(states(),
              ElementsAre("web-default-id: Assigned", testing::MatchesRegex("web-default-id-[0-9a-f]+: Assigned")));
  EXPECT_EQ(api.objects().at("default/web-default-id")->identity.meta.ns, "default");
  EXPECT_THAT(api.history, testing::Not(Contains(HasSubstr(" web-default-id ")))) << "the pod's own one is not touched";
  const auto shadowed = std::ranges::find(events, "binding shadowed", &kube::EventKey::reason);
  ASSERT_NE(shadowed, events.end());
  EXPECT_EQ(shadowed->regarding.key.ns, "aaa-evil");
  EXPECT_EQ(event_messages("binding shadowed").size(), 1u) << "once, however often the pod is looked at";
  remove_binding("b", "aaa-evil");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
}

TEST_F(ControllerTest, OfTwoThatAreMadeAtOnceThePodsOwnHasThePlainName) {
  usual_cluster();
  identity("id", "evil", "", core::IdentityType::user_assigned, "aaa-evil");
  binding("b", "id", "app", "aaa-evil");
  pod({.name = "web"});
  start();
  settle();
  EXPECT_EQ(api.objects().size(), 2u);
  EXPECT_EQ(api.objects().at("default/web-default-id")->identity.meta.ns, "default");
  EXPECT_THAT(api.history, Contains(HasSubstr("create web-default-id ")));
  api.history.clear();
  restart();
  settle();
  EXPECT_THAT(api.history, IsEmpty());
}

TEST_F(ControllerTest, AnAssignmentIsCreatedBeforeAzureIsTouchedAndAssignedAfterwards) {
  usual_cluster();
  azure.hold();
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_EQ(azure.calls, 1);
  azure.release();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
}

TEST_F(ControllerTest, AnAssignmentThatCannotBeWrittenKeepsAzureUntouched) {
  usual_cluster();
  api.before_write = [](std::string_view, const std::string&) {
    return make_error(base::ErrorKind::denied, "no room");
  };
  pod({.name = "web"});
  start();
  settle();
  EXPECT_EQ(azure.calls, 0);
  EXPECT_THAT(
      event_messages(),
      ElementsAre("failed to create AzureAssignedIdentity web-default-id/default for pod default/web, error: no room"));
  api.before_write = nullptr;
  advance(std::chrono::seconds(1));
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
}

TEST_F(ControllerTest, AServicePrincipalNeedsNoAzure) {
  vm_node("node-a");
  identity("id", "", "app-client", core::IdentityType::service_principal_secret);
  binding("b", "id");
  azure.hold();
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_EQ(azure.calls, 0);
}

TEST_F(ControllerTest, TwoWritesBringAnAssignmentAndTwoRemoveIt) {
  usual_cluster();
  start();
  pod({.name = "web"});
  settle();
  EXPECT_THAT(api.history, ElementsAre("create web-default-id Created", "status web-default-id Assigned"));
  api.history.clear();
  remove_pod("web");
  settle();
  EXPECT_THAT(api.history, ElementsAre("finalizer web-default-id Unassigned", "delete web-default-id Unassigned"));
}

TEST_F(ControllerTest, ADeletedPodTakesItsIdentityOffTheNode) {
  usual_cluster();
  pod({.name = "web"});
  pod({.name = "other"});
  start();
  settle();
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), ElementsAre("other-default-id: Assigned"));
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("one"))) << "another pod on the VM still uses it";
  remove_pod("other");
  settle();
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_THAT(azure.attached[vm("node-a")], IsEmpty());
}

TEST_F(ControllerTest, OnAScaleSetThePodsOfAllItsNodesCount) {
  vmss_node("node-a");
  vmss_node("node-b");
  identity("id", "one");
  binding("b", "id");
  pod({.name = "web"});
  pod({.name = "other", .node = "node-b"});
  start();
  settle();
  EXPECT_THAT(azure.attached[vmss()], ElementsAre(identity_id("one")));
  EXPECT_EQ(azure.patches, 1);
  remove_pod("web");
  settle();
  EXPECT_THAT(azure.attached[vmss()], ElementsAre(identity_id("one")));
  remove_pod("other");
  settle();
  EXPECT_THAT(azure.attached[vmss()], IsEmpty());
}

TEST_F(ControllerTest, APodOfTheSameNameInAnotherNamespaceKeepsTheIdentity) {  // MIC-9
  usual_cluster();
  pod({.name = "web-0", .ns = "a"});
  pod({.name = "web-0", .ns = "b"});
  start();
  settle();
  remove_pod("web-0", "a");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-0-b-id: Assigned"));
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("one")));
}

TEST_F(ControllerTest, ADeletedBindingOrIdentityOrAnInvalidOneEndsTheAssignments) {
  const std::function<void()> withdrawals[] = {[this] { remove_binding("b"); }, [this] { remove_identity("id"); },
                                               [this] { identity("id", "/not/an/identity"); }};
  for (const std::function<void()>& withdraw : withdrawals) {
    usual_cluster();
    identity("other", "two");
    binding("b2", "other", "app2");
    pod({.name = "web"});
    pod({.name = "untouched", .label = "app2"});
    if (!controller) start();
    settle();
    withdraw();
    settle();
    EXPECT_THAT(states(), ElementsAre("untouched-default-other: Assigned"));
    EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("two")));
  }
}

TEST_F(ControllerTest, AnEditedIdentityReplacesTheOldOne) {
  usual_cluster();
  pod({.name = "web"});
  pod({.name = "other"});
  start();
  settle();
  azure.hold();
  api.history.clear();
  identity("id", "two");
  settle();
  EXPECT_THAT(states(), ElementsAre("other-default-id: Created", "web-default-id: Created"));
  EXPECT_EQ(api.objects().at("default/web-default-id")->identity.resource_id.text(), identity_id("two"));
  azure.release();
  settle();
  EXPECT_THAT(states(), ElementsAre("other-default-id: Assigned", "web-default-id: Assigned"));
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("two")));
  EXPECT_EQ(azure.calls, 2) << "attaching the new and detaching the old one is one request";
  const core::ObjectMeta& meta = api.objects().at("default/web-default-id")->meta;
  EXPECT_EQ(core::value_or_empty(meta.annotations, mic::kPendingDetachAnnotation), "");
}

TEST_F(ControllerTest, AnEditedResourceIdWithTheSameClientIdDetachesTheOldOne) {
  vm_node("node-a");
  identity("id", "one", "client");
  binding("b", "id");
  pod({.name = "web"});
  pod({.name = "other"});
  start();
  settle();
  identity("id", "two", "client");
  settle();
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("two")));
}

TEST_F(ControllerTest, AChangedLabelChangesTheAssignments) {
  usual_cluster();
  identity("other", "two");
  binding("b2", "other", "app2");
  pod({.name = "web"});
  start();
  settle();
  pod({.name = "web", .label = "app2"});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-other: Assigned"));
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("two")));
}

TEST_F(ControllerTest, ASameNamedPodOnAnotherNodeMovesItsAssignment) {
  usual_cluster();
  vm_node("node-b");
  pod({.name = "web-0"});
  start();
  settle();
  const std::string uid = api.objects().at("default/web-0-default-id")->meta.uid;
  pod({.name = "web-0", .node = "node-b", .uid = "second"});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-0-default-id: Assigned"));
  const core::AzureAssignedIdentity& assigned = *api.objects().at("default/web-0-default-id");
  EXPECT_EQ(assigned.meta.uid, uid);
  EXPECT_EQ(assigned.node_name, "node-b");
  EXPECT_EQ(core::value_or_empty(assigned.meta.labels, "nodename"), "node-b");
  EXPECT_THAT(azure.attached[vm("node-b")], ElementsAre(identity_id("one")));
  EXPECT_THAT(azure.attached[vm("node-a")], IsEmpty());
}

TEST_F(ControllerTest, APodMadeAnewOnTheSameNodeNeedsNoAzure) {  // MIC-27
  usual_cluster();
  pod({.name = "web-0"});
  start();
  settle();
  const int calls = azure.calls;
  pod({.name = "web-0", .uid = "second"});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-0-default-id: Assigned"));
  EXPECT_EQ(
      core::value_or_empty(api.objects().at("default/web-0-default-id")->meta.annotations, core::kPodUidAnnotation),
      "second");
  EXPECT_EQ(azure.calls, calls);
}

// As aad-pod-identity's MIC wrote it: from now on it is no later pod's of that name (SEC-11).
TEST_F(ControllerTest, AnAssignmentThatNamesNoPodUidIsGivenIt) {
  usual_cluster();
  pod({.name = "web-0"});
  start();
  settle();
  api.edit_by_hand("default/web-0-default-id", [](core::AzureAssignedIdentity& assigned) {
    assigned.meta.annotations.erase(std::string(core::kPodUidAnnotation));
  });
  restart();
  const int calls = azure.calls;
  const int writes = api.writes;
  settle();
  EXPECT_EQ(
      core::value_or_empty(api.objects().at("default/web-0-default-id")->meta.annotations, core::kPodUidAnnotation),
      "uid-default-web-0");
  EXPECT_THAT(states(), ElementsAre("web-0-default-id: Assigned")) << "nothing is interrupted";
  EXPECT_EQ(api.writes, writes + 1);
  EXPECT_EQ(azure.calls, calls);
}

TEST_F(ControllerTest, AnIdentityDetachedByHandDoesNotHinderRemoval) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  azure.attached[vm("node-a")].clear();
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), IsEmpty());
}

TEST_F(ControllerTest, AnIdentityDetachedByHandIsAttachedAgainWithinTheInterval) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  azure.attached[vm("node-a")].clear();
  const int writes = api.writes;
  advance(options.azure.timing.max_age);
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("one")));
  EXPECT_EQ(api.writes, writes) << "the repair writes no assignment";
}

TEST_F(ControllerTest, AnIdentityDetachedByHandIsAttachedAgainHoweverOftenTheMachineIsChanged) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  azure.attached[vm("node-a")].clear();
  for (int i = 0; i < 2; ++i) {
    const std::string n = std::to_string(i);
    advance(options.azure.timing.max_age * 2 / 3);
    identity("id-" + n, "other-" + n);
    binding("b-" + n, "id-" + n, "app-" + n);
    pod({.name = "web-" + n, .label = "app-" + n});
    settle();
  }
  EXPECT_THAT(azure.attached[vm("node-a")], Contains(identity_id("one"))) << "each change moves the repair";
}

TEST_F(ControllerTest, ForeignIdentitiesAreNeverTouched) {
  usual_cluster();
  azure.attached[vm("node-a")] = {identity_id("foreign")};
  pod({.name = "web"});
  start();
  settle();
  remove_pod("web");
  settle();
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("foreign")));
}

TEST_F(ControllerTest, AFailureOfAzureLeavesTheStatesThatAreTrue) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  azure.failure = make_error(base::ErrorKind::unavailable, "ARM is away");
  pod({.name = "other", .label = "app"});
  identity("second", "two");
  binding("b2", "second");
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), Contains("other-default-second: Created"));
  EXPECT_THAT(states(), Contains("other-default-id: Assigned")) << "known to be attached";
  remove_pod("other");
  settle();
  EXPECT_THAT(states(), Contains("other-default-id: Assigned")) << "not known to be detached";
  azure.failure.reset();
  advance(std::chrono::minutes(1));
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_THAT(azure.attached[vm("node-a")], IsEmpty());
}

TEST_F(ControllerTest, AFailedDeletionIsFinishedLaterWithoutAzure) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  api.before_write = [](std::string_view verb, const std::string&) {
    return verb == "delete" ? std::optional(make_error(base::ErrorKind::unavailable, "busy")) : std::nullopt;
  };
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Unassigned"));
  api.before_write = nullptr;
  const int calls = azure.calls;
  advance(std::chrono::seconds(1));
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_EQ(azure.calls, calls);
}

TEST_F(ControllerTest, AFailedStatusWriteIsReportedOnTheAssignment) {
  usual_cluster();
  pod({.name = "web"});
  start();
  api.before_write = [](std::string_view verb, const std::string&) {
    return verb == "status" ? std::optional(make_error(base::ErrorKind::unavailable, "busy")) : std::nullopt;
  };
  settle();
  EXPECT_THAT(event_messages(), ElementsAre("failed to update AzureAssignedIdentity default/web-default-id status to "
                                            "Assigned for pod web, error: busy"));
  EXPECT_EQ(events.front().regarding.kind, "AzureAssignedIdentity");
  api.before_write = nullptr;
  advance(std::chrono::seconds(1));
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
}

TEST_F(ControllerTest, AnAssignmentDeletedWhileCreatedIsDetached) {  // MIC-12
  usual_cluster();
  azure.attached[vm("node-a")] = {identity_id("one")};  // a former leader's PATCH has succeeded
  pod({.name = "web"});
  api.before_write = [](std::string_view verb, const std::string&) {
    return verb == "status" ? std::optional(make_error(base::ErrorKind::unavailable, "busy")) : std::nullopt;
  };
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  remove_pod("web");
  advance(std::chrono::seconds(1));
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_THAT(azure.attached[vm("node-a")], IsEmpty());
}

TEST_F(ControllerTest, FinishedPodsLoseTheirIdentityUnlessAskedOtherwise) {  // MIC-21
  usual_cluster();
  pod({.name = "job"});
  start();
  settle();
  pod({.name = "job", .phase = "Succeeded"});
  settle();
  EXPECT_THAT(states(), IsEmpty());
}

TEST_F(ControllerTest, AssignmentsDeletedOrEditedByHandAreRestored) {  // MIC-28
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  const std::string uid = api.objects().at("default/web-default-id")->meta.uid;
  api.delete_by_hand("default/web-default-id");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_NE(api.objects().at("default/web-default-id")->meta.uid, uid);
  api.edit_by_hand("default/web-default-id", [](core::AzureAssignedIdentity& edited) { edited.meta.labels.clear(); });
  settle();
  EXPECT_EQ(core::value_or_empty(api.objects().at("default/web-default-id")->meta.labels, "nodename"), "node-a");
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("one")));
}

TEST_F(ControllerTest, AnUnassignedObjectOfAPodThatIsBackIsMadeAnew) {  // MIC-11
  usual_cluster();
  pod({.name = "web-0"});
  start();
  settle();
  api.before_write = [](std::string_view verb, const std::string&) {
    return verb == "delete" ? std::optional(make_error(base::ErrorKind::unavailable, "busy")) : std::nullopt;
  };
  remove_pod("web-0");
  settle();
  pod({.name = "web-0"});
  api.before_write = nullptr;
  advance(std::chrono::seconds(1));
  EXPECT_THAT(states(), ElementsAre("web-0-default-id: Assigned"));
  EXPECT_THAT(azure.attached[vm("node-a")], ElementsAre(identity_id("one")));
}

TEST_F(ControllerTest, SwitchingNamespacedModeMovesAssignmentsWithoutAzure) {  // MIC-29
  vm_node("node-a");
  identity("id", "one", "", core::IdentityType::user_assigned, "team");
  binding("b", "id", "app", "team");
  pod({.name = "web", .ns = "team"});
  start();
  settle();
  ASSERT_TRUE(api.objects().contains("default/web-team-id"));
  options.assignment.namespaced = core::NamespacedMode::on;
  const int patches = azure.patches;
  restart();
  settle();
  ASSERT_TRUE(api.objects().contains("team/web-team-id"));
  EXPECT_EQ(api.objects().size(), 1u);
  EXPECT_EQ(api.objects().at("team/web-team-id")->status, "Assigned");
  EXPECT_EQ(azure.patches, patches);
}

TEST_F(ControllerTest, AVanishedVmNeedsNothingOfAzure) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  const int calls = azure.calls;
  remove_node("node-a");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned")) << "the pod is still there";
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_EQ(azure.calls, calls);
  EXPECT_THAT(event_messages("binding removed"), ElementsAre("Binding b removed from node node-a for pod web"));
}

TEST_F(ControllerTest, AVanishedScaleSetNodeStillReleasesItsIdentity) {  // MIC-13
  vmss_node("node-a");
  vmss_node("node-b");
  identity("id", "one");
  binding("b", "id");
  pod({.name = "web"});
  start();
  settle();
  remove_node("node-a");
  remove_pod("web");
  restart();  // the annotation, not memory, says where it was
  settle();
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_THAT(azure.attached[vmss()], IsEmpty());
}

TEST_F(ControllerTest, ANodeMadeAnewOnAnotherMachineTakesItsAssignmentsAlong) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  vmss_node("node-a");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_THAT(azure.attached[vmss()], ElementsAre(identity_id("one")));
  EXPECT_THAT(azure.attached[vm("node-a")], IsEmpty());
}

TEST_F(ControllerTest, APodWhoseNodeIsNotKnownYetWaitsForIt) {
  usual_cluster();
  pod({.name = "web", .node = "node-new"});
  start();
  settle();
  EXPECT_THAT(states(), IsEmpty());
  vm_node("node-new");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
}

TEST_F(ControllerTest, ACollidingNameGetsAHash) {  // API-3
  usual_cluster();
  pod({.name = "a-b", .ns = "c"});
  pod({.name = "a", .ns = "b-c"});
  start();
  settle();
  advance(std::chrono::seconds(1));
  EXPECT_EQ(api.objects().size(), 2u);
  for (const std::string& state : states()) EXPECT_THAT(state, AllOf(HasSubstr("a-b-c-id"), HasSubstr("Assigned")));
}

}  // namespace
}  // namespace podid::test
