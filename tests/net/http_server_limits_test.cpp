// SPDX-License-Identifier: Apache-2.0
// Everything that a peer can grow or hold, at its limit and beyond. Time limits are seconds, and real.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server_fixture.hpp"

namespace podid::net {
namespace {

using std::chrono::seconds;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class HttpServerLimitsTest : public test::ServerFixture {};

std::string request_of_size(std::size_t size) {
  std::string request = "GET /fast HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX: \r\n\r\n";
  request.insert(request.size() - 4, size - request.size(), 'x');
  return request;
}

TEST_F(HttpServerLimitsTest, head_bytes) {
  restart({.max_header_bytes = 1024});
  EXPECT_THAT(talk(request_of_size(1024)), EndsWith("hello"));
  EXPECT_THAT(talk(request_of_size(1025)), StartsWith("HTTP/1.1 431 "));
  EXPECT_THAT(talk(std::string(100'000, 'x')), StartsWith("HTTP/1.1 431 ")) << "no line end at all";
}

TEST_F(HttpServerLimitsTest, body_bytes) {
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

TEST_F(HttpServerLimitsTest, an_unread_body_beyond_reason_ends_the_connection_after_the_answer) {
  const std::string huge =
      "POST /fast HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n" + std::string(500'000, 'x');
  const std::string answer = talk(huge);
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("hello"));
}

TEST_F(HttpServerLimitsTest, connections) {
  restart({.max_connections = 2});
  test::RawClient first = connect();
  test::RawClient second = connect();
  test::RawClient third = connect();
  EXPECT_EQ(test::run_task(io, third.read_to_end()), "");
  EXPECT_EQ(server->statistics().refused_connections, 1u);
  EXPECT_EQ(server->statistics().open_connections, 2u);
  first.close();
  until([this] { return server->statistics().open_connections == 1; });
  EXPECT_THAT(talk(request_of_size(100)), EndsWith("hello"));
}

TEST_F(HttpServerLimitsTest, connections_per_peer) {
  restart({.max_connections_per_peer = 1});
  test::RawClient first = connect();
  test::run_task(io, first.write("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n"));
  test::run_task(io, first.read_until("hello"));
  EXPECT_EQ(talk(request_of_size(100)), "");
  // Another peer is not affected.
  test::RawClient other(io.get_executor());
  other.socket().open(boost::asio::ip::tcp::v4());
  other.socket().bind({boost::asio::ip::make_address("127.0.0.2"), 0});
  test::run_task(io, other.connect(endpoint));
  test::run_task(io, other.write(request_of_size(100)));
  EXPECT_THAT(test::run_task(io, other.read_to_end()), EndsWith("hello"));
  first.close();
  until([this] { return server->statistics().open_connections == 0; });
  EXPECT_THAT(talk(request_of_size(100)), EndsWith("hello"));
}

TEST_F(HttpServerLimitsTest, idle_time) {
  restart({.idle_timeout = seconds(1)});
  test::RawClient client = connect();
  test::run_task(io, client.write("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n"));
  test::run_task(io, client.read_until("hello"));
  EXPECT_EQ(test::run_task(io, client.read_to_end()), "");
}

TEST_F(HttpServerLimitsTest, time_for_a_head) {
  restart({.header_timeout = seconds(1)});
  EXPECT_THAT(talk("GET /fast HTTP/1.1\r\nHost:"), StartsWith("HTTP/1.1 408 "));
}

TEST_F(HttpServerLimitsTest, time_for_a_body) {
  EXPECT_THAT(talk("POST /pieces HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc"), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(handler.seen, "abc<timeout>");
}

TEST_F(HttpServerLimitsTest, time_for_a_peer_that_does_not_read) {
  restart({.write_timeout = seconds(1)});
  test::RawClient big = connect();
  test::run_task(io, big.write("GET /big HTTP/1.1\r\nHost: h\r\n\r\n"));
  test::RawClient stream = connect();
  test::run_task(io, stream.write("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n"));
  until([this] { return server->statistics().requests == 2 && server->statistics().open_connections == 0; });
  ASSERT_FALSE(handler.write_result);
  EXPECT_EQ(handler.write_result.error().kind, base::ErrorKind::timeout);
}

TEST_F(HttpServerLimitsTest, a_stream_learns_that_its_peer_has_left) {
  test::RawClient stream = connect();
  test::run_task(io, stream.write("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n"));
  test::run_task(io, stream.read_until("xxx"));
  stream.reset();
  until([this] { return server->statistics().open_connections == 0; });
}

}  // namespace
}  // namespace podid::net
