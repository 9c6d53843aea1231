// SPDX-License-Identifier: Apache-2.0
#include "kube/informer.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/asio/detached.hpp>

#include "kube/kube_fixture.hpp"
#include "kube/thing.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;
using test::Thing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kPath = "/api/v1/namespaces/a/pods/";

class InformerTest : public test::KubeFixture<base::RealClock> {
 protected:
  InformerTest() {
    handlers_.on_added = [this](const auto& now) { seen.push_back("+" + now->key.name + "=" + now->value); };
    handlers_.on_updated = [this](const auto& before, const auto& now) {
      seen.push_back(fmt::format("~{}={}>{}", now->key.name, before->value, now->value));
    };
    handlers_.on_deleted = [this](const auto& last) { seen.push_back("-" + last->key.name + "=" + last->value); };
    handlers_.on_synced = [this] { seen.push_back("synced"); };
    handlers_.on_invalid = [this](const ObjectKey& key, const base::Error& error) {
      seen.push_back("!" + key.name + ": " + error.message);
    };
    options.type = kPods;
    options.backoff = {.initial = std::chrono::milliseconds(1), .limit = std::chrono::milliseconds(20)};
  }
  ~InformerTest() override {
    end_faults();
    if (informer) await(informer->stop());
  }

  void start() {
    informer = std::make_unique<Informer<Thing>>(*client, options, test::read_thing, handlers_);
    informer->start();
  }
  void start_and_sync() {
    start();
    ASSERT_TRUE(until([&] { return informer->synced() && server.open_watches() == 1; }));
    seen.clear();
  }
  void put(const std::string& name, const json::value& value) {
    server.put(kPath + name, {{"spec", {{"value", value}}}});
  }
  void remove(const std::string& name) { server.remove(kPath + name); }
  // Whether the store has these, as "name=value".
  bool store_is(const std::vector<std::string>& expected) const {
    std::vector<std::string> have;
    informer->for_each([&](const auto& thing) { have.push_back(thing->key.name + "=" + thing->value); });
    return have == expected;
  }
  const ReflectorStatistics& statistics() const { return informer->reflector().statistics(); }
  std::vector<std::string> list_targets() const {
    std::vector<std::string> targets;
    for (const net::Request& request : server.requests) {
      if (!request.target.contains("watch=true")) targets.push_back(request.target);
    }
    return targets;
  }

  ReflectorOptions options;
  std::vector<std::string> seen;
  std::unique_ptr<Informer<Thing>> informer;

 private:
  InformerHandlers<Thing> handlers_;
};

TEST_F(InformerTest, ListsThenFollowsChanges) {
  put("x", "1");
  put("y", "1");
  start();
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  EXPECT_THAT(seen, ElementsAre("+x=1", "+y=1", "synced"));
  put("x", "2");
  put("z", "1");
  remove("y");
  ASSERT_TRUE(until([&] { return store_is({"x=2", "z=1"}); }));
  EXPECT_THAT(seen, ElementsAre("+x=1", "+y=1", "synced", "~x=1>2", "+z=1", "-y=1"));
  EXPECT_EQ(informer->find("a", "x")->value, "2");
  EXPECT_EQ(informer->find("a", "y"), nullptr);
  EXPECT_EQ(informer->size(), 2u);
  EXPECT_FALSE(informer->reflector().last_error());
}

TEST_F(InformerTest, ListsInPagesAndOnlyTheWholeListCounts) {
  for (int i = 0; i < 5; ++i) put(fmt::format("p{}", i), "1");
  options.page_size = 2;
  int pages = 0;
  server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
    // The second page of the first attempt expires; nothing may have been delivered by then.
    if (request.target.contains("continue=") && ++pages == 1) server.compact();
    if (pages == 1) EXPECT_THAT(seen, IsEmpty());
    return std::nullopt;
  };
  start();
  ASSERT_TRUE(until([&] { return informer->synced(); }));
  EXPECT_THAT(seen, ElementsAre("+p0=1", "+p1=1", "+p2=1", "+p3=1", "+p4=1", "synced"));
  EXPECT_EQ(statistics().expired_versions, 1u);
}

// SEC-7: whoever may write objects must not decide how much memory a list takes.
TEST_F(InformerTest, PagesFollowTheBytes) {
  const auto limits = [this] {
    std::vector<std::string> limits;
    for (const std::string& target : list_targets()) {
      const std::string rest = target.substr(target.find("limit=") + 6);
      limits.push_back(rest.substr(0, rest.find('&')));
    }
    return limits;
  };
  for (int i = 0; i < 160; ++i) put(fmt::format("p{:03}", i), "small");
  start();
  ASSERT_TRUE(until([&] { return informer->synced(); }));
  EXPECT_THAT(limits(), ElementsAre("50", "100", "200"));
  await(informer->stop());
  server.requests.clear();
  for (int i = 0; i < 160; ++i) put(fmt::format("p{:03}", i), json::string(200 * 1024, 'x'));
  start();
  ASSERT_TRUE(until([&] { return informer->synced(); }));
  EXPECT_EQ(informer->size(), 160u);
  ASSERT_GT(limits().size(), 5u);
  EXPECT_EQ(limits()[0], "50");
  EXPECT_EQ(limits()[1], "25") << "10 MiB are too much for one answer";
  for (std::size_t i = 2; i < limits().size(); ++i) EXPECT_EQ(limits()[i], "20");
}

TEST_F(InformerTest, APageThatIsTooLargeIsAskedForInSmallerOnes) {
  for (int i = 0; i < 40; ++i) put(fmt::format("p{:02}", i), json::string(1000 * 1024, 'x'));
  start();
  ASSERT_TRUE(until([&] { return informer->synced(); }));
  EXPECT_EQ(informer->size(), 40u);
  EXPECT_EQ(statistics().failures, 0u) << "no wait, and nothing is read twice";
}

TEST_F(InformerTest, AnObjectThatNoAnswerCanHoldIsNamedByItsType) {
  put("huge", json::string(std::size_t{9} << 20, 'x'));
  for (int i = 0; i < 3; ++i) put(fmt::format("p{}", i), "small");
  start();
  ASSERT_TRUE(until([&] { return statistics().failures > 0; }));
  ASSERT_TRUE(informer->reflector().last_error());
  EXPECT_THAT(informer->reflector().last_error()->message,
              ::testing::AllOf(::testing::StartsWith("one of the pods: "),
                               ::testing::HasSubstr("is larger than 8388608 bytes")));
}

TEST_F(InformerTest, WithoutPagesTheFirstListTakesWhatTheServerHas) {
  options.page_size = 0;
  options.ns = "a";
  options.field_selector = "spec.nodeName=n";
  start_and_sync();
  EXPECT_EQ(list_targets().front(), "/api/v1/namespaces/a/pods?fieldSelector=spec.nodeName%3Dn&resourceVersion=0");
}

TEST_F(InformerTest, WatchBeginsAtTheListAndAsksForBookmarks) {
  put("x", "1");
  start_and_sync();
  EXPECT_TRUE(server.requests.back().target.starts_with(fmt::format(
      "/api/v1/pods?watch=true&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds=", server.version())))
      << server.requests.back().target;
}

TEST_F(InformerTest, ResumesWhereTheWatchBroke) {
  put("x", "1");
  for (const bool regularly : {true, false}) {
    start_and_sync();
    put("x", "2");
    ASSERT_TRUE(until([&] { return store_is({"x=2"}); }));
    server.end_watches(regularly);
    put("x", "3");
    remove("x");
    put("x", "1");
    ASSERT_TRUE(until([&] { return store_is({"x=1"}); }));
    EXPECT_THAT(seen, ElementsAre("~x=1>2", "~x=2>3", "-x=3", "+x=1"));
    EXPECT_EQ(statistics().lists, 1u);
    await(informer->stop());
  }
}

TEST_F(InformerTest, NothingIsLostWhereverTheConnectionBreaks) {
  put("x", "0");
  std::size_t budget = 0;
  server.watch_budget = [&] { return budget += 7; };  // every watch gets a little further
  start();
  ASSERT_TRUE(until([&] { return informer->synced(); }));
  for (int i = 1; i <= 5; ++i) put("x", json::value(std::to_string(i)));
  ASSERT_TRUE(until([&] { return store_is({"x=5"}); }));
  EXPECT_THAT(seen, ElementsAre("+x=0", "synced", "~x=0>1", "~x=1>2", "~x=2>3", "~x=3>4", "~x=4>5"));
  EXPECT_GT(statistics().watches, 5u);
}

TEST_F(InformerTest, SlowPiecesMakeNoDifference) {
  server.piece_bytes = 1;
  start_and_sync();
  put("x", "1");
  put("x", "2");
  ASSERT_TRUE(until([&] { return store_is({"x=2"}); }));
  EXPECT_THAT(seen, ElementsAre("+x=1", "~x=1>2"));
}

TEST_F(InformerTest, ExpiredVersionIsListedAgain) {
  put("kept", "1");
  put("changed", "1");
  put("deleted", "1");
  put("replaced", "1");
  start_and_sync();
  // The watch ends, and while nobody watches history is lost.
  server.watch_budget = [] { return 0; };
  server.end_watches(false);
  ASSERT_TRUE(until([&] { return server.open_watches() == 0; }));
  put("changed", "2");
  remove("deleted");
  remove("replaced");
  put("replaced", "new");
  put("added", "1");
  server.compact();
  server.watch_budget = nullptr;
  ASSERT_TRUE(until([&] { return store_is({"added=1", "changed=2", "kept=1", "replaced=new"}); }));
  EXPECT_THAT(seen, ElementsAre("-deleted=1", "+added=1", "~changed=1>2", "-replaced=1", "+replaced=new"));
  EXPECT_EQ(statistics().lists, 2u);
  EXPECT_FALSE(list_targets().back().contains("resourceVersion"));  // the newest, whatever it is
}

// FLD-8: a watch from a version of the future would hear nothing.
TEST_F(InformerTest, AServerThatGoesBackIsListedAgain) {
  put("x", "before");
  const auto backup = server.backup();
  put("y", "1");
  put("x", "after");
  start_and_sync();
  server.restore(backup);
  ASSERT_TRUE(until([&] { return store_is({"x=before"}); }));
  EXPECT_EQ(statistics().lists, 2u);
  EXPECT_EQ(statistics().expired_versions, 1u);
  put("x", "later");
  ASSERT_TRUE(until([&] { return store_is({"x=later"}); }));
}

// What has a version of before may be another state.
TEST_F(InformerTest, AVersionThatIsGivenTwiceIsTwoStates) {
  put("x", "before");
  const auto backup = server.backup();
  put("x", "lost");
  put("y", "1");
  start_and_sync();
  server.watch_budget = [] { return 0; };
  server.restore(backup);
  put("x", "other");
  server.watch_budget = nullptr;
  ASSERT_TRUE(until([&] { return store_is({"x=other"}); }));
}

TEST_F(InformerTest, BookmarksSaveAList) {
  put("x", "1");
  start_and_sync();
  for (int i = 0; i < 3; ++i)
    server.put(fmt::format("/api/v1/nodes/n{}", i), {});  // changes that this watch does not see
  server.bookmark();
  ASSERT_TRUE(until([&] { return informer->reflector().resource_version() == std::to_string(server.version()); }));
  server.compact();
  server.end_watches(false);
  ASSERT_TRUE(until([&] { return statistics().watches == 2 && server.open_watches() == 1; }));
  put("x", "2");
  ASSERT_TRUE(until([&] { return store_is({"x=2"}); }));
  EXPECT_EQ(statistics().lists, 1u);
  EXPECT_EQ(statistics().watch_events, 1u);
}

TEST_F(InformerTest, GarbageInTheWatchIsWalkedAround) {
  put("x", "1");
  start_and_sync();
  server.inject("this is not an event\n");
  ASSERT_TRUE(until([&] { return statistics().lists == 2; }));
  EXPECT_TRUE(list_targets().back().ends_with("resourceVersionMatch=NotOlderThan")) << list_targets().back();
  put("x", "2");
  ASSERT_TRUE(until([&] { return store_is({"x=2"}); }));
  EXPECT_THAT(seen, ElementsAre("~x=1>2"));
}

TEST_F(InformerTest, KeepsTryingWhileTheServerRefuses) {
  put("x", "1");
  int refusals = 3;
  server.intercept = [&](const net::Request&) -> std::optional<net::Response> {
    if (refusals-- <= 0) return std::nullopt;
    net::Response response;
    response.status = refusals == 2 ? 500 : refusals == 1 ? 0 : 403;
    return response;
  };
  start();
  ASSERT_TRUE(until([&] { return informer->reflector().last_error().has_value(); }));
  EXPECT_FALSE(informer->synced());
  EXPECT_EQ(informer->reflector().last_contact(), base::SteadyTime{});
  ASSERT_TRUE(until([&] { return informer->synced(); }));
  EXPECT_EQ(statistics().failures, 3u);
  EXPECT_FALSE(informer->reflector().last_error());
  EXPECT_NE(informer->reflector().last_contact(), base::SteadyTime{});
}

TEST_F(InformerTest, RefusedWatchIsTriedAgainWithoutAList) {
  put("x", "1");
  int refusals = 2;
  server.intercept = [&](const net::Request& request) -> std::optional<net::Response> {
    if (!request.target.contains("watch=true") || refusals-- <= 0) return std::nullopt;
    net::Response response;
    response.status = 429;
    return response;
  };
  start();
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  EXPECT_EQ(statistics().lists, 1u);
  EXPECT_EQ(statistics().failures, 2u);
}

TEST_F(InformerTest, SilentWatchIsOpenedAnew) {
  options.silence_limit = std::chrono::seconds(0);
  put("x", "1");
  start();
  ASSERT_TRUE(until([&] { return statistics().watches >= 2; }));
  EXPECT_EQ(statistics().lists, 1u);
}

TEST_F(InformerTest, ObjectThatCannotBeReadIsReportedAndTheOthersGoOn) {
  put("bad", 5);
  put("good", "1");
  start();
  ASSERT_TRUE(until([&] { return server.open_watches() == 1; }));
  EXPECT_THAT(seen, ElementsAre("!bad: spec.value must be a string", "+good=1", "synced"));
  EXPECT_EQ(informer->invalid_objects(), 1u);
  seen.clear();
  put("good", 6);  // what cannot be read any more is not acted upon any more
  put("bad", "2");
  ASSERT_TRUE(until([&] { return store_is({"bad=2"}); }));
  EXPECT_THAT(seen, ElementsAre("-good=1", "!good: spec.value must be a string", "+bad=2"));
  seen.clear();
  server.compact();
  server.inject("garbage\n");  // a list: nothing has changed, nothing is reported
  ASSERT_TRUE(until([&] { return statistics().lists == 2; }));
  remove("good");
  ASSERT_TRUE(until([&] { return informer->invalid_objects() == 0; }));
  EXPECT_THAT(seen, IsEmpty());
}

TEST_F(InformerTest, IndexFollowsTheStore) {
  put("x", "red");
  put("y", "red");
  informer = std::make_unique<Informer<Thing>>(*client, options, test::read_thing);
  const Index<Thing>& by_value =
      informer->add_index([](const Thing& thing) { return std::vector<std::string>{thing.value}; });
  informer->start();
  ASSERT_TRUE(until([&] { return informer->synced(); }));
  EXPECT_EQ(by_value.find("red").size(), 2u);
  put("x", "blue");
  remove("y");
  ASSERT_TRUE(until([&] { return store_is({"x=blue"}); }));
  EXPECT_TRUE(by_value.find("red").empty());
  ASSERT_EQ(by_value.find("blue").size(), 1u);
  EXPECT_EQ(by_value.find("blue").front(), informer->find("a", "x"));
}

TEST_F(InformerTest, StopsInEveryState) {
  start();
  await(informer->stop());  // before the first request is answered
  start_and_sync();
  await(informer->stop());  // while it watches
  server.intercept = [](const net::Request&) {
    net::Response response;
    response.status = 500;
    return response;
  };
  options.backoff = {.initial = std::chrono::hours(1), .limit = std::chrono::hours(1)};
  start();
  ASSERT_TRUE(until([&] { return statistics().failures == 1; }));
  await(informer->stop());  // while it waits
}

}  // namespace
}  // namespace podid::kube
