// SPDX-License-Identifier: Apache-2.0
// What stays attached only because another pod claims it: as long as that pod has no assignment of its own, the former
// owner's goes on remembering it, so that no restart makes it a leak.
#include "core/model/naming.hpp"
#include "mic/control/controller_fixture.hpp"
#include "mic/plan/release.hpp"

namespace podid::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class ControllerHoldTest : public ControllerFixture {
 public:
  // "web" has identity "one" on node-a; "other" claims it, too, but its assignment cannot be written.
  void an_owner_and_a_claimant() {
    usual_cluster();
    pod({.name = "web"});
    start();
    settle();
    refuse_creations();
    pod({.name = "other"});
    settle();
  }
  void refuse_creations() {
    api.before_write = [](std::string_view verb, const std::string&) {
      return verb == "create" ? std::optional(make_error(base::ErrorKind::denied, "quota")) : std::nullopt;
    };
  }
  const std::set<std::string>& on_node_a() { return azure.attached[vm("node-a")]; }
};

TEST_F(ControllerHoldTest, AnIdentityKeptForAPodWithoutAssignmentComesOffAfterARestart) {
  an_owner_and_a_claimant();
  remove_pod("web");
  settle();
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one"))) << "another pod claims it";
  EXPECT_THAT(states(), ElementsAre("web-default-id: Unassigned")) << "nobody gets tokens by it, nothing is forgotten";
  restart();
  settle();
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one")));
  remove_pod("other");
  settle();
  EXPECT_THAT(on_node_a(), IsEmpty());
  EXPECT_THAT(states(), IsEmpty());
}

TEST_F(ControllerHoldTest, TheClaimantMayEndWhileNoControllerRuns) {
  an_owner_and_a_claimant();
  remove_pod("web");
  settle();
  controller->stop();
  remove_pod("other");
  restart();
  settle();
  EXPECT_THAT(on_node_a(), IsEmpty());
  EXPECT_THAT(states(), IsEmpty());
}

TEST_F(ControllerHoldTest, TheClaimantsAssignmentTakesOver) {
  an_owner_and_a_claimant();
  remove_pod("web");
  settle();
  restart();
  api.before_write = nullptr;
  advance(std::chrono::minutes(1));
  EXPECT_THAT(states(), ElementsAre("other-default-id: Assigned"));
  EXPECT_EQ(azure.patches, 1) << "it never came off";
  remove_pod("other");
  settle();
  EXPECT_THAT(on_node_a(), IsEmpty());
}

TEST_F(ControllerHoldTest, AnEditedIdentityRemembersTheOldOne) {
  vm_node("node-a");
  identity("id", "one");
  identity("second", "one");
  binding("b", "id");
  binding("b2", "second", "app2");
  pod({.name = "web"});
  start();
  settle();
  refuse_creations();
  pod({.name = "other", .label = "app2"});
  settle();
  identity("id", "two");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one"), identity_id("two")));
  restart();
  remove_pod("other");
  settle();
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("two")));
  const core::ObjectMeta& meta = api.objects().at("default/web-default-id")->meta;
  EXPECT_EQ(core::value_or_empty(meta.annotations, mic::kPendingDetachAnnotation), "");
}

TEST_F(ControllerHoldTest, AnAssignmentThatMovedRemembersWhereItWas) {
  usual_cluster();
  vm_node("node-b");
  pod({.name = "web"});
  start();
  settle();
  refuse_creations();
  pod({.name = "other"});
  pod({.name = "web", .node = "node-b", .uid = "second"});
  settle();
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one")));
  restart();
  remove_pod("other");
  settle();
  EXPECT_THAT(on_node_a(), IsEmpty());
  EXPECT_THAT(azure.attached[vm("node-b")], ElementsAre(identity_id("one")));
}

TEST_F(ControllerHoldTest, APodThatIsBackTakesItsAssignmentAgain) {
  an_owner_and_a_claimant();
  remove_pod("web");
  settle();
  pod({.name = "web", .uid = "second"});
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  remove_pod("other");
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), IsEmpty());
  EXPECT_THAT(on_node_a(), IsEmpty());
}

TEST_F(ControllerHoldTest, AnIdentityKeptForItsClientIdComesOffWhenThatIsNoLongerUsed) {  // MIC-10
  vm_node("node-a");
  identity("id", "one", "client");
  identity("second", "two", "client");
  binding("b", "id");
  binding("b2", "second", "app2");
  pod({.name = "web"});
  pod({.name = "other", .label = "app2"});
  start();
  settle();
  remove_pod("web");
  settle();
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one"), identity_id("two")));
  restart();
  remove_pod("other");
  settle();
  EXPECT_THAT(on_node_a(), IsEmpty());
  EXPECT_THAT(states(), IsEmpty());
}

TEST_F(ControllerHoldTest, NothingIsHeldWhereAnotherAssignmentAnswersForIt) {
  usual_cluster();
  pod({.name = "web"});
  pod({.name = "other"});
  start();
  settle();
  api.history.clear();
  remove_pod("web");
  settle();
  EXPECT_THAT(api.history, ElementsAre("finalizer web-default-id Unassigned", "delete web-default-id Unassigned"));
}

TEST_F(ControllerHoldTest, ASuccessorOnTheSameNodeCostsNoFurtherWrite) {
  usual_cluster();
  pod({.name = "old"});
  start();
  settle();
  api.history.clear();
  remove_pod("old");
  pod({.name = "new"});
  settle();
  EXPECT_THAT(states(), ElementsAre("new-default-id: Assigned"));
  EXPECT_EQ(api.history.size(), 4u);
  EXPECT_EQ(azure.patches, 1);
}

TEST_F(ControllerHoldTest, ForeignAndImmutableIdentitiesStay) {
  options.immutable = core::ImmutableIdentities(std::vector<std::string>{"client-one"}, "");
  azure.attached[vm("node-a")] = {identity_id("foreign")};
  an_owner_and_a_claimant();
  remove_pod("web");
  settle();
  EXPECT_THAT(states(), IsEmpty()) << "there is nothing to take off later";
  restart();
  remove_pod("other");
  settle();
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("foreign"), identity_id("one")));
}

TEST_F(ControllerHoldTest, AnAssignmentDeletedByHandIsMadeAnewWhoeverElseClaimsItsIdentity) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  api.before_write = [](std::string_view verb, const std::string& name) {
    return verb == "create" && name.starts_with("other") ? std::optional(make_error(base::ErrorKind::denied, "quota"))
                                                         : std::nullopt;
  };
  pod({.name = "other"});
  settle();
  api.delete_by_hand("default/web-default-id");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
}

}  // namespace
}  // namespace podid::test
