// SPDX-License-Identifier: Apache-2.0
// What the workers' own tables of tokens may serve, and when they have to ask the cache: two workers, one cache.
#include "nmi/token/local_tokens.hpp"

#include <gtest/gtest.h>

#include "nmi/request/request_fixture.hpp"

namespace podid::nmi {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using test::Got;
using test::kTokenPath;

class LocalTokensTest : public test::RequestFixture {
 protected:
  LocalTokensTest() : RequestFixture({.max_entries = 2}) {
    const RequestHandlerContext context{source, *broker, clock, metrics};
    other_handler = std::make_unique<RequestHandler>(io.get_executor(), options, context, *proxy, [] {});
    other_server = std::make_unique<net::HttpServer>(io.get_executor(), clock, *other_handler, net::ServerLimits{});
    other_endpoint = *other_server->listen({});
    publish_usual();
  }
  ~LocalTokensTest() override {
    tokens.open();
    test::run_task(io, other_server->stop(net::Deadline::passed()));
  }
  Got ask_other(const std::string& target) {
    std::swap(endpoint, other_endpoint);
    const Got got = ask(target);
    std::swap(endpoint, other_endpoint);
    return got;
  }
  static std::string token_in(const Got& got) {
    return got.status == 200 ? got.body.substr(17, got.body.find('"', 17) - 17) : std::to_string(got.status);
  }
  void fail(base::ErrorKind kind, int http_status) {
    tokens.answer = [=](const TokenRequest&) -> test::FakeTokenSource::Answer {
      base::Error error;
      error.kind = kind;
      error.http_status = http_status;
      error.message = "no";
      return std::unexpected(error);
    };
  }

  std::unique_ptr<RequestHandler> other_handler;
  std::unique_ptr<net::HttpServer> other_server;
  boost::asio::ip::tcp::endpoint other_endpoint;
};

TEST_F(LocalTokensTest, AChallengeReplacesTheTokenOfEveryWorker) {
  EXPECT_EQ(token_in(ask(kTokenPath)), "token-1");
  EXPECT_EQ(token_in(ask_other(kTokenPath)), "token-1");
  EXPECT_EQ(token_in(ask(kTokenPath + "&bypass_cache=true")), "token-2");
  EXPECT_EQ(token_in(ask(kTokenPath)), "token-2");
  EXPECT_EQ(token_in(ask_other(kTokenPath)), "token-2");
  EXPECT_EQ(token_in(ask_other(kTokenPath + "&claims=%7B%7D")), "token-3");
  EXPECT_EQ(token_in(ask(kTokenPath)), "token-3");
  EXPECT_EQ(tokens.requests.size(), 3u);
}

TEST_F(LocalTokensTest, ARefusedRefreshEndsTheTokenOfEveryWorker) {
  EXPECT_EQ(token_in(ask(kTokenPath)), "token-1");
  EXPECT_EQ(token_in(ask_other(kTokenPath)), "token-1");
  fail(base::ErrorKind::invalid, 400);
  advance(minutes(46));
  source.heard(clock.steady_now());
  EXPECT_EQ(token_in(ask(kTokenPath)), "token-1") << "refreshed behind its back";
  advance(seconds(0));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(token_in(ask(kTokenPath)), "403");
    EXPECT_EQ(token_in(ask_other(kTokenPath)), "403");
    advance(kRefusalMemory);
  }
}

TEST_F(LocalTokensTest, AClientThatLeavesIsForgottenByTheCacheToo) {
  tokens.closed = true;
  const Pending stays = begin(kTokenPath);
  for (int i = 0; i < 20; ++i) {
    const Pending leaves = begin(kTokenPath);
    leaves.client->close();
    EXPECT_TRUE(test::run_until(io, [this] { return handler->waiting() == 1 && cache->waiting() == 1; }));
  }
  tokens.open();
  EXPECT_EQ(token_in(finish(stays)), "token-1");
  EXPECT_EQ(tokens.requests.size(), 1u);
}

TEST_F(LocalTokensTest, WhatTheCacheHasEvictedServesInAnOutage) {
  EXPECT_EQ(token_in(ask(kTokenPath)), "token-1");
  for (const char* other : {"/a", "/b"}) EXPECT_EQ(ask(kTokenPath + other).status, 200);
  fail(base::ErrorKind::unavailable, 0);
  advance(minutes(61));
  source.heard(clock.steady_now());
  EXPECT_EQ(token_in(ask(kTokenPath)), "token-1");
  EXPECT_EQ(token_in(ask_other(kTokenPath)), "token-1") << "the cache has it again";
}

}  // namespace
}  // namespace podid::nmi
