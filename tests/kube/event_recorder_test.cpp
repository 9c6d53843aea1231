// SPDX-License-Identifier: Apache-2.0
#include "kube/event_recorder.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <set>

#include "base/json.hpp"
#include "base/time_text.hpp"
#include "kube/kube_fixture.hpp"

namespace podid::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::soon;

const std::string kEventsPath = "/api/v1/namespaces/shop/events";
const std::string kSeriesPath = "/apis/events.k8s.io/v1/namespaces/shop/events";

net::Response refusal(int status, std::string_view reason, std::string_view cause = {}) {
  net::Response response;
  response.status = status;
  json::object object{{"kind", "Status"}, {"code", status}, {"reason", reason}, {"message", "no"}};
  if (!cause.empty()) object["details"] = json::object{{"causes", json::array{json::object{{"reason", cause}}}}};
  response.body = json::serialize(object);
  return response;
}

EventKey key(std::string_view message = "issued", std::string_view ns = "shop") {
  EventKey key;
  key.regarding = kAzureIdentityBindings.reference({std::string(ns), "binding"}, "uid-b");
  key.reason = "TokenIssued";
  key.message = message;
  return key;
}

class EventRecorderTest : public test::KubeFixture<test::FakeClock> {
 protected:
  ~EventRecorderTest() override {
    end_faults();
    if (recorder) await(recorder->stop(soon()));
  }
  void start(EventRecorderOptions options = {}) {
    options.component = "aadpodidentity.k8s.io";
    options.host = "node-a";
    if (options.instance.empty()) options.instance = "nmi-1";
    recorder = std::make_unique<EventRecorder>(*client, options);
    recorder->start();
  }
  // Runs until `happened`, moving the clock on whenever somebody sleeps.
  bool until_sleeping(const std::function<bool()>& happened) {
    return until([&] {
      // Requests under way come first: their deadlines are of this clock too.
      while (io.run_one_for(milliseconds(1)) > 0) {
      }
      io.restart();
      const std::size_t sleepers = clock.sleepers();
      while (!happened() && sleepers > 0 && clock.sleepers() == sleepers) clock.advance(milliseconds(100));
      return happened();
    });
  }
  void deny_in(std::string_view ns) {
    server.intercept = [start = fmt::format("/api/v1/namespaces/{}", ns)](
                           const net::Request& request) -> std::optional<net::Response> {
      if (!request.target.starts_with(start)) return std::nullopt;
      return refusal(403, "Forbidden");
    };
  }
  // Until as many requests as given were answered and somebody waits for the clock.
  bool until_resting(std::size_t requests) {
    return until([&] {
      return server.requests.size() == requests && clock.sleepers() == 1 && recorder->statistics().failures == requests;
    });
  }
  bool all_written() const { return recorder->statistics().waiting == 0; }
  std::vector<const json::object*> events() const {
    std::vector<const json::object*> found;
    std::vector<std::string> names;
    for (const net::Request& request : server.requests) {
      if (request.method != "POST") continue;
      const std::string name(base::text_at(json::parse(request.body), {"metadata", "name"}));
      if (std::ranges::find(names, name) != names.end()) continue;
      names.push_back(name);
      if (const json::object* event = server.find(kEventsPath + "/" + name)) found.push_back(event);
    }
    return found;
  }
  std::int64_t total_count() const {
    std::int64_t total = 0;
    for (const json::object* event : events()) total += base::integer_at(*event, {"count"});
    return total;
  }

  std::unique_ptr<EventRecorder> recorder;
};

TEST_F(EventRecorderTest, FirstOccurrenceIsCreatedAtOnce) {
  start();
  EventKey first = key();
  first.type = EventType::warning;
  first.action = "Assign";
  first.related = kPods.reference({"shop", "web-0"}, "uid-p");
  recorder->record(first);
  ASSERT_TRUE(until([&] { return all_written(); }));
  ASSERT_EQ(events().size(), 1u);
  const json::object& event = *events().front();
  EXPECT_THAT(std::string(base::text_at(event, {"metadata", "name"})),
              ::testing::MatchesRegex("binding\\.[0-9a-f]{16}"));
  EXPECT_EQ(event.at("involvedObject"),
            json::parse(R"({"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentityBinding","name":"binding",)"
                        R"("namespace":"shop","uid":"uid-b"})"));
  EXPECT_EQ(event.at("related"), json::parse(R"({"apiVersion":"v1","kind":"Pod","name":"web-0","namespace":"shop",)"
                                             R"("uid":"uid-p"})"));
  EXPECT_EQ(event.at("source"), json::parse(R"({"component":"aadpodidentity.k8s.io","host":"node-a"})"));
  EXPECT_EQ(event.at("reportingComponent"), "aadpodidentity.k8s.io");
  EXPECT_EQ(event.at("reportingInstance"), "nmi-1");
  EXPECT_EQ(event.at("type"), "Warning");
  EXPECT_EQ(event.at("reason"), "TokenIssued");
  EXPECT_EQ(event.at("message"), "issued");
  EXPECT_EQ(event.at("action"), "Assign");
  EXPECT_EQ(event.at("count"), 1);
  EXPECT_EQ(base::text_at(event, {"firstTimestamp"}), base::format_rfc3339(clock.wall_now()));
}

TEST_F(EventRecorderTest, LaterOccurrencesRaiseTheCountAtMostOnceAnInterval) {
  start({.interval = seconds(10)});
  recorder->record(key(), Delivery::counted);
  ASSERT_TRUE(until([&] { return all_written(); }));
  const base::WallTime first = clock.wall_now();
  clock.advance(seconds(1));
  for (int i = 0; i < 500; ++i) recorder->record(key(), Delivery::counted, 2);
  ASSERT_TRUE(until([&] { return clock.sleepers() == 1; }));
  clock.advance(seconds(9) - milliseconds(1));
  io.poll();
  EXPECT_EQ(server.requests.size(), 1u);
  clock.advance(milliseconds(1));
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(server.requests.size(), 2u);
  const json::object& event = *events().front();
  EXPECT_EQ(event.at("count"), 1001);
  EXPECT_EQ(base::text_at(event, {"firstTimestamp"}), base::format_rfc3339(first));
  EXPECT_EQ(base::text_at(event, {"lastTimestamp"}), base::format_rfc3339(first + seconds(1)));
}

class SeriesTest : public EventRecorderTest {
 protected:
  void start_series(std::string_view instance = "node-a") {
    start({.api = EventApi::events_v1,
           .instance = std::string(instance),
           .origin = "process-1",
           .interval = seconds(30)});
  }
  const json::object* made() const {
    for (const net::Request& request : server.requests) {
      if (request.method != "POST") continue;
      return server.find(kSeriesPath + "/" +
                         std::string(base::text_at(json::parse(request.body), {"metadata", "name"})));
    }
    return nullptr;
  }
};

TEST_F(SeriesTest, TheFirstHasNoSeriesAndLaterOnesRaiseItsCount) {
  start_series();
  EventKey first = key();
  first.action = "IssueToken";
  first.related = kPods.reference({"shop", "web-0"}, "uid-p");
  const std::string then = base::format_rfc3339_micro(clock.wall_now());
  recorder->record(first, Delivery::counted);
  ASSERT_TRUE(until([&] { return all_written(); }));
  json::object expected =
      json::parse(R"({"apiVersion":"events.k8s.io/v1","kind":"Event","reportingController":"aadpodidentity.k8s.io",
        "reportingInstance":"node-a","action":"IssueToken","reason":"TokenIssued","note":"issued","type":"Normal",
        "regarding":{"apiVersion":"aadpodidentity.k8s.io/v1","kind":"AzureIdentityBinding","name":"binding",
                     "namespace":"shop","uid":"uid-b"},
        "related":{"apiVersion":"v1","kind":"Pod","name":"web-0","namespace":"shop","uid":"uid-p"}})")
          .as_object();
  expected["eventTime"] = then;
  json::object sent = json::parse(server.requests.back().body).as_object();
  EXPECT_THAT(std::string(base::text_at(sent, {"metadata", "name"})),
              ::testing::MatchesRegex("binding\\.[0-9a-f]{16}"));
  sent.erase("metadata");
  EXPECT_EQ(sent, expected);

  clock.advance(seconds(1));
  for (int i = 0; i < 9; ++i) recorder->record(first, Delivery::counted);
  ASSERT_TRUE(until([&] { return clock.sleepers() == 1; }));
  clock.advance(seconds(28));
  io.poll();
  EXPECT_EQ(server.requests.size(), 1u);
  clock.advance(seconds(1));
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(base::integer_at(*made(), {"series", "count"}), 10);
  EXPECT_EQ(base::text_at(*made(), {"series", "lastObservedTime"}),
            base::format_rfc3339_micro(clock.wall_now() - seconds(29)));
  EXPECT_EQ(base::text_at(*made(), {"note"}), "issued");
}

TEST_F(SeriesTest, WhatExpiredIsMadeAnewUnderItsNameWithTheWholeCount) {
  start_series();
  recorder->record(key(), Delivery::counted, 5);
  ASSERT_TRUE(until([&] { return all_written(); }));
  const std::string name(base::text_at(*made(), {"metadata", "name"}));
  server.remove(kSeriesPath + "/" + name);
  recorder->record(key(), Delivery::counted, 2);
  ASSERT_TRUE(until_sleeping([&] { return all_written(); }));
  EXPECT_EQ(server.count(kSeriesPath), 1u);
  const json::object* event = server.find(kSeriesPath + "/" + name);
  ASSERT_NE(event, nullptr);
  EXPECT_EQ(base::integer_at(*event, {"series", "count"}), 7);
}

TEST_F(SeriesTest, ALostAnswerDoesNotDoubleTheEvent) {
  for (const std::uint64_t occurrences : {1u, 3u}) {
    start_series();
    server.requests.clear();
    bool lost = false;
    server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
      if (std::exchange(lost, true)) return std::nullopt;
      json::object event = json::parse(request.body).as_object();
      const std::string name(base::text_at(event, {"metadata", "name"}));
      server.put(kSeriesPath + "/" + name, std::move(event));
      return net::Response{};  // done, and the connection breaks before the answer
    };
    recorder->record(key(std::to_string(occurrences)), Delivery::counted, occurrences);
    ASSERT_TRUE(until_sleeping([&] { return all_written(); }));
    EXPECT_EQ(recorder->statistics().rejected, 0u);
    EXPECT_EQ(base::find_path(*made(), {"series"}) == nullptr, occurrences == 1);
    await(recorder->stop(soon()));
  }
  EXPECT_EQ(server.count(kSeriesPath), 2u);
}

TEST_F(SeriesTest, ALongInstanceIsCutAndStaysItsOwn) {
  std::set<std::string> seen;
  for (const std::string_view end : {"a", "b"}) {
    start_series(std::string(200, 'n') + std::string(end));
    recorder->record(key(end));
    ASSERT_TRUE(until([&] { return all_written(); }));
    const json::value sent = json::parse(server.requests.back().body);
    const std::string instance(base::text_at(sent, {"reportingInstance"}));
    EXPECT_EQ(instance.size(), EventRecorder::kMaxInstanceBytes);
    EXPECT_TRUE(seen.insert(instance).second);
    await(recorder->stop(soon()));
  }
}

TEST_F(EventRecorderTest, DifferentEventsAreDifferentObjects) {
  start();
  recorder->record(key("one"));
  recorder->record(key("two"));
  recorder->record(key("one"));
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(events().size(), 2u);
  EXPECT_EQ(total_count(), 3);
}

TEST_F(EventRecorderTest, ExpiredEventIsMadeAnewWithTheWholeCount) {
  start();
  recorder->record(key(), Delivery::counted, 5);
  ASSERT_TRUE(until([&] { return all_written(); }));
  server.remove(kEventsPath + "/" + std::string(base::text_at(*events().front(), {"metadata", "name"})));
  recorder->record(key(), Delivery::counted, 2);
  ASSERT_TRUE(until_sleeping([&] { return all_written(); }));
  EXPECT_EQ(total_count(), 7);
}

TEST_F(EventRecorderTest, NothingCountedIsLostWhileTheServerIsAway) {
  start({.max_events = 2});
  int failures = 0;
  server.intercept = [&](const net::Request&) -> std::optional<net::Response> {
    static constexpr int kStatus[] = {500, 0, 429, 401};
    net::Response response;
    response.status = kStatus[failures++ % 4];
    return response;
  };
  for (int i = 0; i < 30; ++i) {
    for (const std::string_view name : {"one", "two", "three", "four"}) recorder->record(key(name), Delivery::counted);
    const int before = failures;
    ASSERT_TRUE(until_sleeping([&] { return failures > before; }));
  }
  server.intercept = nullptr;
  ASSERT_TRUE(until_sleeping([&] { return all_written(); }));
  EXPECT_EQ(events().size(), 4u);
  EXPECT_EQ(total_count(), 120);
  EXPECT_EQ(recorder->statistics().dropped, 0u);
  EXPECT_EQ(recorder->statistics().recorded, 120u);
}

TEST_F(EventRecorderTest, LostAnswerDoesNotDoubleTheEvent) {
  start();
  bool lost = false;
  server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
    if (std::exchange(lost, true)) return std::nullopt;
    json::object event = json::parse(request.body).as_object();
    const std::string name(base::text_at(event, {"metadata", "name"}));
    server.put(kEventsPath + "/" + name, std::move(event));
    return net::Response{};  // done, and the connection breaks before the answer
  };
  recorder->record(key(), Delivery::counted, 3);
  ASSERT_TRUE(until_sleeping([&] { return all_written(); }));
  EXPECT_EQ(server.count(kEventsPath), 1u);
  EXPECT_EQ(total_count(), 3);
}

TEST_F(EventRecorderTest, TooManyDifferentEventsAreDroppedAndCounted) {
  start({.max_events = 3});
  server.intercept = [](const net::Request&) { return refusal(503, "ServiceUnavailable"); };
  for (const std::string_view name : {"one", "two", "three", "four", "five"}) recorder->record(key(name));
  recorder->record(key("one"));
  recorder->record(key("counted"), Delivery::counted);
  EXPECT_EQ(recorder->statistics().dropped, 2u);
  server.intercept = nullptr;
  ASSERT_TRUE(until_sleeping([&] { return all_written(); }));
  EXPECT_EQ(events().size(), 4u);
  EXPECT_EQ(total_count(), 5);
  // Written events make room for new ones.
  recorder->record(key("six"));
  ASSERT_TRUE(until_sleeping([&] { return all_written(); }));
  EXPECT_EQ(events().size(), 5u);
  EXPECT_EQ(recorder->statistics().dropped, 2u);
}

TEST_F(EventRecorderTest, CountedEventsHaveALimitOfTheirOwn) {
  start({.max_events = 2, .max_counted_events = 4});
  server.intercept = [](const net::Request&) { return refusal(503, "ServiceUnavailable"); };
  for (int i = 0; i < 6; ++i) recorder->record(key(std::to_string(i)), Delivery::counted, 10);
  recorder->record(key("0"), Delivery::counted);
  EXPECT_EQ(recorder->statistics().dropped, 20u);
  EXPECT_EQ(recorder->statistics().waiting, 4u);
  server.intercept = nullptr;
  ASSERT_TRUE(until_sleeping([&] { return all_written(); }));
  EXPECT_EQ(total_count(), 41);
}

TEST_F(EventRecorderTest, RefusalForGoodEndsTheEvent) {
  start();
  server.intercept = [](const net::Request& request) {
    return request.body.contains("gone") ? refusal(403, "Forbidden", "NamespaceTerminating") : refusal(422, "Invalid");
  };
  recorder->record(key("bad"), Delivery::counted, 2);
  recorder->record(key("gone"), Delivery::counted, 3);
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(recorder->statistics().rejected, 5u);
  EXPECT_EQ(server.requests.size(), 2u);
}

TEST_F(EventRecorderTest, MissingPermissionEndsBestEffortAndDelaysCounted) {
  start();
  server.intercept = [](const net::Request&) { return refusal(403, "Forbidden"); };
  recorder->record(key("ordinary"));
  recorder->record(key("counted"), Delivery::counted);
  ASSERT_TRUE(until([&] { return server.requests.size() == 2 && clock.sleepers() == 1; }));
  EXPECT_EQ(recorder->statistics().rejected, 1u);
  EXPECT_EQ(recorder->statistics().waiting, 1u);
  server.intercept = nullptr;
  clock.advance(seconds(60));
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(total_count(), 1);
}

TEST_F(EventRecorderTest, WithoutPermissionOneEventAMinuteIsTried) {
  start({.writers = 1});
  deny_in("");
  testing::internal::CaptureStderr();
  for (int i = 0; i < 50; ++i) recorder->record(key(std::to_string(i)), Delivery::counted);
  for (std::size_t requests = 1; requests <= 5; ++requests) {
    ASSERT_TRUE(until_resting(requests));
    recorder->record(key("new " + std::to_string(requests)), Delivery::counted);  // another pod has come
    recorder->record(key("0"), Delivery::counted);
    clock.advance(seconds(59));
    io.poll();
    EXPECT_EQ(server.requests.size(), requests);
    clock.advance(seconds(1));
  }
  ASSERT_TRUE(until_resting(6));
  const std::string log = testing::internal::GetCapturedStderr();
  const std::size_t warning = log.find("create, patch");
  EXPECT_NE(warning, std::string::npos) << log;
  EXPECT_EQ(log.find("create, patch", warning + 1), std::string::npos) << log;
  server.intercept = nullptr;
  clock.advance(seconds(60));
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(total_count(), 60);
  EXPECT_EQ(recorder->statistics().rejected, 0u);
}

TEST_F(EventRecorderTest, WhatIsDeniedInOneNamespaceIsWrittenInOthers) {
  start({.writers = 1});
  deny_in("full");
  for (int i = 0; i < 10; ++i) {
    recorder->record(key(std::to_string(i), "full"), Delivery::counted);
    recorder->record(key(std::to_string(i), "shop"), Delivery::counted);
  }
  ASSERT_TRUE(until([&] { return recorder->statistics().waiting == 10; }));
  EXPECT_EQ(server.count_requests("POST", "/api/v1/namespaces/full/"), 1u);
  EXPECT_EQ(server.count(kEventsPath), 10u);
}

TEST_F(EventRecorderTest, WhereManyNamespacesDenyAllOfThemWait) {
  start({.writers = 1});
  deny_in("");
  for (int i = 0; i < 200; ++i) recorder->record(key("issued", "job-" + std::to_string(i)), Delivery::counted);
  const std::size_t tried = EventRecorder::kMaxDeniedNamespaces;
  ASSERT_TRUE(until_resting(tried));
  EXPECT_EQ(recorder->statistics().waiting, 200u);
  clock.advance(seconds(60));
  ASSERT_TRUE(until_resting(tried + 1));
  server.intercept = nullptr;
  clock.advance(seconds(60));
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(recorder->statistics().writes, 200u);
}

TEST_F(EventRecorderTest, DeniedEventsMakeRoomForOthers) {
  start({.max_events = 2, .max_counted_events = 4, .writers = 1});
  deny_in("full");
  for (int i = 0; i < 4; ++i) recorder->record(key(std::to_string(i), "full"), Delivery::counted, 10);
  ASSERT_TRUE(until_resting(1));
  recorder->record(key("one"), Delivery::counted);
  recorder->record(key("two"), Delivery::counted);
  ASSERT_TRUE(until([&] { return recorder->statistics().waiting == 2; }));
  EXPECT_EQ(recorder->statistics().dropped, 20u);
  EXPECT_EQ(server.count(kEventsPath), 2u);
}

TEST_F(EventRecorderTest, BestEffortEventsFindOutThatPermissionWasGiven) {
  start({.writers = 1});
  deny_in("");
  recorder->record(key("one"));
  ASSERT_TRUE(until([&] { return all_written(); }));
  recorder->record(key("two"));
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(server.requests.size(), 1u) << "one a minute";
  EXPECT_EQ(recorder->statistics().rejected, 2u);
  server.intercept = nullptr;
  clock.advance(seconds(60));
  recorder->record(key("three"));
  recorder->record(key("four"));
  ASSERT_TRUE(until([&] { return all_written(); }));
  EXPECT_EQ(total_count(), 2);
}

TEST_F(EventRecorderTest, StopTriesOneOfTheDeniedEvents) {
  for (const bool still_denied : {true, false}) {
    start({.writers = 1});
    deny_in("");
    server.requests.clear();
    for (int i = 0; i < 20; ++i) recorder->record(key(std::to_string(i)), Delivery::counted);
    ASSERT_TRUE(until_resting(1));
    if (!still_denied) server.intercept = nullptr;
    await(recorder->stop(soon()));
    EXPECT_EQ(server.requests.size(), still_denied ? 2u : 21u);
    EXPECT_EQ(recorder->statistics().waiting, still_denied ? 20u : 0u);
  }
}

TEST_F(EventRecorderTest, StopWritesWhatWaits) {
  start({.interval = std::chrono::hours(1)});
  recorder->record(key("one"), Delivery::counted);
  ASSERT_TRUE(until([&] { return all_written(); }));
  recorder->record(key("one"), Delivery::counted, 4);
  recorder->record(key("two"));
  await(recorder->stop(soon()));
  EXPECT_EQ(total_count(), 6);
  EXPECT_TRUE(all_written());
}

TEST_F(EventRecorderTest, StoppedInTheMiddleOfARequestLosesNothing) {
  start();
  bool first = true;
  server.intercept = [&](const net::Request&) -> std::optional<net::Response> {
    if (std::exchange(first, false)) return net::Response{};
    return std::nullopt;
  };
  for (int i = 0; i < 8; ++i) recorder->record(key(std::to_string(i)), Delivery::counted);
  ASSERT_TRUE(until([&] { return !server.requests.empty(); }));
  await(recorder->stop(soon()));
  EXPECT_EQ(total_count(), 8);
  EXPECT_EQ(recorder->statistics().rejected, 0u);
}

TEST_F(EventRecorderTest, StopEndsAtItsDeadline) {
  start();
  server.intercept = [](const net::Request&) { return refusal(503, "ServiceUnavailable"); };
  recorder->record(key("one"), Delivery::counted, 4);
  await(recorder->stop(net::Deadline::passed()));
  EXPECT_EQ(recorder->statistics().waiting, 1u);
}

TEST_F(EventRecorderTest, NamesAndTextsStayValid) {
  start();
  EventKey odd = key(std::string(1022, 'x') + "äöü");
  odd.regarding = kNodes.reference({"", std::string(235, 'n') + ".-" + std::string(50, 'm')}, "");
  recorder->record(odd);
  ASSERT_TRUE(until([&] { return all_written(); }));
  ASSERT_EQ(server.requests.back().target, "/api/v1/namespaces/default/events");  // of cluster-scoped objects
  const json::value event = json::parse(server.requests.back().body);
  const std::string_view name = base::text_at(event, {"metadata", "name"});
  EXPECT_TRUE(name.starts_with(std::string(235, 'n') + ".") && name.size() == 235 + 17) << name;
  EXPECT_EQ(base::text_at(event, {"message"}), std::string(1022, 'x') + "ä");
  EXPECT_EQ(base::find_path(event, {"involvedObject", "namespace"}), nullptr);
}

}  // namespace
}  // namespace podid::kube
