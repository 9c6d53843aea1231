// SPDX-License-Identifier: Apache-2.0
#include "kube/leader_elector.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "base/json.hpp"
#include "base/time_text.hpp"
#include "kube/event_recorder.hpp"
#include "kube/kube_fixture.hpp"

namespace podid::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::soon;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kLeasePath = "/apis/coordination.k8s.io/v1/namespaces/default/leases/mic";
const std::string kEndpointsPath = "/api/v1/namespaces/default/endpoints/mic";

net::Response failure(int status) {
  net::Response response;
  response.status = status;
  return response;
}

class LeaderElectorTest : public test::KubeFixture<test::FakeClock> {
 protected:
  // One replica, with a client of its own that requests can be told by.
  struct Replica {
    std::string name;
    std::vector<std::string> calls;
    std::unique_ptr<Client> client;
    std::unique_ptr<LeaderElector> elector;
    bool standing = false;
    bool leads() const { return elector->is_leader(); }
  };

  ~LeaderElectorTest() override {
    end_faults();
    for (const auto& replica : replicas_) stop(*replica);
  }

  Replica& replica(const std::string& name, LockKind lock = LockKind::leases, EventRecorder* events = nullptr) {
    replicas_.push_back(std::make_unique<Replica>());
    Replica& made = *replicas_.back();
    made.name = name;
    made.client = make_client(config(), {.user_agent = name});
    LeaderCallbacks callbacks;
    callbacks.on_started = [&made] { made.calls.push_back("started"); };
    callbacks.on_lost = [&made] { made.calls.push_back("lost"); };
    callbacks.on_new_leader = [&made](const std::string& leader) { made.calls.push_back("leader " + leader); };
    made.elector = std::make_unique<LeaderElector>(
        *made.client, LeaderElectorOptions{.lock = lock, .key = {"default", "mic"}, .identity = name}, callbacks,
        events);
    return made;
  }
  Replica& started(const std::string& name, LockKind lock = LockKind::leases) {
    Replica& made = replica(name, lock);
    start(made);
    settle();
    return made;
  }
  static void start(Replica& replica) {
    replica.standing = true;
    replica.elector->start();
  }
  void stop(Replica& replica) {
    replica.standing = false;
    await(replica.elector->stop(soon()));
  }
  // Until every replica waits for its next turn.
  void settle() {
    const auto standing = std::ranges::count_if(replicas_, [](const auto& replica) { return replica->standing; });
    ASSERT_TRUE(until([&] { return clock.sleepers() == static_cast<std::size_t>(standing); }));
  }
  void advance(base::Duration by) {
    clock.advance(by);
    settle();
  }
  // How long it takes until the replica leads, to a quarter of a second.
  base::Duration time_until_leading(const Replica& replica, base::Duration limit = seconds(60)) {
    base::Duration waited{};
    for (; !replica.leads() && waited < limit; waited += milliseconds(250)) advance(milliseconds(250));
    return waited;
  }
  void hold_lease(const std::string& holder, base::WallTime renewed) {
    server.put(kLeasePath, {{"spec", lease_spec({.holder = holder,
                                                 .lease_duration_seconds = 15,
                                                 .acquire_time = renewed,
                                                 .renew_time = renewed,
                                                 .transitions = 4})}});
  }
  LeaderRecord lease() const { return read_lease_spec(*server.find(kLeasePath)).value(); }

 private:
  std::vector<std::unique_ptr<Replica>> replicas_;
};

TEST_F(LeaderElectorTest, TakesAFreeLockAndRenewsIt) {
  Replica& a = started("a");
  EXPECT_TRUE(a.leads());
  EXPECT_THAT(a.calls, ElementsAre("leader a", "started"));
  const LeaderRecord first = lease();
  EXPECT_EQ(first.holder, "a");
  EXPECT_EQ(first.lease_duration_seconds, 15);
  EXPECT_EQ(first.transitions, 0);
  EXPECT_EQ(first.acquire_time, clock.wall_now());
  for (int i = 0; i < 10; ++i) advance(milliseconds(3750));
  EXPECT_TRUE(a.leads());
  EXPECT_EQ(lease().acquire_time, first.acquire_time);
  EXPECT_EQ(lease().renew_time, clock.wall_now());
  EXPECT_THAT(a.calls, ElementsAre("leader a", "started"));
}

TEST_F(LeaderElectorTest, WaitsOutAForeignLeaseByItsOwnClock) {
  // The stored times are hours off: what counts is that nothing changes while we look.
  for (const seconds skew : {seconds(-7200), seconds(7200)}) {
    hold_lease(fmt::format("other{}", skew.count()), clock.wall_now() + skew);
    Replica& b = started(fmt::format("b{}", skew.count()));
    EXPECT_FALSE(b.leads());
    const base::Duration waited = time_until_leading(b);
    EXPECT_GE(waited, seconds(15));
    EXPECT_LE(waited, seconds(15) + milliseconds(3750) * 2.2 + milliseconds(250));
    EXPECT_EQ(lease().transitions, 5);
    stop(b);
  }
}

TEST_F(LeaderElectorTest, EveryRenewalOfAnotherStartsTheWaitAnew) {
  hold_lease("other", clock.wall_now());
  Replica& b = started("b");
  for (int i = 0; i < 12; ++i) {
    hold_lease("other", clock.wall_now());
    EXPECT_EQ(time_until_leading(b, seconds(5)), seconds(5));
  }
  EXPECT_THAT(b.calls, ElementsAre("leader other"));
}

TEST_F(LeaderElectorTest, GivesUpTwoThirdsThroughTheLeaseItCannotRenew) {
  Replica& a = started("a");
  server.intercept = [](const net::Request&) { return failure(500); };
  advance(milliseconds(3750));
  EXPECT_TRUE(a.leads());
  EXPECT_TRUE(a.elector->last_error().has_value());
  advance(milliseconds(6249));
  EXPECT_TRUE(a.leads());
  clock.advance(milliseconds(1));
  EXPECT_FALSE(a.leads());  // even before its coroutine runs
  ASSERT_TRUE(until([&] { return a.calls.back() == "lost"; }));
  EXPECT_THAT(a.calls, ElementsAre("leader a", "started", "lost"));
  server.intercept = nullptr;
  EXPECT_LT(time_until_leading(a), seconds(20));
  EXPECT_THAT(a.calls, ElementsAre("leader a", "started", "lost", "started"));
}

TEST_F(LeaderElectorTest, AMissedRenewalIsTriedAgainAtOnceAndThenEverySecond) {
  Replica& a = started("a");
  std::vector<base::SteadyTime> tries;
  server.intercept = [&](const net::Request&) {
    tries.push_back(clock.steady_now());
    return failure(500);
  };
  const base::SteadyTime due = clock.steady_now() + milliseconds(3750);
  advance(milliseconds(3750));
  advance(seconds(1));
  advance(seconds(1));
  EXPECT_THAT(tries, ElementsAre(due, due, due + seconds(1), due + seconds(2)));
  server.intercept = nullptr;
  advance(seconds(1));  // the API server was away for less than the renew deadline: nobody notices
  EXPECT_EQ(lease().renew_time, clock.wall_now());
  for (int i = 0; i < 10; ++i) advance(milliseconds(3750));
  EXPECT_TRUE(a.leads());
  EXPECT_THAT(a.calls, ElementsAre("leader a", "started"));
}

TEST_F(LeaderElectorTest, ARenewalThatHangsIsGivenUpInTimeForAnother) {
  Replica& a = started("a");
  for (const std::string_view method : {"GET", "PUT"}) {
    bool hung = false;
    server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
      if (request.method != method || std::exchange(hung, true)) return std::nullopt;
      return failure(-1);
    };
    clock.advance(milliseconds(3750));
    ASSERT_TRUE(until([&hung] { return hung; }));
    advance(seconds(3));
    EXPECT_EQ(lease().renew_time, clock.wall_now()) << method;
    server.intercept = nullptr;
  }
  EXPECT_TRUE(a.leads());
  EXPECT_THAT(a.calls, ElementsAre("leader a", "started"));
}

TEST_F(LeaderElectorTest, StopsLeadingWhenAnotherHasTakenOver) {
  Replica& a = started("a");
  hold_lease("other", clock.wall_now());
  advance(milliseconds(3750));
  EXPECT_FALSE(a.leads());
  EXPECT_THAT(a.calls, ElementsAre("leader a", "started", "leader other", "lost"));
}

TEST_F(LeaderElectorTest, ReleasesTheLockWhenStopped) {
  Replica& a = started("a");
  Replica& b = started("b");
  std::string holder_when_lost;
  server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
    if (request.method == "PUT" && holder_when_lost.empty()) {
      EXPECT_EQ(a.calls.back(), "lost");  // before the successor can begin
      holder_when_lost = lease().holder;
    }
    return std::nullopt;
  };
  stop(a);
  EXPECT_EQ(holder_when_lost, "a");
  server.intercept = nullptr;
  EXPECT_EQ(lease().holder, "");
  EXPECT_EQ(lease().lease_duration_seconds, 1);
  EXPECT_LT(time_until_leading(b), seconds(9));
  EXPECT_EQ(lease().transitions, 1);
}

TEST_F(LeaderElectorTest, StopIsQuickAndQuietWhenItDoesNotLead) {
  hold_lease("other", clock.wall_now());
  Replica& b = started("b");
  stop(b);
  EXPECT_EQ(lease().holder, "other");
  EXPECT_THAT(b.calls, ElementsAre("leader other"));
}

TEST_F(LeaderElectorTest, BrokenRecordIsAnErrorNotAFreeLock) {
  server.put(kLeasePath, {{"spec", {{"holderIdentity", 5}}}});
  Replica& b = started("b");
  EXPECT_FALSE(b.leads());
  ASSERT_TRUE(b.elector->last_error().has_value());
  EXPECT_EQ(b.elector->last_error()->message, "spec.holderIdentity must be a string");
}

TEST_F(LeaderElectorTest, EndpointsLockKeepsTheRestOfTheObject) {
  server.put(kEndpointsPath, {{"subsets", json::array{1}}, {"metadata", {{"annotations", {{"other", "kept"}}}}}});
  Replica& a = started("a", LockKind::endpoints);
  EXPECT_TRUE(a.leads());
  const json::object& stored = *server.find(kEndpointsPath);
  EXPECT_EQ(stored.at("subsets"), json::array{1});
  EXPECT_EQ(base::text_at(stored, {"metadata", "annotations", "other"}), "kept");
  const auto record = read_leader_annotation(base::text_at(stored, {"metadata", "annotations", kLeaderAnnotation}));
  EXPECT_EQ(record.value().holder, "a");
  EXPECT_EQ(server.find(kLeasePath), nullptr);
}

TEST_F(LeaderElectorTest, CombinedLockNeedsBoth) {
  hold_lease("other", clock.wall_now());
  Replica& a = started("a", LockKind::endpoints_leases);
  EXPECT_FALSE(a.leads());
  EXPECT_EQ(server.find(kEndpointsPath), nullptr);  // what cannot be completed is not begun
  EXPECT_GE(time_until_leading(a), seconds(15));
  EXPECT_EQ(lease().holder, "a");
  ASSERT_NE(server.find(kEndpointsPath), nullptr);
  stop(a);
  EXPECT_EQ(lease().holder, "");
  const auto record = read_leader_annotation(
      base::text_at(*server.find(kEndpointsPath), {"metadata", "annotations", kLeaderAnnotation}));
  EXPECT_EQ(record.value().holder, "");
}

TEST_F(LeaderElectorTest, RecordsEventsOnTheLock) {
  EventRecorder events(*client, {.component = "aadpodidentity.k8s.io"});
  Replica& a = replica("a", LockKind::leases, &events);
  start(a);
  settle();
  stop(a);
  await(events.stop(soon()));
  std::vector<std::string> messages;
  for (const net::Request& request : server.requests) {
    if (request.target != "/api/v1/namespaces/default/events") continue;
    const json::value event = json::parse(request.body);
    EXPECT_EQ(base::text_at(event, {"involvedObject", "kind"}), "Lease");
    EXPECT_EQ(base::text_at(event, {"involvedObject", "uid"}),
              base::text_at(*server.find(kLeasePath), {"metadata", "uid"}));
    EXPECT_EQ(base::text_at(event, {"reason"}), "LeaderElection");
    messages.emplace_back(base::text_at(event, {"message"}));
  }
  EXPECT_THAT(messages, ElementsAre("a became leader", "a stopped leading"));
}

TEST_F(LeaderElectorTest, ThereAreNeverTwoLeadersWhateverFails) {
  test::SeededRandom dice(7);
  Replica* replicas[] = {&replica("a"), &replica("b"), &replica("c", LockKind::endpoints_leases)};
  // Each replica in turn is cut off from the server, before or after its request has done its work.
  std::string cut_off;
  server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
    const bool fails = request.headers.get_or_empty("User-Agent") == cut_off || dice.below(10) == 0;
    return fails ? std::optional(failure(dice.below(2) == 0 ? 500 : 0)) : std::nullopt;
  };
  for (Replica* each : replicas) start(*each);
  settle();
  std::size_t led = 0;
  for (int step = 0; step < 600; ++step) {
    if (dice.below(40) == 0) cut_off = std::string(1, static_cast<char>('a' + dice.below(4)));
    advance(milliseconds(dice.below(1500)));
    const auto leaders = std::ranges::count_if(replicas, [](const Replica* each) { return each->leads(); });
    ASSERT_LE(leaders, 1);
    led += static_cast<std::size_t>(leaders);
  }
  EXPECT_GT(led, 300u);
}

TEST(LockKind, IsReadFromItsName) {
  EXPECT_EQ(parse_lock_kind("leases"), LockKind::leases);
  EXPECT_EQ(parse_lock_kind("endpointsleases"), LockKind::endpoints_leases);
  EXPECT_EQ(parse_lock_kind("endpoints"), LockKind::endpoints);
  const auto bad = parse_lock_kind("configmaps");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().message, "unknown lock \"configmaps\": leases, endpointsleases or endpoints");
}

}  // namespace
}  // namespace podid::kube
