// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_cache.hpp"

#include <gtest/gtest.h>

#include "nmi/fake_token_source.hpp"
#include "support/fake_clock.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"

namespace podid::nmi {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class TokenCacheTest : public ::testing::Test {
 protected:
  TokenCacheTest() { make({}); }
  ~TokenCacheTest() override {
    source.open();
    test::run_task(io, cache->stop());
  }
  void make(TokenCacheOptions options) {
    if (cache) test::run_task(io, cache->stop());
    cache = std::make_unique<TokenCache>(io.get_executor(), options, source, clock, random, metrics);
  }

  static TokenWant want(const std::string& resource = "r", const std::string& client = "c") {
    TokenWant want;
    want.request.credential = std::make_shared<const Credential>(
        node_credential(Credential::For::excepted, core::ClientIdView(client), {}, {}));
    want.request.resource = resource;
    want.pod = "pod";
    return want;
  }
  // The outcome is there when what is ready has run.
  std::shared_ptr<std::optional<TokenResult>> ask(TokenWant wanted) {
    auto result = std::make_shared<std::optional<TokenResult>>();
    cache->get(std::move(wanted), [result](const TokenResult& got) { *result = got; });
    settle();
    return result;
  }
  void settle() {
    io.restart();
    io.poll();
  }
  std::string token_of(const std::shared_ptr<std::optional<TokenResult>>& result) {
    if (!*result) return "(waits)";
    if (!(*result)->token) return "(" + (*result)->error.message + ")";
    std::string text;
    (*result)->token->text.append_answer(text, clock.wall_now());
    return text.substr(17, text.find('"', 17) - 17);
  }
  void refuse(int status, base::ErrorKind kind, const std::string& message) {
    source.answer = [=](const TokenRequest&) -> test::FakeTokenSource::Answer {
      base::Error error;
      error.kind = kind;
      error.message = message;
      error.http_status = status;
      return std::unexpected(error);
    };
  }
  void recover() {
    source.answer = [this](const TokenRequest& request) { return source.token_for(request); };
  }

  base::asio::io_context io;
  test::FakeClock clock;
  base::MetricsRegistry metrics;
  test::SeededRandom random;
  test::FakeTokenSource source{io.get_executor(), clock};
  std::unique_ptr<TokenCache> cache;
};

TEST_F(TokenCacheTest, OneFetchPerKeyHoweverManyAsk) {
  source.closed = true;
  const auto first = ask(want());
  const auto second = ask(want());
  const auto other = ask(want("r2"));
  EXPECT_EQ(token_of(first), "(waits)");
  EXPECT_EQ(source.requests.size(), 2u);
  source.open();
  settle();
  EXPECT_EQ(token_of(first), token_of(second));
  EXPECT_NE(token_of(other), "(waits)");
  EXPECT_EQ(token_of(ask(want())), token_of(first));
  EXPECT_EQ(source.requests.size(), 2u);
  EXPECT_EQ(static_cast<int>(ask(want())->value().origin), static_cast<int>(TokenOrigin::cached));
}

TEST_F(TokenCacheTest, RefreshesAheadWhileTheOldTokenServes) {
  make({.max_age = seconds(0)});
  const std::string first = token_of(ask(want()));
  clock.advance(seconds(43'199));
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 1u) << "before half its life";
  clock.advance(seconds(1));
  source.closed = true;
  EXPECT_EQ(token_of(ask(want())), first) << "nobody waits for a refresh";
  EXPECT_EQ(source.requests.size(), 2u);
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 2u) << "one refresh in flight";
  source.open();
  settle();
  EXPECT_NE(token_of(ask(want())), first);
}

TEST_F(TokenCacheTest, EndpointsSayWhenToRefresh) {
  make({.max_age = seconds(0)});
  source.answer = [this](const TokenRequest& request) {
    auto tokens = source.token_for(request);
    tokens->front().refresh_in = 100;
    return tokens;
  };
  ask(want());
  clock.advance(seconds(99));
  ask(want());
  EXPECT_EQ(source.requests.size(), 1u);
  clock.advance(seconds(1));
  ask(want());
  EXPECT_EQ(source.requests.size(), 2u);
}

TEST_F(TokenCacheTest, PermissionChangesShowWithinTheMaximumAge) {
  make({.max_age = minutes(60)});
  const std::string first = token_of(ask(want()));
  clock.advance(minutes(44));
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 1u);
  // Long unused: nobody refreshed it, so whoever asks now waits for a new one.
  clock.advance(minutes(16));
  EXPECT_NE(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 2u);
}

TEST_F(TokenCacheTest, ARefusalEndsWhatWasGrantedBefore) {
  ask(want());
  refuse(400, base::ErrorKind::invalid, "no such identity");
  clock.advance(minutes(61));
  EXPECT_EQ(token_of(ask(want())), "(no such identity)");
  recover();
  EXPECT_EQ(token_of(ask(want())), "(no such identity)") << "remembered for a moment";
  EXPECT_EQ(source.requests.size(), 2u);
  clock.advance(kRefusalMemory);
  EXPECT_EQ(token_of(ask(want())), "token-3");
}

TEST_F(TokenCacheTest, OutagesAreSurvivedWhileTheTokenIsValid) {
  source.lifetime = 7200;
  const std::string first = token_of(ask(want()));
  refuse(0, base::ErrorKind::unavailable, "connection refused");
  clock.advance(minutes(61));
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 2u);
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 2u) << "the endpoint is left alone for a while";
  clock.advance(kRefreshPauses.initial);
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 3u);
  clock.advance(minutes(59));
  EXPECT_EQ(token_of(ask(want())), "(connection refused)") << "expired";
}

TEST_F(TokenCacheTest, InAnOutageNobodyWaitsForTheNextTry) {
  const std::string first = token_of(ask(want()));
  refuse(0, base::ErrorKind::unavailable, "connection refused");
  clock.advance(minutes(61));
  EXPECT_EQ(token_of(ask(want())), first);
  source.closed = true;  // the endpoint hangs from now on
  const auto tries = [this] { return source.requests.size(); };
  clock.advance(kRefreshPauses.initial);
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(tries(), 3u);
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(tries(), 3u) << "one try at a time";
  source.open();
  settle();
  // The pauses grow, up to their limit.
  clock.advance(kRefreshPauses.initial / 2);
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(tries(), 3u);
  for (std::size_t i = 4; i < 10; ++i) {
    clock.advance(kRefreshPauses.limit);
    EXPECT_EQ(token_of(ask(want())), first);
    EXPECT_EQ(tries(), i);
  }
  recover();
  clock.advance(kRefreshPauses.limit);
  EXPECT_EQ(token_of(ask(want())), first) << "fetched behind its back";
  EXPECT_EQ(token_of(ask(want())), "token-10");
}

TEST_F(TokenCacheTest, AnOldOutageDoesNotExcuseAnOldToken) {
  const std::string first = token_of(ask(want()));
  refuse(0, base::ErrorKind::unavailable, "connection refused");
  clock.advance(minutes(46));
  EXPECT_EQ(token_of(ask(want())), first);
  settle();
  recover();
  clock.advance(minutes(60));
  EXPECT_NE(token_of(ask(want())), first);
}

TEST_F(TokenCacheTest, TheEndpointSaysHowLongAnOutageIs) {
  const std::string first = token_of(ask(want()));
  source.answer = [](const TokenRequest&) -> test::FakeTokenSource::Answer {
    base::Error error;
    error.kind = base::ErrorKind::throttled;
    error.retry_after = seconds(45);
    return std::unexpected(error);
  };
  clock.advance(minutes(61));
  EXPECT_EQ(token_of(ask(want())), first);
  clock.advance(seconds(44));
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 2u);
  clock.advance(seconds(1));
  EXPECT_EQ(token_of(ask(want())), first);
  EXPECT_EQ(source.requests.size(), 3u);
}

TEST_F(TokenCacheTest, AnEvictedTokenComesBackFromWhoeverHoldsIt) {
  make({.max_entries = 1, .pod_rate = 0});
  TokenWant holder = want();
  holder.known = ask(want())->value().token;
  ask(want("another"));
  EXPECT_EQ(ask(holder)->value().token, holder.known);
  EXPECT_EQ(source.requests.size(), 2u);
  ask(want("another"));
  refuse(0, base::ErrorKind::unavailable, "connection refused");
  clock.advance(minutes(61));
  EXPECT_EQ(ask(holder)->value().token, holder.known) << "in an outage, too";
  // A refusal ends it like any other.
  refuse(400, base::ErrorKind::invalid, "no such identity");
  clock.advance(kOutageMemory + kRefreshPauses.limit);
  EXPECT_EQ(token_of(ask(holder)), "(no such identity)");
  EXPECT_TRUE(holder.known->superseded());
  recover();
  clock.advance(kRefusalMemory);
  EXPECT_NE(ask(holder)->value().token, holder.known) << "and it does not come back";
}

// Status 0: not an endpoint's answer, but the API server's about a Secret, or our own finding about what is in it.
TEST_F(TokenCacheTest, DefiniteAnswersEndATokenAndOutagesDoNot) {
  using base::ErrorKind;
  struct Case {
    int status;
    ErrorKind kind;
    bool ends;
  };
  for (const auto& [status, kind, ends] : {Case{0, ErrorKind::not_found, true},
                                           {0, ErrorKind::denied, true},
                                           {0, ErrorKind::invalid, true},
                                           {0, ErrorKind::unsupported, true},
                                           {400, ErrorKind::invalid, true},
                                           {401, ErrorKind::unauthenticated, true},
                                           {403, ErrorKind::denied, true},
                                           {0, ErrorKind::unavailable, false},
                                           {0, ErrorKind::timeout, false},
                                           {0, ErrorKind::throttled, false},
                                           {0, ErrorKind::unauthenticated, false},
                                           {200, ErrorKind::invalid, false},    // an answer that nobody can read
                                           {302, ErrorKind::internal, false},   // a proxy's
                                           {404, ErrorKind::not_found, false},  // the node's endpoint starts
                                           {410, ErrorKind::gone, false},       // and is updated
                                           {429, ErrorKind::throttled, false},
                                           {501, ErrorKind::unsupported, false},
                                           {503, ErrorKind::unavailable, false}}) {
    make({});
    recover();
    const std::string first = token_of(ask(want()));
    refuse(status, kind, "no");
    clock.advance(minutes(61));
    EXPECT_EQ(token_of(ask(want())), ends ? "(no)" : first) << status << " " << base::to_string(kind);
  }
}

TEST_F(TokenCacheTest, ShortTokensServeForHalfTheirLife) {
  source.lifetime = 240;
  const std::string first = token_of(ask(want()));
  clock.advance(seconds(119));
  EXPECT_EQ(token_of(ask(want())), first);
  clock.advance(seconds(1));
  EXPECT_NE(token_of(ask(want())), first);
}

TEST_F(TokenCacheTest, TokensWithFiveMinutesLeftAreReplaced) {
  make({.max_age = seconds(0)});
  source.lifetime = 3600;
  const std::string first = token_of(ask(want()));
  clock.advance(minutes(55));
  EXPECT_NE(token_of(ask(want())), first);
}

TEST_F(TokenCacheTest, ChallengesGoThroughAndServeEverybodyAfterwards) {
  const std::string first = token_of(ask(want()));
  TokenWant challenge = want();
  challenge.new_token = true;
  challenge.request.extra = {{"claims", "{}"}};
  const std::string second = token_of(ask(challenge));
  EXPECT_NE(second, first);
  ASSERT_EQ(source.requests.size(), 2u);
  EXPECT_EQ(source.requests[1].extra.size(), 1u);
  EXPECT_EQ(token_of(ask(want())), second);
  EXPECT_NE(token_of(ask(challenge)), second) << "every challenge goes through";
  EXPECT_EQ(cache->size(), 1u);
}

TEST_F(TokenCacheTest, ARefreshBegunBeforeAChallengeDoesNotUndoIt) {
  ask(want());
  clock.advance(minutes(61));
  source.closed = true;
  const auto refreshed = ask(want());
  EXPECT_EQ(token_of(refreshed), "(waits)");
  source.closed = false;
  clock.advance(seconds(1));
  TokenWant challenge = want();
  challenge.new_token = true;
  const CachedTokenPtr better = ask(challenge)->value().token;
  source.open();
  settle();
  EXPECT_EQ((*refreshed)->token, better);
  EXPECT_EQ(ask(want())->value().token, better);
  EXPECT_FALSE(better->superseded());
}

TEST_F(TokenCacheTest, ClientCapabilitiesHaveTokensOfTheirOwn) {
  const std::string plain = token_of(ask(want()));
  TokenWant capable = want();
  capable.request.extra = {{"xms_cc", "CP1"}};
  const std::string other = token_of(ask(capable));
  EXPECT_NE(other, plain);
  EXPECT_EQ(token_of(ask(capable)), other);
  EXPECT_EQ(source.requests.size(), 2u);
}

TEST_F(TokenCacheTest, OnePodCannotHaveTheNodeThrottled) {
  make({.pod_burst = 3, .pod_rate = 1});
  for (int i = 0; i < 3; ++i) EXPECT_NE(ask(want("r" + std::to_string(i)))->value().token, nullptr);
  const auto refused = ask(want("r3"));
  ASSERT_EQ((*refused)->token, nullptr);
  EXPECT_EQ((*refused)->error.kind, base::ErrorKind::throttled);
  EXPECT_EQ((*refused)->error.retry_after, seconds(1));
  EXPECT_NE(ask(want("r1"))->value().token, nullptr) << "cached tokens are for everybody";
  TokenWant other = want("r3");
  other.pod = "another pod";
  EXPECT_NE(ask(other)->value().token, nullptr);
  clock.advance(seconds(1));
  EXPECT_NE(ask(want("r4"))->value().token, nullptr);
}

TEST_F(TokenCacheTest, TheCacheIsBoundedAndForgetsTheLeastUsed) {
  make({.max_entries = 3, .pod_rate = 0});
  for (const char* resource : {"a", "b", "c"}) ask(want(resource));
  ask(want("a"));
  ask(want("d"));
  EXPECT_EQ(cache->size(), 3u);
  EXPECT_EQ(source.requests.size(), 4u);
  ask(want("a"));
  EXPECT_EQ(source.requests.size(), 4u);
  ask(want("b"));
  EXPECT_EQ(source.requests.size(), 5u);
}

TEST_F(TokenCacheTest, WhatFailedLeavesNothingBehind) {
  make({.max_entries = 3, .pod_rate = 0});
  ask(want("mine"));
  refuse(400, base::ErrorKind::invalid, "no such resource");
  for (int i = 0; i < 100; ++i) {
    ask(want("bad" + std::to_string(i)));
    clock.advance(kRefusalMemory);
  }
  refuse(0, base::ErrorKind::unavailable, "connection refused");
  for (int i = 0; i < 100; ++i) ask(want("away" + std::to_string(i)));
  EXPECT_EQ(cache->size(), 1u);
  EXPECT_EQ(token_of(ask(want("mine"))), "token-1");
}

TEST_F(TokenCacheTest, TokensThatWorkersServeAreNotEvictedForOthers) {
  make({.max_entries = 3, .pod_rate = 0});
  const CachedTokenPtr hot = ask(want("hot"))->value().token;
  for (int i = 0; i < 100; ++i) {
    hot->mark_used();
    ask(want("r" + std::to_string(i)));
  }
  EXPECT_EQ(cache->size(), 3u);
  EXPECT_EQ(ask(want("hot"))->value().token, hot);
  ask(want("cold"));
  EXPECT_EQ(cache->size(), 3u);
}

TEST_F(TokenCacheTest, FetchesInFlightAreBounded) {
  make({.max_fetches = 1, .pod_rate = 0});
  source.closed = true;
  const auto first = ask(want("a"));
  const auto second = ask(want("b"));
  ASSERT_TRUE(*second);
  EXPECT_EQ((*second)->error.kind, base::ErrorKind::throttled);
  source.open();
  settle();
  EXPECT_NE((*first)->token, nullptr);
}

TEST_F(TokenCacheTest, ThoseWhoFillAllPlacesKeepNobodyOutWhoHasNone) {
  make({.max_fetches = 2, .pod_rate = 0});
  source.closed = true;
  const auto of_pod = [this](const std::string& pod, const std::string& resource) {
    TokenWant wanted = want(resource);
    wanted.pod = pod;
    return token_of(ask(std::move(wanted)));
  };
  EXPECT_EQ(of_pod("a", "1"), "(waits)");
  EXPECT_EQ(of_pod("a", "2"), "(waits)");
  EXPECT_EQ(of_pod("a", "3"), "(too many token requests are being served at the moment)");
  EXPECT_EQ(of_pod("b", "4"), "(waits)");
  EXPECT_EQ(of_pod("b", "5"), "(too many token requests are being served at the moment)");
  EXPECT_EQ(of_pod("c", "6"), "(waits)");
  EXPECT_EQ(of_pod("d", "7"), "(too many token requests are being served at the moment)") << "there is an end";
}

// Each costs the node a request to the endpoint, whatever is in the cache.
TEST_F(TokenCacheTest, APodBypassesTheCacheOnceASecond) {
  const auto bypass = [this](const std::string& resource, const std::string& pod = "pod") {
    TokenWant wanted = want(resource);
    wanted.request.extra = {{"bypass_cache", "true"}};
    wanted.new_token = true;
    wanted.pod = pod;
    return ask(std::move(wanted));
  };
  EXPECT_EQ(token_of(bypass("a")), "token-1");
  const auto second = bypass("a");
  const auto third = bypass("b");
  const auto fourth = bypass("c");
  EXPECT_EQ(token_of(second), "(waits)");
  EXPECT_EQ(token_of(bypass("a", "other pod")), "(waits)") << "shares the one that is under way";
  EXPECT_EQ(token_of(bypass("d")), "(a pod may bypass the cache once a second)") << "and nobody waits long";
  EXPECT_EQ(token_of(bypass("d", "other pod")), "token-2") << "others are not concerned";
  EXPECT_EQ(token_of(ask(want("a"))), "token-1") << "the cache serves meanwhile";
  clock.advance(seconds(1));
  settle();
  EXPECT_EQ(token_of(second), "token-3");
  EXPECT_EQ(token_of(third), "(waits)");
  clock.advance(seconds(2));
  settle();
  EXPECT_NE(token_of(third), "(waits)");
  EXPECT_NE(token_of(fourth), "(waits)");
  EXPECT_EQ(source.requests.size(), 5u);
  EXPECT_EQ(source.requests.back().asker, "pod");
}

TEST_F(TokenCacheTest, OnePodHasAShareOfTheFetchesInFlight) {
  make({.max_fetches_per_pod = 2, .pod_rate = 0});
  const CachedTokenPtr old = ask(want("old"))->value().token;
  source.closed = true;
  const auto first = ask(want("a"));
  const auto second = ask(want("b"));
  const auto third = ask(want("c"));
  ASSERT_TRUE(*third);
  EXPECT_EQ((*third)->error.kind, base::ErrorKind::throttled);
  EXPECT_EQ((*third)->error.retry_after, seconds(1));
  const auto joined = ask(want("a"));
  EXPECT_EQ(token_of(joined), "(waits)") << "of a fetch that is under way everybody may have";
  TokenWant other = want("c");
  other.pod = "another pod";
  const auto fourth = ask(other);
  EXPECT_EQ(token_of(fourth), "(waits)");
  // Refreshing ahead is nobody's.
  clock.advance(minutes(46));
  EXPECT_EQ(ask(want("old"))->value().token, old);
  EXPECT_EQ(source.requests.size(), 5u);
  source.open();
  settle();
  EXPECT_NE(token_of(joined), "(waits)");
  EXPECT_NE(ask(want("old"))->value().token, old);
  EXPECT_NE(ask(want("d"))->value().token, nullptr);
}

TEST_F(TokenCacheTest, RefreshesLeaveRoomForNewTokensAndTheOtherWayRound) {
  make({.max_fetches = 1, .max_refreshes = 1, .pod_rate = 0});
  for (const char* resource : {"a", "b"}) ask(want(resource));
  clock.advance(minutes(61));
  source.closed = true;
  const auto refreshed = ask(want("a"));
  EXPECT_EQ(token_of(refreshed), "(waits)");
  EXPECT_NE(token_of(ask(want("b"))), "(waits)") << "valid, and no room to refresh it";
  const auto fresh = ask(want("c"));
  EXPECT_EQ(token_of(fresh), "(waits)");
  EXPECT_EQ(ask(want("d"))->value().error.kind, base::ErrorKind::throttled);
  source.open();
  settle();
  EXPECT_NE((*refreshed)->token, nullptr);
  EXPECT_NE((*fresh)->token, nullptr);
}

TEST_F(TokenCacheTest, WithoutTheApiServerOnlyCachedTokensAreGiven) {
  TokenWant stale = want();
  stale.cached_only = true;
  EXPECT_EQ(ask(stale)->value().error.kind, base::ErrorKind::unavailable);
  const std::string token = token_of(ask(want()));
  EXPECT_EQ(token_of(ask(stale)), token);
  EXPECT_EQ(source.requests.size(), 1u);
}

}  // namespace
}  // namespace podid::nmi
