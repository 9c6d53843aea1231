// SPDX-License-Identifier: Apache-2.0
// How much the controller asks of its neighbours: requests are counted, not timed.
#include <fmt/format.h>

#include "mic/control/controller_fixture.hpp"

namespace podid::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ControllerLoadTest : public ControllerFixture {
 public:
  std::size_t assigned() const {
    std::size_t count = 0;
    for (const auto& [key, object] : api.objects()) count += object->status == "Assigned" ? 1 : 0;
    return count;
  }
};

TEST_F(ControllerLoadTest, ManyPodsOfOneVmShareOneRequest) {
  usual_cluster();
  for (int i = 0; i < 5; ++i) {
    identity(fmt::format("id-{}", i), fmt::format("r{}", i));
    binding(fmt::format("b-{}", i), fmt::format("id-{}", i));
  }
  for (int i = 0; i < 100; ++i) pod({.name = fmt::format("web-{}", i)});
  start();
  settle();
  EXPECT_EQ(assigned(), 600u);
  EXPECT_EQ(azure.calls, 1);
  EXPECT_EQ(api.writes, 1200);
}

TEST_F(ControllerLoadTest, ChangesDuringARequestFoldIntoTheNextOne) {
  usual_cluster();
  azure.hold();
  pod({.name = "first"});
  start();
  settle();
  for (int i = 0; i < 10; ++i) {
    identity(fmt::format("id-{}", i), fmt::format("r{}", i));
    binding(fmt::format("b-{}", i), fmt::format("id-{}", i), fmt::format("app-{}", i));
    pod({.name = fmt::format("web-{}", i), .label = fmt::format("app-{}", i)});
    settle();
  }
  EXPECT_EQ(azure.calls, 1);
  azure.release();
  settle();
  EXPECT_EQ(azure.calls, 2);
  EXPECT_EQ(assigned(), 11u);
}

TEST_F(ControllerLoadTest, ASlowVmDelaysNoOtherOne) {
  usual_cluster();
  vm_node("node-b");
  pod({.name = "slow"});
  start();
  azure.hold();
  settle();
  EXPECT_EQ(azure.calls, 1);
  // Another VM: its call is not held, because held calls are those that began before.
  pod({.name = "quick", .node = "node-b"});
  identity("sp", "", "client", core::IdentityType::service_principal_secret);
  binding("b-sp", "sp", "sp");
  pod({.name = "principal", .label = "sp"});
  settle();
  EXPECT_EQ(azure.calls, 2) << "both VMs are being changed at the same time";
  EXPECT_EQ(assigned(), 1u) << "the pod that needs no Azure is served";
}

TEST_F(ControllerLoadTest, MakesNoMoreRequestsAtOnceThanAllowed) {  // MIC-25
  options.azure.max_parallel = 2;
  identity("id", "one");
  binding("b", "id");
  for (int i = 0; i < 5; ++i) {
    vm_node(fmt::format("node-{}", i));
    pod({.name = fmt::format("web-{}", i), .node = fmt::format("node-{}", i)});
  }
  azure.hold();
  start();
  settle();
  EXPECT_EQ(azure.calls, 2);
  azure.release();
  settle();
  EXPECT_EQ(azure.calls, 5);
  EXPECT_EQ(assigned(), 5u);
}

class ControllerListTest : public ControllerLoadTest {  // MIC-5
 public:
  void many_machines() {
    identity("id", "one");
    binding("b", "id");
    for (int i = 0; i < 12; ++i) {
      vm_node(fmt::format("node-{}", i));
      pod({.name = fmt::format("web-{}", i), .node = fmt::format("node-{}", i)});
    }
    start();
    settle();
    ASSERT_EQ(azure.calls, 12);
    for (const char* name : {"node-3", "node-7"}) azure.attached[vm(name)].clear();
  }
  void expect_repaired() {
    for (int i = 0; i < 12; ++i) {
      EXPECT_THAT(azure.attached[vm(fmt::format("node-{}", i))], ElementsAre(identity_id("one"))) << i;
    }
  }
};

TEST_F(ControllerListTest, OneListLooksAtManyMachines) {
  many_machines();
  advance(options.azure.timing.max_age);
  expect_repaired();
  EXPECT_EQ(azure.lists, 1);
  EXPECT_EQ(azure.calls, 14) << "only the two that lack something are asked by themselves";
  for (int i = 0; i < 10; ++i) advance(options.azure.timing.max_age);
  EXPECT_LE(azure.lists, 14);
  EXPECT_EQ(azure.calls, 14);
}

TEST_F(ControllerListTest, WithoutAListEachMachineIsLookedAt) {
  azure.list_failure = make_error(base::ErrorKind::denied, "no right to list");
  many_machines();
  advance(options.azure.timing.max_age);
  expect_repaired();
  EXPECT_EQ(azure.lists, 1);
}

TEST_F(ControllerListTest, AThrottledListIsNotMadeUpForByManyLooks) {
  azure.list_failure = make_error(base::ErrorKind::throttled, "too many requests");
  azure.list_failure->retry_after = std::chrono::seconds(600);
  many_machines();
  advance(options.azure.timing.max_age);
  EXPECT_EQ(azure.lists, 1);
  advance(std::chrono::seconds(400));
  EXPECT_EQ(azure.lists, 1);
  EXPECT_EQ(azure.calls, 12);
  azure.list_failure.reset();
  advance(std::chrono::seconds(200));
  expect_repaired();
  EXPECT_EQ(azure.lists, 2);
  EXPECT_EQ(azure.calls, 14);
}

TEST_F(ControllerListTest, AMachineThatTheListLeavesOutIsLookedAtByItself) {
  azure.unlisted = {vm("node-3")};
  many_machines();
  advance(options.azure.timing.max_age);
  expect_repaired();
  EXPECT_EQ(azure.lists, 1);
}

TEST_F(ControllerListTest, ClientIdsThatCouldNotBeReadAreAskedForWithoutLists) {
  azure.client_ids_unread = true;
  many_machines();
  azure.client_ids_unread = false;
  advance(std::chrono::seconds(10));
  expect_repaired();
  EXPECT_EQ(azure.lists, 0) << "they would be ignored: each machine is known from a moment ago";
  EXPECT_EQ(azure.calls, 24);
}

TEST_F(ControllerLoadTest, AnIdentityKnownToBeAttachedNeedsNoRequest) {  // MIC-5
  usual_cluster();
  pod({.name = "first"});
  start();
  settle();
  ASSERT_EQ(azure.calls, 1);
  for (int i = 0; i < 50; ++i) pod({.name = fmt::format("web-{}", i)});
  settle();
  EXPECT_EQ(assigned(), 51u);
  EXPECT_EQ(azure.calls, 1);
}

TEST_F(ControllerLoadTest, LateWatchEventsCauseNoFurtherWrites) {  // MIC-7
  usual_cluster();
  deliver_watch = false;
  pod({.name = "web"});
  start();
  settle();
  EXPECT_EQ(api.writes, 2);
  remove_pod("web");
  settle();
  EXPECT_EQ(api.writes, 4);
  deliver_watch = true;
  settle();
  EXPECT_EQ(api.writes, 4);
  EXPECT_THAT(states(), IsEmpty());
}

TEST_F(ControllerLoadTest, AFullPassOverASettledStateWritesNothing) {
  usual_cluster();
  for (int i = 0; i < 20; ++i) pod({.name = fmt::format("web-{}", i)});
  start();
  settle();
  const int writes = api.writes;
  advance(options.full_pass_interval);
  EXPECT_EQ(api.writes, writes);
  restart();
  settle();
  EXPECT_EQ(api.writes, writes);
}

TEST_F(ControllerLoadTest, NewPodsDoNotWaitBehindDeletions) {
  options.writes_per_target = 1;
  usual_cluster();
  for (int i = 0; i < 100; ++i) pod({.name = fmt::format("old-{}", i)});
  start();
  settle();
  api.history.clear();
  for (int i = 0; i < 100; ++i) remove_pod(fmt::format("old-{}", i));
  pod({.name = "new"});
  settle();
  const auto at = std::ranges::find(api.history, "status new-default-id Assigned");
  ASSERT_NE(at, api.history.end());
  EXPECT_LT(at - api.history.begin(), 20);
}

TEST_F(ControllerLoadTest, WritesInFlightPerVmAreLimited) {
  options.writes_per_target = 4;
  usual_cluster();
  int in_flight = 0;
  for (int i = 0; i < 50; ++i) pod({.name = fmt::format("web-{}", i)});
  std::vector<std::string> order;
  api.before_write = [&](std::string_view, const std::string& name) -> std::optional<base::Error> {
    order.push_back(name);
    return std::nullopt;
  };
  start();
  // Each turn of the event loop finishes the writes that the turn before began.
  std::size_t most = 0;
  for (int turn = 0; turn < 5000 && assigned() < 50; ++turn) {
    const std::size_t before = order.size();
    io.restart();
    while (io.poll_one() == 1 && order.size() == before) {
    }
    most = std::max(most, order.size() - before);
    in_flight = static_cast<int>(order.size());
  }
  EXPECT_EQ(assigned(), 50u);
  EXPECT_LE(most, 4u);
  EXPECT_EQ(in_flight, 100);
}

TEST_F(ControllerLoadTest, ALargeNodeSettlesInAsFewRequestsAsASmallOne) {  // mic.md §6.1
  options.writes_per_target = 4;
  usual_cluster();
  constexpr int kPods = 1'000;
  for (int i = 0; i < kPods; ++i) pod({.name = fmt::format("web-{}", i)});
  start();
  settle();
  EXPECT_EQ(assigned(), static_cast<std::size_t>(kPods));
  EXPECT_EQ(api.writes, 2 * kPods);
  EXPECT_EQ(azure.calls, 1);
  for (int i = 0; i < kPods / 2; ++i) remove_pod(fmt::format("web-{}", i));
  settle();
  EXPECT_EQ(assigned(), static_cast<std::size_t>(kPods / 2));
  EXPECT_EQ(api.writes, 3 * kPods);
  EXPECT_EQ(azure.calls, 1) << "the identity stays in use";
}

}  // namespace
}  // namespace podid::test
