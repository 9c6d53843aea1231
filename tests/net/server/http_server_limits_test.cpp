// SPDX-License-Identifier: Apache-2.0
// Everything that a peer can grow or hold, at its limit and beyond. Time limits are seconds, and real.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/server/server_fixture.hpp"

namespace podid::net {
namespace {

using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class HttpServerLimitsTest : public test::ServerFixture {
 protected:
  // Never early, and at most two ticks (and the test's step) late.
  void expect_ended_in_time(base::SteadyTime began, base::Duration limit) const {
    const base::Duration took = clock.steady_now() - began;
    EXPECT_GE(took, limit);
    EXPECT_LE(took, limit + seconds(3));
  }
};

std::string request_of_size(std::size_t size) {
  std::string request = "GET /fast HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: \r\n\r\n";
  request.insert(request.size() - 4, size - request.size(), 'x');
  return request;
}

TEST_F(HttpServerLimitsTest, LimitsTheBytesOfAHead) {
  restart({.max_header_bytes = 1024});
  EXPECT_THAT(talk(request_of_size(1024)), EndsWith("hello"));
  EXPECT_THAT(talk(request_of_size(1025)), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(talk(std::string(100'000, 'x')), StartsWith("HTTP/1.1 431 ")) << "no line end at all";
}

TEST_F(HttpServerLimitsTest, LimitsTheBytesOfABody) {
  restart({.max_body_bytes = 10});
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
  EXPECT_THAT(talk(head + "Content-Length: 10\r\n\r\n0123456789"), EndsWith("0123456789"));
  EXPECT_THAT(talk(head + "Content-Length: 11\r\n\r\n01234567890"), StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(talk(head + "Transfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n0\r\n\r\n"), EndsWith("0123456789"));
  EXPECT_THAT(talk(head + "Transfer-Encoding: chunked\r\n\r\nb\r\n01234567890\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(talk(head + "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n"), StartsWith("HTTP/1.1 413 "))
      << "without asking for it first";
}

TEST_F(HttpServerLimitsTest, AnUnreadBodyBeyondReasonEndsTheConnectionAfterTheAnswer) {
  const std::string huge =
      "POST /fast HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n" + std::string(500'000, 'x');
  const std::string answer = talk(huge);
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("hello"));
}

TEST_F(HttpServerLimitsTest, LimitsConnections) {
  restart({.max_connections = 2, .busy = {.content_type = "application/json", .body = "{\"error\":\"busy\"}"}});
  test::RawClient first = connect();
  test::RawClient second = connect();
  test::RawClient third = connect();
  const std::string answer = test::run_task(io, third.read_to_end());
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: application/json\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 16\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n{\"error\":\"busy\"}"));
  EXPECT_EQ(server->statistics().refused_connections, 1u);
  EXPECT_EQ(server->statistics().open_connections, 2u);
  first.close();
  until([this] { return server->statistics().open_connections == 1; });
  EXPECT_THAT(talk(request_of_size(100)), EndsWith("hello"));
}

TEST_F(HttpServerLimitsTest, LimitsConnectionsPerPeer) {
  restart({.max_connections_per_peer = 1});
  test::RawClient first = connect();
  test::run_task(io, first.write("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n"));
  test::run_task(io, first.read_until("hello"));
  for (int i = 0; i < 100; ++i) {
    EXPECT_THAT(talk(request_of_size(100)), StartsWith("HTTP/1.1 429 ")) << "also when the request is there already";
  }
  // Another peer is not affected.
  auto other = connect_from("127.0.0.2", endpoint);
  test::run_task(io, other.write(request_of_size(100)));
  EXPECT_THAT(test::run_task(io, other.read_to_end()), EndsWith("hello"));
  first.close();
  until([this] { return server->statistics().open_connections == 0; });
  EXPECT_THAT(talk(request_of_size(100)), EndsWith("hello"));
}

constexpr std::size_t kLongHead = 20'000;
const std::string kUnfinished = "GET /fast HTTP/1.1\r\nHost: h\r\nX: " + std::string(kLongHead, 'x');

TEST_F(HttpServerLimitsTest, LimitsTheBytesHeldForAllPeers) {
  restart({.max_buffered_bytes = 64 * 1024});
  std::vector<test::RawClient> holders;
  while (server->statistics().refused_buffers == 0 && holders.size() < 10) {
    holders.push_back(connect());
    test::run_task(io, holders.back().write(kUnfinished));
    const std::size_t before = server->statistics().buffered_bytes;
    until([&] {
      return server->statistics().buffered_bytes >= before + kLongHead || server->statistics().refused_buffers > 0;
    });
  }
  EXPECT_EQ(holders.size(), 3u) << "in buffers of 32 KiB, without the 4 KiB that each may hold";
  EXPECT_LE(server->statistics().buffered_bytes, 64u * 1024);
  const std::string answer = test::run_task(io, holders.back().read_to_end());
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(answer, HasSubstr("\r\nRetry-After: 1\r\n"));
  EXPECT_THAT(talk(request_of_size(1000)), EndsWith("hello")) << "small requests are not affected";
  holders.clear();
  until([this] { return server->statistics().open_connections == 0; });
  EXPECT_EQ(server->statistics().buffered_bytes, 0u);
  EXPECT_THAT(talk(request_of_size(kLongHead)), EndsWith("hello"));
}

TEST_F(HttpServerLimitsTest, LimitsTheBytesHeldForOnePeer) {
  restart({.max_buffered_bytes_per_peer = 32 * 1024});
  test::RawClient holder = connect();
  test::run_task(io, holder.write(kUnfinished));
  until([this] { return server->statistics().buffered_bytes >= kLongHead; });
  EXPECT_THAT(talk(request_of_size(kLongHead)), StartsWith("HTTP/1.1 429 "));
  auto other = connect_from("127.0.0.2", endpoint);
  test::run_task(io, other.write(request_of_size(kLongHead)));
  EXPECT_THAT(test::run_task(io, other.read_to_end()), EndsWith("hello"));
}

TEST_F(HttpServerLimitsTest, BytesOfBodiesCountWhileTheirHandlerWorks) {
  restart({.max_buffered_bytes = 128 * 1024});
  const auto post = [](std::size_t size) {
    return "POST /keep HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: " + std::to_string(size) +
           "\r\n\r\n" + std::string(size, 'x');
  };
  test::RawClient holder = connect();
  test::run_task(io, holder.write(post(50'000)));
  until([this] { return handler.waiting == 1; });
  EXPECT_GE(server->statistics().buffered_bytes, 40'000u) << "all but what came with the last read";
  EXPECT_THAT(talk(post(100'000)), StartsWith("HTTP/1.1 429 "));
  handler.gate.cancel();
  EXPECT_THAT(test::run_task(io, holder.read_to_end()), EndsWith("waited"));
  until([this] { return server->statistics().open_connections == 0; });
  EXPECT_EQ(server->statistics().buffered_bytes, 0u);
}

TEST_F(HttpServerLimitsTest, AnswersThatAreNotReadCount) {
  restart({.max_buffered_bytes_per_peer = 32 * 1024});
  test::RawClient deaf = connect();
  test::run_task(io, deaf.write("GET /big HTTP/1.1\r\nHost: h\r\n\r\n"));
  until([this] { return server->statistics().accepted == 1 && server->statistics().open_connections == 0; });
  EXPECT_EQ(server->statistics().refused_buffers, 1u);
}

TEST_F(HttpServerLimitsTest, LimitsIdleTime) {
  restart({.idle_timeout = seconds(1)});
  test::RawClient client = connect();
  test::run_task(io, client.write("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n"));
  test::run_task(io, client.read_until("hello"));
  const base::SteadyTime began = clock.steady_now();
  EXPECT_EQ(read_on(client), "");
  expect_ended_in_time(began, seconds(1));
}

TEST_F(HttpServerLimitsTest, LimitsTheTimeForAHead) {
  restart({.header_timeout = seconds(20)});
  const base::SteadyTime began = clock.steady_now();
  EXPECT_THAT(talk_on("GET /fast HTTP/1.1\r\nHost:"), StartsWith("HTTP/1.1 408 "));
  expect_ended_in_time(began, seconds(20));
}

TEST_F(HttpServerLimitsTest, LaterBytesOfAHeadDoNotProlongItsTime) {
  restart({.header_timeout = seconds(20)});
  const base::SteadyTime began = clock.steady_now();
  test::RawClient client = connect();
  test::run_task(io, client.write("GET /fast HTTP/1.1\r\n"));
  until_on([&] { return clock.steady_now() >= began + seconds(15); });
  test::run_task(io, client.write("Host:"));
  EXPECT_THAT(read_on(client), StartsWith("HTTP/1.1 408 "));
  expect_ended_in_time(began, seconds(20));
}

TEST_F(HttpServerLimitsTest, LimitsTheTimeForABody) {
  EXPECT_THAT(talk_on("POST /pieces HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc"), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(handler.seen, "abc<timeout>");
}

TEST_F(HttpServerLimitsTest, LimitsTheTimeForAPeerThatDoesNotRead) {
  restart({.write_timeout = seconds(30)});
  test::RawClient big = connect();
  test::run_task(io, big.write("GET /big HTTP/1.1\r\nHost: h\r\n\r\n"));
  test::RawClient stream = connect();
  test::run_task(io, stream.write("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n"));
  until_on([this] { return server->statistics().requests == 2 && server->statistics().open_connections == 0; });
  ASSERT_FALSE(handler.write_result);
  EXPECT_EQ(handler.write_result.error().kind, base::ErrorKind::timeout);
}

TEST_F(HttpServerLimitsTest, AStreamLearnsThatItsPeerHasLeft) {
  test::RawClient stream = connect();
  test::run_task(io, stream.write("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n"));
  test::run_task(io, stream.read_until("xxx"));
  stream.reset();
  until([this] { return server->statistics().open_connections == 0; });
}

}  // namespace
}  // namespace podid::net
