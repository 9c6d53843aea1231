// SPDX-License-Identifier: Apache-2.0
// Leader election and event recording, with the classes that the programs use.
#include "contract/contract_fixture.hpp"
#include "kube/event_recorder.hpp"
#include "kube/leader_elector.hpp"

namespace podid::test {
namespace {

using kube::Delivery;
using kube::EventKey;
using kube::EventRecorder;
using kube::kEvents;
using kube::kLeases;
using kube::kPods;
using kube::LeaderElector;
using kube::LockKind;
using ::testing::ElementsAre;

class LeasesContract : public Contract, public ::testing::WithParamInterface<LockKind> {};

TEST_P(LeasesContract, OneLeadsTheOtherFollowsAfterTheRelease) {
  const auto stand = [this](std::string_view identity) {
    return std::make_unique<LeaderElector>(client(),
                                           kube::LeaderElectorOptions{.lock = GetParam(),
                                                                      .key = key("lock"),
                                                                      .identity = std::string(identity),
                                                                      .lease_duration = std::chrono::seconds(2)},
                                           kube::LeaderCallbacks{}, nullptr);
  };
  const auto first = stand("first");
  const auto second = stand("second");
  first->start();
  EXPECT_TRUE(until([&] { return first->is_leader(); }));
  second->start();
  EXPECT_TRUE(until([&] { return second->observed_leader() == "first"; }));
  EXPECT_FALSE(second->is_leader());
  await(first->stop(soon()));
  EXPECT_TRUE(until([&] { return second->is_leader(); }));
  await(second->stop(soon()));
  EXPECT_FALSE(first->last_error()) << first->last_error()->message;
  EXPECT_FALSE(second->last_error()) << second->last_error()->message;
}

INSTANTIATE_TEST_SUITE_P(Locks, LeasesContract,
                         ::testing::Values(LockKind::leases, LockKind::endpoints, LockKind::endpoints_leases));

TEST_F(LeasesContract, TimesKeepTheirMicroseconds) {
  const kube::LeaderRecord record{.holder = "a",
                                  .lease_duration_seconds = 15,
                                  .acquire_time = clock_.wall_now(),
                                  .renew_time = clock_.wall_now(),
                                  .transitions = 2};
  create(kLeases, object("l", {{"spec", lease_spec(record)}}));
  EXPECT_EQ(get(kLeases, "l").at("spec"), json::value(lease_spec(record)));
}

class EventsContract : public Contract {
 protected:
  EventKey event_about(const json::value& about, std::string_view message) const {
    EventKey event;
    event.regarding = kPods.reference(kube::key_of(about), std::string(text_at(about, {"metadata", "uid"})));
    event.reason = "TokenIssued";
    event.message = message;
    event.action = "Issue";
    return event;
  }
};

TEST_F(EventsContract, AreCountedUpAndFoundByTheirObject) {
  const json::value a = create(kPods, pod("a"));
  const json::value b = create(kPods, pod("b"));
  EventRecorder recorder(client(), {.component = "podid-contract",
                                    .host = "node",
                                    .instance = "contract-1",
                                    .interval = std::chrono::milliseconds(10)});
  recorder.start();
  recorder.record(event_about(a, "one"), Delivery::counted, 2);
  recorder.record(event_about(b, "two"));
  EXPECT_TRUE(until([&] { return recorder.statistics().waiting == 0; }));
  recorder.record(event_about(a, "one"), Delivery::counted, 3);
  EXPECT_TRUE(until([&] { return recorder.statistics().waiting == 0; }));
  // Expired meanwhile, or deleted by somebody: made anew.
  const auto named = names(kEvents, {.field_selector = "involvedObject.name=b"});
  ASSERT_EQ(named.size(), 1u);
  remove(kEvents, named.front());
  recorder.record(event_about(b, "two"));
  await(recorder.stop(soon()));
  EXPECT_EQ(recorder.statistics().failures, 0u);
  EXPECT_EQ(recorder.statistics().rejected, 0u);

  const std::string uid(text_at(a, {"metadata", "uid"}));
  const json::value found = ok(client().list(
      kEvents, {.ns = ns(), .field_selector = "involvedObject.kind=Pod,involvedObject.uid=" + uid}, soon()));
  ASSERT_EQ(found.at("items").as_array().size(), 1u);
  const json::value& event = found.at("items").at(0);
  EXPECT_EQ(event.at("count"), 5);
  EXPECT_EQ(text_at(event, {"involvedObject", "name"}), "a");
  EXPECT_EQ(text_at(event, {"source", "component"}), "podid-contract");
  EXPECT_EQ(text_at(event, {"reportingComponent"}), "podid-contract");
  EXPECT_EQ(text_at(event, {"reportingInstance"}), "contract-1");
  EXPECT_EQ(text_at(event, {"action"}), "Issue");
  EXPECT_EQ(names(kEvents, {.field_selector = "reason=TokenIssued,type=Normal"}).size(), 2u);
  EXPECT_EQ(names(kEvents, {.field_selector = "involvedObject.namespace=" + ns() + ",involvedObject.name=b"}).size(),
            1u);
}

TEST_F(EventsContract, SeriesAreCountedUpAndSeenAsEventsOfBothGroups) {
  const json::value about = create(kPods, pod("a"));
  EventRecorder recorder(client(), {.api = kube::EventApi::events_v1,
                                    .component = "aadpodidentity.k8s.io/contract",
                                    .instance = std::string(200, 'n'),
                                    .origin = "contract",
                                    .interval = std::chrono::milliseconds(10)});
  recorder.start();
  recorder.record(event_about(about, std::string(2000, 'x')), Delivery::counted);
  EXPECT_TRUE(until([&] { return recorder.statistics().waiting == 0; }));
  const auto named = names(kEvents, {.field_selector = "involvedObject.name=a"});
  ASSERT_EQ(named.size(), 1u);
  EXPECT_EQ(base::find_path(get(kEvents, named.front()), {"series"}), nullptr);
  recorder.record(event_about(about, std::string(2000, 'x')), Delivery::counted, 4);
  EXPECT_TRUE(until([&] { return recorder.statistics().waiting == 0; }));
  EXPECT_EQ(base::integer_at(get(kEvents, named.front()), {"series", "count"}), 5);
  // Expired meanwhile: made anew, under its name.
  remove(kEvents, named.front());
  recorder.record(event_about(about, std::string(2000, 'x')), Delivery::counted);
  await(recorder.stop(soon()));
  EXPECT_EQ(recorder.statistics().failures, 0u);
  EXPECT_EQ(recorder.statistics().rejected, 0u);
  const json::value event = get(kube::kSeriesEvents, named.front());
  EXPECT_EQ(base::integer_at(event, {"series", "count"}), 6);
  EXPECT_EQ(text_at(event, {"regarding", "name"}), "a");
  EXPECT_EQ(text_at(event, {"note"}), std::string(1024, 'x'));
  EXPECT_EQ(text_at(event, {"reportingController"}), "aadpodidentity.k8s.io/contract");
  EXPECT_EQ(text_at(event, {"action"}), "Issue");
}

TEST_F(EventsContract, WhatIsImmutableInASeriesIsRefused) {
  const json::value about = create(kPods, pod("a"));
  EventRecorder recorder(client(), {.api = kube::EventApi::events_v1, .component = "a.io/c", .instance = "n"});
  recorder.record(event_about(about, "one"));
  await(recorder.stop(soon()));
  const auto named = names(kEvents, {.field_selector = "involvedObject.name=a"});
  ASSERT_EQ(named.size(), 1u);
  for (const json::object& change : {json::object{{"note", "two"}}, json::object{{"series", {{"count", 1}}}}}) {
    kube::Patch patch;
    patch.body = change;
    EXPECT_EQ(refused(client().patch(kube::kSeriesEvents, key(named.front()), std::move(patch), soon())).kind,
              base::ErrorKind::invalid);
  }
}

TEST_F(EventsContract, NamespaceOfTheObjectIsChecked) {
  json::object event = object("e", {{"involvedObject", {{"kind", "Pod"}, {"namespace", "elsewhere"}, {"name", "a"}}}});
  EXPECT_EQ(refused(client().create(kEvents, event, soon())).kind, base::ErrorKind::invalid);
}

}  // namespace
}  // namespace podid::test
