// SPDX-License-Identifier: Apache-2.0
#include "kube/wanted_objects.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <array>
#include <map>
#include <set>

#include "base/json.hpp"
#include "kube/kube_fixture.hpp"
#include "support/instant_clock.hpp"

namespace podid::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What the sink was told; each call is checked against what was said before.
class Heard final : public WantedSink {
 public:
  void object_is(const ObjectKey& key, json::value object) override {
    objects[key] = std::string(base::text_at(object, {"spec", "value"}));
    ++states;
  }
  void object_gone(const ObjectKey& key) override {
    EXPECT_EQ(objects.erase(key), 1u) << key.to_string() << " was not there";
  }
  void known(const ObjectKey& want) override {
    EXPECT_TRUE(known_wants.insert(want).second) << want.to_string() << " known twice";
    unreadable_wants.erase(want);
  }
  void unreadable(const ObjectKey& want) override {
    EXPECT_TRUE(unreadable_wants.insert(want).second) << want.to_string() << " unreadable twice";
    known_wants.erase(want);
  }
  void begun() override { ++beginnings; }
  void forget(const ObjectKey& want) {
    known_wants.erase(want);
    unreadable_wants.erase(want);
  }

  std::map<ObjectKey, std::string> objects;
  std::set<ObjectKey> known_wants;
  std::set<ObjectKey> unreadable_wants;
  int states = 0;
  int beginnings = 0;
};

template <class ClockType>
class WantedObjectsFixture : public test::KubeFixture<ClockType> {
 protected:
  WantedObjectsFixture() {
    options.type = kPods;
    options.backoff = {.initial = std::chrono::milliseconds(1), .limit = std::chrono::milliseconds(20)};
    wanted.emplace(*this->client, options, heard);
  }
  // Before anything is wanted.
  void make_anew() { wanted.emplace(*this->client, options, heard); }
  ~WantedObjectsFixture() override {
    this->end_faults();
    this->await(wanted->stop());
  }

  void answer(const ObjectKey& key, int status) {
    this->server.intercept = [key, status](const net::Request& request) -> std::optional<net::Response> {
      if (request.target != path(key)) return std::nullopt;
      net::Response response;
      response.status = status;
      return response;
    };
  }
  static std::string event(std::string_view type, const ObjectKey& key, std::int64_t version) {
    return fmt::format(R"({{"type":"{}","object":{{"metadata":{{"namespace":"{}","name":"{}","resourceVersion":"{}"}},)"
                       R"("spec":{{"value":"old"}}}}}})"
                       "\n",
                       type, key.ns, key.name, version);
  }
  static std::string path(const ObjectKey& key) {
    return fmt::format("/api/v1/namespaces/{}/pods/{}", key.ns, key.name);
  }
  void put(const ObjectKey& key, const std::string& value) {
    this->server.put(path(key), {{"spec", {{"value", value}}}});
  }
  std::optional<std::string> at_server(const ObjectKey& key) const {
    const json::object* object = this->server.find(path(key));
    if (object == nullptr) return std::nullopt;
    return std::string(base::text_at(*object, {"spec", "value"}));
  }
  std::optional<std::string> told(const ObjectKey& key) const {
    const auto found = heard.objects.find(key);
    return found == heard.objects.end() ? std::nullopt : std::optional(found->second);
  }

  WantedObjectsOptions options;
  Heard heard;
  std::optional<WantedObjects> wanted;
};

const ObjectKey kMine{"a", "mine"};
const ObjectKey kOther{"b", "other"};

class WantedObjectsTest : public WantedObjectsFixture<base::RealClock> {
 protected:
  bool is(const ObjectKey& key, const std::optional<std::string>& value) {
    return until([&] { return wanted->synced() && told(key) == value; });
  }
};

TEST_F(WantedObjectsTest, OnlyWhatIsWantedIsReadAndFollowed) {
  put(kMine, "1");
  for (int n = 0; n < 300; ++n) put({"elsewhere", fmt::format("p{}", n)}, "1");
  wanted->want(kMine);
  wanted->start();
  ASSERT_TRUE(is(kMine, "1"));
  EXPECT_EQ(server.count_requests("GET", path(kMine)), 1u);
  EXPECT_EQ(server.count_requests("GET", "/api/v1/pods?limit=1"), 1u);
  for (int n = 0; n < 300; ++n) put({"elsewhere", fmt::format("p{}", n)}, "2");
  put(kMine, "2");
  ASSERT_TRUE(is(kMine, "2"));
  EXPECT_EQ(heard.states, 2) << "nothing of the others was told";
  EXPECT_EQ(server.requests.size(), 3u) << "the version, the object, the watch";
  EXPECT_THAT(heard.known_wants, ElementsAre(kMine));
}

TEST_F(WantedObjectsTest, WhatIsMadeLaterIsHeard) {
  wanted->start();
  wanted->want(kMine);
  ASSERT_TRUE(is(kMine, std::nullopt));
  put(kMine, "1");
  ASSERT_TRUE(is(kMine, "1"));
  server.remove(path(kMine));
  ASSERT_TRUE(is(kMine, std::nullopt));
  put(kMine, "again");
  ASSERT_TRUE(is(kMine, "again"));
  EXPECT_EQ(wanted->reads(), 1u);
}

TEST_F(WantedObjectsTest, WantsAreCounted) {
  put(kMine, "1");
  wanted->start();
  EXPECT_TRUE(wanted->want(kMine));
  EXPECT_FALSE(wanted->want(kMine));
  ASSERT_TRUE(is(kMine, "1"));
  EXPECT_FALSE(wanted->unwant(kMine));
  EXPECT_EQ(told(kMine), "1");
  EXPECT_TRUE(wanted->unwant(kMine));
  EXPECT_EQ(told(kMine), std::nullopt);
  put(kMine, "2");
  wanted->want(kOther);
  ASSERT_TRUE(is(kOther, std::nullopt));
  EXPECT_THAT(heard.objects, IsEmpty());
  EXPECT_EQ(wanted->wanted(), 1u);
}

TEST_F(WantedObjectsTest, ANamespaceIsListedAndFollowed) {
  put(kMine, "1");
  put({"a", "gone"}, "1");
  put(kOther, "1");
  wanted->want({"a", ""});
  wanted->start();
  ASSERT_TRUE(is(kMine, "1"));
  put({"a", "new"}, "1");
  server.remove(path({"a", "gone"}));
  ASSERT_TRUE(is({"a", "new"}, "1"));
  ASSERT_TRUE(is({"a", "gone"}, std::nullopt));
  EXPECT_EQ(told(kOther), std::nullopt);
  EXPECT_EQ(wanted->reads(), 1u);
  wanted->unwant({"a", ""});
  EXPECT_THAT(heard.objects, IsEmpty());
}

TEST_F(WantedObjectsTest, AfterLostHistoryItIsReadAgain) {
  put(kMine, "1");
  put({"a", "gone"}, "1");
  for (const ObjectKey& key : {kMine, ObjectKey{"a", "gone"}, kOther}) wanted->want(key);
  wanted->start();
  ASSERT_TRUE(is(kMine, "1"));
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  server.watch_budget = [] { return 0; };
  server.end_watches(false);
  ASSERT_TRUE(until([&] { return server.open_watches() == 0; }));
  put(kMine, "2");
  server.remove(path({"a", "gone"}));
  put(kOther, "new");
  server.compact();
  server.watch_budget = nullptr;
  ASSERT_TRUE(is(kMine, "2"));
  ASSERT_TRUE(is({"a", "gone"}, std::nullopt));
  ASSERT_TRUE(is(kOther, "new"));
  EXPECT_EQ(heard.beginnings, 2);
}

// FLD-8
TEST_F(WantedObjectsTest, AServerThatGoesBackIsBelieved) {
  put(kMine, "before");
  const auto backup = server.backup();
  put(kMine, "after");
  put(kOther, "after");
  wanted->want(kMine);
  wanted->want(kOther);
  wanted->start();
  ASSERT_TRUE(is(kMine, "after"));
  ASSERT_TRUE(is(kOther, "after"));
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  server.restore(backup);
  ASSERT_TRUE(is(kMine, "before"));
  ASSERT_TRUE(is(kOther, std::nullopt));
  put(kMine, "later");  // has a version that "after" had, or less
  ASSERT_TRUE(is(kMine, "later"));
}

TEST_F(WantedObjectsTest, WhatCannotBeReadIsTriedAgainAndHoldsTheContactBack) {
  put(kMine, "1");
  wanted->want(kMine);
  wanted->start();
  ASSERT_TRUE(is(kMine, "1"));
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  answer(kMine, 500);
  server.inject("garbage\n");  // the watch must begin anew
  const base::SteadyTime heard_before = wanted->last_contact();
  ASSERT_TRUE(until([&] { return wanted->last_error() && heard.beginnings == 2 && server.open_watches() == 1; }));
  EXPECT_EQ(told(kMine), "1") << "it stays as it was";
  EXPECT_LE(wanted->last_contact(), wanted->reflector().last_contact());
  EXPECT_GE(wanted->last_contact(), heard_before);
  server.bookmark();
  ASSERT_TRUE(until([&] { return wanted->reflector().last_contact() > wanted->last_contact(); }));
  server.intercept = nullptr;
  ASSERT_TRUE(until([&] { return wanted->last_contact() == wanted->reflector().last_contact(); }));
  EXPECT_FALSE(wanted->last_error());
}

TEST_F(WantedObjectsTest, AnAnswerAheadOfTheWatchIsNotTakenBack) {
  put(kMine, "1");
  wanted->start();
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  const std::int64_t old = server.version();
  put(kMine, "2");
  wanted->want(kMine);
  ASSERT_TRUE(is(kMine, "2"));
  const int told_states = heard.states;
  server.inject(event("MODIFIED", kMine, old) + event("DELETED", kMine, old));
  put(kOther, "1");
  wanted->want(kOther);
  ASSERT_TRUE(is(kOther, "1"));
  server.bookmark();
  ASSERT_TRUE(until([&] { return wanted->reflector().resource_version() == std::to_string(server.version()); }));
  EXPECT_EQ(told(kMine), "2");
  EXPECT_EQ(heard.states, told_states + 1);
}

// An answer that is no list says nothing of what there is.
TEST_F(WantedObjectsTest, AnAnswerWithoutItemsIsNoEmptyNamespace) {
  put(kMine, "one");
  this->server.intercept = [](const net::Request& request) -> std::optional<net::Response> {
    if (!request.target.starts_with("/api/v1/namespaces/a/pods?")) return std::nullopt;
    net::Response response;
    response.status = 200;
    response.body = R"({"kind":"PodList","metadata":{"resourceVersion":"1"}})";
    return response;
  };
  wanted->start();
  const ObjectKey all_of_a{"a", {}};
  wanted->want(all_of_a);
  ASSERT_TRUE(until([&] { return heard.unreadable_wants.contains(all_of_a); }));
  EXPECT_FALSE(heard.known_wants.contains(all_of_a));
  this->server.intercept = nullptr;
  EXPECT_TRUE(is(kMine, "one"));
}

// What is refused for good keeps nobody waiting, and no other from being read.
TEST_F(WantedObjectsTest, WhatIsRefusedIsUnreadableAndHoldsNothingUp) {
  for (const int status : {400, 403, 431}) {
    put(kMine, "1");
    put(kOther, "1");
    options.readers = 1;
    options.backoff = {.initial = std::chrono::hours(1), .limit = std::chrono::hours(1)};
    make_anew();
    heard = {};
    answer(kMine, status);
    wanted->want(kMine);
    wanted->want(kOther);
    wanted->start();
    ASSERT_TRUE(is(kOther, "1"));
    EXPECT_THAT(heard.unreadable_wants, ElementsAre(kMine));
    EXPECT_TRUE(wanted->last_error());
    ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
    end_faults();
    await(wanted->stop());
    server.end_watches(false);
    ASSERT_TRUE(until([&] { return server.open_watches() == 0; }));
  }
}

TEST_F(WantedObjectsTest, WhatBecomesUnreadableIsSaidAndKnownAgain) {
  put(kMine, "1");
  put(kOther, "1");
  wanted->want(kMine);
  wanted->want(kOther);
  wanted->start();
  ASSERT_TRUE(is(kMine, "1"));
  ASSERT_TRUE(is(kOther, "1"));
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  answer(kMine, 403);
  server.inject("garbage\n");
  ASSERT_TRUE(until([&] {
    return heard.beginnings == 2 && !heard.unreadable_wants.empty() &&
           wanted->last_contact() == wanted->reflector().last_contact();
  }));
  EXPECT_THAT(heard.unreadable_wants, ElementsAre(kMine));
  EXPECT_THAT(heard.known_wants, ElementsAre(kOther));
  end_faults();
  ASSERT_TRUE(until([&] { return heard.unreadable_wants.empty(); }));
  EXPECT_THAT(heard.known_wants, ElementsAre(kMine, kOther));
  EXPECT_FALSE(wanted->last_error());
}

TEST_F(WantedObjectsTest, WhatFailsIsUnreadableOnceTheServerWasHeardForLongEnough) {
  put(kMine, "1");
  options.patience = std::chrono::seconds(0);
  make_anew();
  answer(kMine, 500);
  wanted->want(kMine);
  wanted->start();
  ASSERT_TRUE(until([&] {
    if (server.open_watches() == 1) server.bookmark();
    return wanted->synced();
  }));
  EXPECT_THAT(heard.unreadable_wants, ElementsAre(kMine));
  end_faults();
  ASSERT_TRUE(is(kMine, "1"));
}

TEST_F(WantedObjectsTest, WhatFailsHoldsNoReader) {
  options.readers = 1;
  options.backoff = {.initial = std::chrono::hours(1), .limit = std::chrono::hours(1)};
  make_anew();
  put(kOther, "1");
  answer(kMine, 500);
  wanted->want(kMine);
  wanted->want(kOther);
  wanted->start();
  ASSERT_TRUE(until([&] { return told(kOther) == "1"; }));
  EXPECT_FALSE(wanted->synced()) << "it may come yet";
}

TEST_F(WantedObjectsTest, AWatchBehindAReadBringsNothingBack) {
  const ObjectKey gone{"a", "gone"};
  put(gone, "old");
  put(kOther, "old");
  wanted->start();
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  const std::int64_t old = server.version();
  server.remove(path(gone));
  server.remove(path(kOther));
  wanted->want({"a", ""});
  wanted->want(kOther);
  ASSERT_TRUE(until([&] { return wanted->synced(); }));
  server.inject(event("MODIFIED", gone, old) + event("MODIFIED", kOther, old));
  put(kMine, "1");
  ASSERT_TRUE(is(kMine, "1"));
  EXPECT_EQ(told(gone), std::nullopt);
  EXPECT_EQ(told(kOther), std::nullopt);
  EXPECT_EQ(heard.states, 1);
  put(kOther, "again");
  ASSERT_TRUE(is(kOther, "again"));
}

class WantedObjectsLaterTest : public WantedObjectsFixture<test::FakeClock> {};

// A read that waits to be tried again, and a watch that begins anew meanwhile.
TEST_F(WantedObjectsLaterTest, OneReadAtATime) {
  put(kMine, "1");
  answer(kMine, 500);
  wanted->want(kMine);
  wanted->start();
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  ASSERT_TRUE(until([&] {
    clock.advance(std::chrono::milliseconds(20));
    return server.count_requests("GET", path(kMine)) >= 8;
  })) << "its pause is longer now than the watch's";
  server.inject("garbage\n");
  ASSERT_TRUE(until([&] { return wanted->reflector().last_error().has_value(); }));
  std::set<std::size_t> held;
  server.intercept = nullptr;
  server.hold = [&](const net::Request& request, std::size_t place) {
    if (request.target == path(kMine)) held.insert(place);
    return request.target == path(kMine) && place == *held.rbegin();
  };
  clock.advance(std::chrono::milliseconds(1));
  ASSERT_TRUE(until([&] { return heard.beginnings == 2 && server.open_watches() == 1 && held.size() == 1; }));
  clock.advance(std::chrono::milliseconds(20));
  put(kOther, "1");
  ASSERT_TRUE(until([&] { return wanted->reflector().resource_version() == std::to_string(server.version()); }));
  server.remove(path(kMine));
  ASSERT_TRUE(until([&] { return wanted->reflector().resource_version() == std::to_string(server.version()); }));
  EXPECT_EQ(held.size(), 1u);
  end_faults();
  ASSERT_TRUE(until([&] { return wanted->synced(); }));
  put(kOther, "2");
  ASSERT_TRUE(until([&] { return wanted->reflector().resource_version() == std::to_string(server.version()); }));
  EXPECT_EQ(told(kMine), std::nullopt);
}

// Whatever the API server and the network do, what is wanted ends up equal to the server, and nothing else is there.
class WantedObjectsPropertyTest : public WantedObjectsFixture<test::InstantClock>,
                                  public ::testing::WithParamInterface<int> {
 protected:
  ObjectKey any_key() { return {fmt::format("ns{}", dice.below(3)), fmt::format("p{}", dice.below(3))}; }
  // Single objects of two namespaces, all of the third.
  ObjectKey any_want() {
    ObjectKey key = any_key();
    if (key.ns == "ns2") key.name.clear();
    return key;
  }
  void happen() {
    const ObjectKey key = any_key();
    const ObjectKey want = any_want();
    switch (dice.below(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return put(key, std::to_string(next_value++));
      case 4:
      case 5:
        if (server.find(path(key)) != nullptr) server.remove(path(key));
        return;
      case 6:
        return server.bookmark();
      case 7:
        return server.end_watches(dice.below(2) == 0);
      case 8:
        return server.compact();
      case 9:
        if (dice.below(4) == 0) server.inject("garbage\n");
        return;
      case 10:
        if (dice.below(3) != 0) return;
        if (!backup || dice.below(2) == 0) {
          backup = server.backup();
        } else {
          go_back();
        }
        return;
      case 11:
      case 12:
        if (wanted->want(want)) heard.forget(want);
        ++counts[want];
        return;
      default:
        if (counts[want] == 0) return;
        if (--counts[want] == 0) {
          EXPECT_TRUE(wanted->unwant(want));
          heard.forget(want);
        } else {
          EXPECT_FALSE(wanted->unwant(want));
        }
    }
  }
  // A client that hears of it only when the versions have passed those of before cannot know.
  void go_back() {
    const auto faults = std::exchange(server.intercept, nullptr);
    const auto held = std::exchange(server.hold, nullptr);
    const auto budget = std::exchange(server.watch_budget, nullptr);
    const std::uint64_t watches = wanted->reflector().statistics().watches;
    server.restore(*backup);
    EXPECT_TRUE(until([&] { return wanted->reflector().statistics().watches > watches; }));
    server.intercept = faults;
    server.hold = held;
    server.watch_budget = budget;
  }
  bool is_wanted(const ObjectKey& key) { return counts[key] > 0 || counts[{key.ns, ""}] > 0; }
  bool equals_the_server() {
    for (int ns = 0; ns < 3; ++ns) {
      for (int p = 0; p < 3; ++p) {
        const ObjectKey key{fmt::format("ns{}", ns), fmt::format("p{}", p)};
        if (told(key) != (is_wanted(key) ? at_server(key) : std::nullopt)) return false;
      }
    }
    return true;
  }

  test::SeededRandom dice{static_cast<std::uint64_t>(GetParam())};
  std::map<ObjectKey, int> counts;
  std::optional<test::ModelServer::Backup> backup;
  int next_value = 0;
};

TEST_P(WantedObjectsPropertyTest, WhatIsWantedEqualsTheServerInTheEnd) {
  server.watch_budget = [this]() -> std::size_t { return dice.below(2) == 0 ? dice.below(900) : std::string::npos; };
  server.piece_bytes = 1 + dice.below(300);
  server.intercept = [this](const net::Request&) -> std::optional<net::Response> {
    if (dice.below(10) != 0) return std::nullopt;
    net::Response response;
    response.status = std::array{0, 500, 403, 400}.at(dice.below(4));
    return response;
  };
  server.hold = [this](const net::Request&, std::size_t) { return dice.below(8) != 0; };
  wanted->start();
  for (int step = 0; step < 600; ++step) {
    happen();
    io.restart();
    for (std::size_t handlers = dice.below(60); handlers > 0; --handlers) io.poll_one();
    for (const auto& [key, value] : heard.objects) EXPECT_TRUE(is_wanted(key)) << key.to_string();
  }
  end_faults();
  EXPECT_TRUE(until([&] { return wanted->synced() && equals_the_server(); }));
  EXPECT_GT(wanted->reads(), 10u) << "the history was too tame";
}

INSTANTIATE_TEST_SUITE_P(Seeds, WantedObjectsPropertyTest, ::testing::Range(1, 21));

}  // namespace
}  // namespace podid::kube
