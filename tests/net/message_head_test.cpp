// SPDX-License-Identifier: Apache-2.0
#include "net/message_head.hpp"

#include <gtest/gtest.h>

#include <string>

namespace podid::net {
namespace {

using std::string_literals::operator""s;

// 0 for a good request head, else the status of the refusal.
int request_status(const std::string& bytes, MessageHead& head) {
  const auto parsed = parse_request_head(bytes, head);
  return parsed ? 0 : parsed.error().status;
}
int request_status(const std::string& bytes) {
  MessageHead head;
  return request_status(bytes, head);
}
std::string with_fields(const std::string& fields) { return "GET / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"; }

bool response_is_good(const std::string& bytes, MessageHead& head, AnswerTo request = AnswerTo::other_request) {
  return parse_response_head(bytes, request, head).has_value();
}
bool response_is_good(const std::string& bytes) {
  MessageHead head;
  return response_is_good(bytes, head);
}

TEST(FindHeadEnd, DoesNotCareWhereTheBytesAreCut) {
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  std::size_t scanned = 0;
  for (std::size_t n = 0; n < head.size(); ++n) {
    ASSERT_EQ(find_head_end(head.substr(0, n), scanned), 0u) << n;
  }
  EXPECT_EQ(find_head_end(head + "rest", scanned), head.size());
  scanned = 0;
  EXPECT_EQ(find_head_end("GET / HTTP/1.1\nHost: h\n\nrest", scanned), 24u)
      << "bare LF ends, to be refused with a reason";
}

TEST(RequestHead, GivesViewsOfWhatWasSent) {
  const std::string bytes =
      "POST /a?b=%20 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 12\r\nX-Empty:\r\nX-Padded: \t two words \t\r\n\r\n";
  MessageHead head;
  ASSERT_EQ(request_status(bytes, head), 0);
  EXPECT_EQ(head.method, "POST");
  EXPECT_EQ(head.target, "/a?b=%20");
  EXPECT_FALSE(head.http_1_0);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.framing, Framing::length);
  EXPECT_EQ(head.content_length, 12u);
  ASSERT_EQ(head.fields.size(), 4u);
  EXPECT_EQ(head.find("x-empty"), "");
  EXPECT_EQ(head.find("X-PADDED"), "two words");
  EXPECT_FALSE(head.find("X-None"));
}

TEST(RequestHead, KnowsWhoWantsToKeepTheConnection) {
  MessageHead head;
  ASSERT_EQ(request_status(with_fields("Connection: x, Close\r\n"), head), 0);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(request_status("GET / HTTP/1.0\r\n\r\n", head), 0) << "HTTP/1.0 needs no Host";
  EXPECT_TRUE(head.http_1_0);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_EQ(request_status("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", head), 0);
  EXPECT_TRUE(head.keep_alive);
}

TEST(RequestHead, RefusesWhatCouldBeReadInTwoWays) {
  const std::string bad[] = {
      with_fields("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
      with_fields("Transfer-Encoding: chunked\r\nContent-Length: 1\r\n"),
      with_fields("Content-Length: 1\r\nContent-Length: 2\r\n"),
      with_fields("Content-Length: 1, 1\r\n"),
      with_fields("Content-Length: +1\r\n"),
      with_fields("Content-Length: 0x1\r\n"),
      with_fields("Content-Length: \r\n"),
      with_fields("Content-Length: -1\r\n"),
      with_fields("Content-Length: 9223372036854775808\r\n"),
      with_fields("Content-Length: 99999999999999999999\r\n"),
      with_fields("X: a\r\n folded\r\n"),
      with_fields(" X: a\r\n"),
      with_fields("X : a\r\n"),
      with_fields("X a\r\n"),
      with_fields(": a\r\n"),
      with_fields("X: a\rb\r\n"),
      with_fields("X: a\0b\r\n"s),
      with_fields("X: a\x7f\r\n"),
      with_fields("X\xff: a\r\n"),
      "GET / HTTP/1.1\nHost: h\n\n",
      "GET / HTTP/1.1\r\nHost: h\n\r\n",
      "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
      "GET  / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / x HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /\r\nHost: h\r\n\r\n",
      "GET /\tx HTTP/1.1\r\nHost: h\r\n\r\n",
      "G(T / HTTP/1.1\r\nHost: h\r\n\r\n",
      " / HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET / HTTP/11\r\nHost: h\r\n\r\n",
      "GET / http/1.1\r\nHost: h\r\n\r\n",
      "\r\n\r\n",
  };
  for (const std::string& bytes : bad) EXPECT_EQ(request_status(bytes), 400) << bytes;
}

TEST(RequestHead, SaysWhatItDoesNotSupport) {
  EXPECT_EQ(request_status("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), 505);
  EXPECT_EQ(request_status(with_fields("Transfer-Encoding: gzip, chunked\r\n")), 501);
  EXPECT_EQ(request_status(with_fields("Transfer-Encoding: identity\r\n")), 501);
  EXPECT_EQ(request_status(with_fields("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")), 501);
  EXPECT_EQ(request_status(with_fields("Transfer-Encoding: \x0b"
                                       "chunked\r\n")),
            400);
  EXPECT_EQ(request_status(with_fields("Expect: the unexpected\r\n")), 417);
}

TEST(RequestHead, AcceptsTheSameLengthTwice) {
  MessageHead head;
  ASSERT_EQ(request_status(with_fields("Content-Length: 7\r\nContent-Length: 7\r\n"), head), 0);
  EXPECT_EQ(head.content_length, 7u);
}

TEST(RequestHead, ExpectsContinueOnlyBeforeABody) {
  MessageHead head;
  ASSERT_EQ(request_status(with_fields("Expect: 100-Continue\r\nContent-Length: 1\r\n"), head), 0);
  EXPECT_TRUE(head.expects_continue);
  ASSERT_EQ(request_status(with_fields("Expect: 100-continue\r\n"), head), 0);
  EXPECT_FALSE(head.expects_continue);
}

TEST(ResponseHead, DecidesWhereTheBodyEnds) {
  MessageHead head;
  ASSERT_TRUE(response_is_good("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", head));
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.framing, Framing::length);
  ASSERT_TRUE(response_is_good("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", head, AnswerTo::head_request))
      << "to a HEAD request";
  EXPECT_EQ(head.framing, Framing::none);
  EXPECT_TRUE(head.keep_alive);
  ASSERT_TRUE(response_is_good("HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", head)) << "no reason phrase";
  EXPECT_EQ(head.framing, Framing::chunked);
  ASSERT_TRUE(response_is_good("HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n", head));
  EXPECT_EQ(head.framing, Framing::none);
  ASSERT_TRUE(response_is_good("HTTP/1.1 200 OK\r\n\r\n", head));
  EXPECT_EQ(head.framing, Framing::until_close);
  EXPECT_FALSE(head.keep_alive);
  ASSERT_TRUE(response_is_good("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", head));
  EXPECT_FALSE(head.keep_alive);
}

TEST(ResponseHead, RefusesWhatIsNotOne) {
  for (const char* bytes :
       {"\r\n\r\n", "HTTP/1.1\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 0xx\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n", "HTTP/2 200\r\n\r\n", "SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 200 O\x01K\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 200 OK\nX: y\n\n"}) {
    EXPECT_FALSE(response_is_good(bytes)) << bytes;
  }
}

}  // namespace
}  // namespace podid::net
