// SPDX-License-Identifier: Apache-2.0
// Bindings with spec.access: when their identities go onto the machines and come off again.
#include <fmt/format.h>

#include "core/model/naming.hpp"
#include "mic/control/controller.hpp"
#include "mic/control/controller_fixture.hpp"

namespace podid::test {
namespace {

using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;

constexpr core::Instant kDay{std::chrono::sys_days(std::chrono::year(2026) / 12 / 1)};

class ControllerAccessTest : public ControllerFixture {
 public:
  ControllerAccessTest() { clock.set_wall(kDay); }

  // Open from 01:00 to 02:00.
  void limited_binding(const std::string& name, const std::string& identity, const std::string& selector = "app") {
    core::AccessWindow window;
    window.start = 1h;
    window.end = 2h;
    core::Access access;
    access.windows.push_back(std::move(window));
    binding(name, identity, selector, "default", access);
  }
  // Until that time of the day, in steps in which the clock is surely looked at.
  void until(base::Duration of_day) {
    const core::Instant end = kDay + std::chrono::duration_cast<core::Instant::duration>(of_day);
    while (clock.wall_now() < end) advance(std::min<base::Duration>(1s, end - clock.wall_now()));
  }
  std::string annotation(const std::string& assigned, std::string_view name = core::kAccessAnnotation) const {
    return std::string(core::value_or_empty(api.objects().at("default/" + assigned)->meta.annotations, name));
  }
  std::set<std::string>& on_node_a() { return azure.attached[vm("node-a")]; }
};

// access.md §2, D17.
TEST_F(ControllerAccessTest, AttachedAheadOfItsWindowAndDetachedAWhileAfter) {
  vm_node("node-a");
  identity("id", "one");
  limited_binding("b", "id");
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_EQ(annotation("web-default-id"), "closed until 2026-12-01T01:00:00Z");
  until(58min - 1s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_THAT(on_node_a(), IsEmpty());
  EXPECT_EQ(api.writes, 1);
  until(59min + 2s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one")));
  EXPECT_EQ(annotation("web-default-id"), "");
  until(2h + 5min - 1s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  const int before = api.writes;
  until(2h + 6min + 2s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_EQ(annotation("web-default-id"), "closed until 2026-12-02T01:00:00Z");
  EXPECT_THAT(on_node_a(), IsEmpty());
  EXPECT_EQ(api.writes, before + 1);
  EXPECT_EQ(azure.patches, 2);
}

TEST_F(ControllerAccessTest, AnIdentityStaysForAPodThatMayUseIt) {
  vm_node("node-a");
  identity("id", "one");
  limited_binding("b", "id");
  binding("always", "id", "always");
  pod({.name = "web"});
  pod({.name = "other", .label = "always"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("other-default-id: Assigned", "web-default-id: Created"));
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one")));
  until(3h);
  EXPECT_THAT(states(), ElementsAre("other-default-id: Assigned", "web-default-id: Created"));
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one")));
  remove_pod("other");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_THAT(on_node_a(), IsEmpty());
}

// Whoever goes first: the one that may use it, or the one whose time is over.
TEST_F(ControllerAccessTest, TheLastThatMayUseItTakesItOff) {
  vm_node("node-a");
  identity("id", "one");
  limited_binding("b", "id");
  binding("always", "id", "always");
  pod({.name = "web"});
  pod({.name = "other", .label = "always"});
  start();
  settle();
  until(90min);
  EXPECT_THAT(states(), Each(EndsWith(": Assigned")));
  remove_pod("other");
  settle();
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one")));
  until(3h);
  EXPECT_THAT(on_node_a(), IsEmpty());
}

TEST_F(ControllerAccessTest, ARestartInBetweenChangesNothing) {
  vm_node("node-a");
  identity("id", "one");
  limited_binding("b", "id");
  pod({.name = "web"});
  start();
  settle();
  until(2h + 2min);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  const int writes = api.writes;
  restart();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned")) << "the delay is not over";
  EXPECT_EQ(api.writes, writes);
  until(3h);
  EXPECT_THAT(on_node_a(), IsEmpty());
  restart();
  settle();
  until(4h);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_EQ(api.writes, writes + 1);
  // It ends between the two writes of the end.
  until(25h + 30min);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  azure.hold();
  until(26h + 10min);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  restart();
  settle();
  EXPECT_THAT(on_node_a(), IsEmpty());
}

// The time of day may jump either way.
TEST_F(ControllerAccessTest, TheClockIsSet) {
  vm_node("node-a");
  identity("id", "one");
  limited_binding("b", "id");
  pod({.name = "web"});
  start();
  settle();
  clock.set_wall(kDay + 90min);
  advance(2s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  clock.set_wall(kDay + 12h);
  advance(2s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_THAT(on_node_a(), IsEmpty());
  clock.set_wall(kDay + 90min);
  advance(2s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
}

TEST_F(ControllerAccessTest, AnEditCountsAtOnce) {
  usual_cluster();
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  limited_binding("b", "id");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_THAT(on_node_a(), IsEmpty());
  binding("b", "id");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_EQ(annotation("web-default-id"), "");
}

// Of two bindings of one identity the one that is not limited gives it.
TEST_F(ControllerAccessTest, AnUnlimitedBindingComesFirst) {
  vm_node("node-a");
  identity("id", "one");
  limited_binding("a", "id");
  pod({.name = "web"});
  start();
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  binding("b", "id");
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_EQ(api.objects().at("default/web-default-id")->binding.meta.name, "b");
  const int writes = api.writes;
  until(3h);
  EXPECT_EQ(api.writes, writes);
}

// access.md §3: a grant takes the place of the clock.
TEST_F(ControllerAccessTest, AGrantBringsTheIdentityAndItsEndTakesIt) {
  vm_node("node-a");
  identity("id", "one");
  core::Access access;
  access.grant = core::GrantTerms{.max_duration = 4h, .approvals = 1};
  binding("b", "id", "app", "default", access);
  pod({.name = "web"});
  start();
  core::GrantPolicies policies;
  policies.problem.clear();
  policies.count_from = kDay;
  controller->put(policies);
  settle();
  EXPECT_EQ(annotation("web-default-id"), "closed");

  core::AzureIdentityGrant grant;
  grant.meta.name = "inc-1";
  grant.meta.ns = "default";
  grant.meta.uid = "uid-grant";
  grant.meta.creation_timestamp = "2026-12-01T01:00:00Z";
  grant.binding = "b";
  grant.duration = 1h;
  grant.requested_by = "alice";
  clock.set_wall(kDay + 1h);
  controller->put(grant);
  advance(2s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  core::AzureIdentityGrantApproval approval;
  approval.meta.name = "yes";
  approval.meta.ns = "default";
  approval.meta.uid = "uid-approval";
  approval.meta.creation_timestamp = "2026-12-01T01:10:00Z";
  approval.grant = "inc-1";
  approval.grant_uid = "uid-grant";
  approval.binding = "b";
  approval.requested_by = "alice";
  approval.approved_by = "bob";
  clock.set_wall(kDay + 70min);
  controller->put(approval);
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one")));
  until(2h + 15min - 1s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Assigned"));
  until(2h + 16min + 2s);
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_THAT(on_node_a(), IsEmpty());

  // A revoked one has never been; it takes no delay.
  grant.meta.uid = approval.grant_uid = "uid-grant-2";
  grant.meta.creation_timestamp = approval.meta.creation_timestamp = "2026-12-01T02:00:00Z";
  controller->put(grant);
  controller->put(approval);
  settle();
  EXPECT_THAT(on_node_a(), ElementsAre(identity_id("one")));
  grant.revocation = core::AzureIdentityGrant::Revocation{.by = "bob", .reason = "done"};
  controller->put(grant);
  settle();
  EXPECT_THAT(states(), ElementsAre("web-default-id: Created"));
  EXPECT_THAT(on_node_a(), IsEmpty());
}

// No burst of requests when a window opens for many pods; and none of them late.
TEST_F(ControllerAccessTest, AWindowForManyPodsOpensBitByBit) {
  constexpr int kNodes = 100;
  identity("id", "one");
  limited_binding("b", "id");
  for (int i = 0; i < kNodes; ++i) {
    vm_node(fmt::format("node-{}", i));
    for (int j = 0; j < 3; ++j) pod({.name = fmt::format("web-{}-{}", i, j), .node = fmt::format("node-{}", i)});
  }
  start();
  settle();
  until(57min);
  EXPECT_THAT(states(), Each(EndsWith(": Created")));
  EXPECT_EQ(azure.patches, 0);
  int most = 0;
  while (clock.wall_now() < kDay + 1h) {
    const int before = azure.patches;
    advance(1s);
    most = std::max(most, azure.patches - before);
  }
  EXPECT_EQ(azure.patches, kNodes);
  EXPECT_LT(most, 15);
  EXPECT_THAT(states(), Each(EndsWith(": Assigned")));
}

}  // namespace
}  // namespace podid::test
