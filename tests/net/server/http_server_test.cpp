// SPDX-License-Identifier: Apache-2.0
#include "net/server/http_server.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server/server_fixture.hpp"

namespace podid::net {
namespace {

using std::string_literals::operator""s;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kLast = "Host: h\r\nConnection: close\r\n";

class HttpServerTest : public test::ServerFixture {};

// Of the server's socket, which is one of this process.
void shrink_send_buffer_towards(const boost::asio::ip::tcp::endpoint& client) {
  for (int fd = 3; fd < 256; ++fd) {
    boost::asio::ip::tcp::endpoint peer;
    auto length = static_cast<socklen_t>(peer.capacity());
    if (::getpeername(fd, peer.data(), &length) != 0 || peer != client) continue;
    const int bytes = 4096;
    ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    return;
  }
  FAIL() << "the server has no connection to " << client;
}

TEST_F(HttpServerTest, AnswersWithTheFieldsOfACompleteMessage) {
  const std::string answer = talk("GET /fast HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nX-Test: yes\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: text/plain\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nContent-Length: 5\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\nDate: "));
  EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\nhello"));
}

TEST_F(HttpServerTest, KeepsTheConnection) {
  test::RawClient client = connect();
  for (const std::string target : {"/fast", "/slow", "/fast", "/slow"}) {
    test::run_task(io, client.write("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    const std::string head = test::run_task(io, client.read_until("\r\n\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Connection:")));
    test::run_task(io, client.read_until(target == "/fast" ? "hello" : "slow"));
  }
  EXPECT_EQ(server->statistics().accepted, 1u);
  EXPECT_EQ(server->statistics().requests, 4u);
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrderWhateverTheirKind) {
  const std::string answers = talk(
      "GET /fast HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ndef\r\n0\r\n\r\n"
      "POST /fast HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nskip"
      "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"
      "\r\n"  // tolerated between requests
      "GET /slow HTTP/1.1\r\n" +
      kLast + "\r\nGET /fast HTTP/1.1\r\nHost: h\r\n\r\n");
  std::vector<std::string> bodies;
  for (const char* body : {"hello", "abc", "def", "hello", "one and two", "slow"}) bodies.push_back(body);
  std::size_t at = 0;
  EXPECT_THAT(answers, EndsWith("slow")) << "nothing after the answer to the request that said close";
  for (const char* mark : {"hello", "abc", "def", "hello", "\r\n3\r\none\r\n8\r\n and two\r\n0\r\n\r\n", "slow"}) {
    at = answers.find(mark, at);
    ASSERT_NE(at, std::string::npos) << mark << " in\n" << answers;
    at += std::string_view(mark).size();
  }
}

TEST_F(HttpServerTest, AnswersManyPipelinedRequests) {
  std::string requests;
  for (int i = 0; i < 2000; ++i) requests += "GET /fast HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string answers = talk(requests + "GET /slow HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(answers, EndsWith("slow"));
  EXPECT_EQ(server->statistics().requests, 2001u);
}

TEST_F(HttpServerTest, SpeaksHttp10) {
  const std::string one = talk("GET /fast HTTP/1.0\r\n\r\n");
  EXPECT_THAT(one, HasSubstr("Connection: close"));
  EXPECT_THAT(one, EndsWith("hello"));
  const std::string two = talk("GET /fast HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /fast HTTP/1.0\r\n\r\n");
  EXPECT_THAT(two, HasSubstr("Connection: keep-alive"));
  EXPECT_THAT(two, EndsWith("hello"));
  const std::string stream = talk("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(stream, Not(HasSubstr("chunked")));
  EXPECT_THAT(stream, HasSubstr("Connection: close"));
  EXPECT_THAT(stream, EndsWith("\r\n\r\none and two"));
}

TEST_F(HttpServerTest, AnswersHeadWithoutABody) {
  const std::string fast = talk("HEAD /fast HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(fast, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(fast, EndsWith("\r\n\r\n"));
  const std::string stream = talk("HEAD /stream HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(stream, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(stream, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, SendsNoLengthWith204) {
  const std::string answer = talk("GET /nocontent HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
}

TEST_F(HttpServerTest, LetsNoHandlerInjectFields) {
  const std::string answer = talk("GET /inject HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(answer, HasSubstr("X-Bad: a  X-Injected: b\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 1\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("999")));
}

TEST_F(HttpServerTest, TellsWhoAsks) {
  const std::string answer = talk("GET /peer HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(answer, EndsWith("127.0.0.1 " + std::to_string(endpoint.port())));
}

TEST_F(HttpServerTest, ShowsAnIpv4PeerOfADualStackSocketAsIpv4) {
  const auto both = server->listen({.address = "::"});
  if (!both) GTEST_SKIP() << both.error().message;
  endpoint.port(both->port());
  EXPECT_THAT(talk("GET /peer HTTP/1.1\r\n" + kLast + "\r\n"), HasSubstr("\r\n\r\n127.0.0.1 "));
}

TEST_F(HttpServerTest, GivesAllFieldsInOrder) {
  EXPECT_THAT(talk("GET /fields HTTP/1.1\r\nB: 1\r\na: 2\r\nB:3\r\n" + kLast + "\r\n"),
              EndsWith("B=1;a=2;B=3;Host=h;Connection=close;"));
}

TEST_F(HttpServerTest, TurnsAFailingOrSilentHandlerInto500) {
  for (const std::string target : {"/throw", "/fast/throw", "/nothing"}) {
    EXPECT_THAT(talk("GET " + target + " HTTP/1.1\r\n" + kLast + "\r\n"),
                StartsWith("HTTP/1.1 500 Internal Server Error\r\n"))
        << target;
  }
}

TEST_F(HttpServerTest, CutsAnUnfinishedStreamOffSoThatItDoesNotLookComplete) {
  const std::string answer = talk("GET /half HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(answer, EndsWith("4\r\npart\r\n"));
}

TEST_F(HttpServerTest, DropsAConnectionForItsHandler) {
  EXPECT_EQ(talk("GET /drop HTTP/1.1\r\nHost: h\r\n\r\n"), "");
  const std::string only_first =
      talk("GET /fast HTTP/1.1\r\nHost: h\r\n\r\nGET /fast/drop HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(only_first, EndsWith("hello"));
}

TEST_F(HttpServerTest, TakesARequestByteByByte) {
  test::RawClient client = connect();
  for (const char c : "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + kLast + "\r\n3\r\nabc\r\n0\r\n\r\n") {
    test::run_task(io, client.write(std::string(1, c)));
    io.restart();
    io.poll();
  }
  EXPECT_THAT(test::run_task(io, client.read_to_end()), EndsWith("\r\n\r\nabc"));
}

TEST_F(HttpServerTest, SaysContinueWhenTheHandlerWantsTheBody) {
  test::RawClient client = connect();
  test::run_task(io,
                 client.write("POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n" + kLast + "\r\n"));
  EXPECT_EQ(test::run_task(io, client.read_until("\r\n\r\n")), "HTTP/1.1 100 Continue\r\n\r\n");
  test::run_task(io, client.write("abc"));
  EXPECT_THAT(test::run_task(io, client.read_to_end()), EndsWith("\r\n\r\nabc"));
}

TEST_F(HttpServerTest, ClosesWhenNobodyWantedTheBodyThatWaitsForContinue) {
  const std::string answer =
      talk("POST /fast HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
}

TEST_F(HttpServerTest, RefusesMalformedRequestsAndCloses) {
  struct Case {
    std::string bytes;
    int status;
  };
  const Case cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"s, 400},
      {"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: h\n\n", 400},
      {"rubbish\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
  };
  for (const Case& c : cases) {
    // What follows must not be taken for a request.
    const std::string answer = talk(c.bytes + "GET /fast HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + std::to_string(c.status))) << c.bytes;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
    EXPECT_THAT(answer, Not(HasSubstr("hello")));
  }
  EXPECT_EQ(server->statistics().malformed_requests, std::size(cases));
  EXPECT_EQ(server->statistics().requests, 0u);
}

// What stands in a body, or behind the end that a client announced, is no request, whatever it looks like.
TEST_F(HttpServerTest, AHiddenRequestIsNeverRun) {
  const std::string hidden = "GET /fast HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string length = "Content-Length: " + std::to_string(hidden.size()) + "\r\n";
  const std::string chunk = fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", hidden.size(), hidden);
  struct Case {
    const char* what;
    std::string bytes;
    const char* answer;
  };
  const Case cases[] = {
      {"in the body of a GET", "GET /slow HTTP/1.1\r\n" + length + kLast + "\r\n" + hidden, "HTTP/1.1 200 "},
      {"in the body of a POST", "POST /slow HTTP/1.1\r\n" + length + kLast + "\r\n" + hidden, "HTTP/1.1 200 "},
      {"in a chunk", "POST /slow HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + std::string(kLast) + "\r\n" + chunk,
       "HTTP/1.1 200 "},
      {"behind the last request", "GET /slow HTTP/1.1\r\n" + std::string(kLast) + "\r\n" + hidden, "HTTP/1.1 200 "},
      {"behind one that waits for its body",
       "POST /slow HTTP/1.1\r\nExpect: 100-continue\r\n" + length + kLast + "\r\n" + hidden, "HTTP/1.1 "},
      {"behind the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + hidden, "HTTP/1.1 505 "},
      {"behind a request of HTTP/0.9", "GET /slow\r\n" + hidden, "HTTP/1.1 400 "},
      {"with a coding that is not known",
       "POST /slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n" + hidden, "HTTP/1.1 501 "},
      {"with a coding whose name has a blank",
       "POST /slow HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n" + hidden, "HTTP/1.1 400 "},
      {"with two lengths in one", "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 5\r\n\r\n" + hidden,
       "HTTP/1.1 400 "},
  };
  for (const Case& c : cases) {
    const std::string answers = talk(c.bytes);
    EXPECT_THAT(answers, StartsWith(c.answer)) << c.what;
    EXPECT_THAT(answers, Not(HasSubstr("hello"))) << c.what;
  }
}

TEST_F(HttpServerTest, RefusesABodyWithBrokenChunks) {
  EXPECT_THAT(talk("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(talk("POST /fast HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
              Not(HasSubstr("HTTP/1.1 400 ")))
      << "the answer was given already; the connection just ends";
}

TEST_F(HttpServerTest, CancelsTheHandlerOfAPeerThatLeaves) {
  for (const bool by_reset : {false, true}) {
    test::RawClient client = connect();
    test::run_task(io, client.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
    until([this] { return handler.waiting == 1; });
    if (by_reset) {
      client.reset();
    } else {
      client.close();
    }
    until([this] { return handler.waiting == 0 && server->statistics().open_connections == 0; });
  }
  EXPECT_EQ(handler.abandoned, 2);
}

TEST_F(HttpServerTest, TakesTheEndOfWhatAPeerSendsForItsDeparture) {
  test::RawClient waiting = connect();
  test::run_task(io, waiting.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
  until([this] { return handler.waiting == 1; });
  waiting.shutdown_send();
  EXPECT_EQ(test::run_task(io, waiting.read_to_end()), "");
  EXPECT_EQ(handler.abandoned, 1);
  // What needs no waiting is answered before anybody looks.
  test::RawClient quick = connect();
  test::run_task(io, quick.write("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n"));
  quick.shutdown_send();
  EXPECT_THAT(test::run_task(io, quick.read_to_end()), EndsWith("hello"));
}

TEST_F(HttpServerTest, NoticesTheDepartureBehindPipelinedBytesAndAfterABody) {
  test::RawClient client = connect();
  test::run_task(io, client.write("POST /wait HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\nGET /fast HTTP/1.1\r\n"));
  until([this] { return handler.waiting == 1; });
  client.close();
  until([this] { return handler.abandoned == 1 && server->statistics().open_connections == 0; });
}

TEST_F(HttpServerTest, KeepsBytesThatArriveWhileAHandlerWaits) {
  test::RawClient client = connect();
  test::run_task(io, client.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
  until([this] { return handler.waiting == 1; });
  std::string more = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5000\r\n\r\n" + std::string(5000, 'b');
  test::run_task(io, client.write(more + "GET /fast HTTP/1.1\r\n" + kLast + "\r\n"));
  for (int i = 0; i < 100; ++i) io.poll();
  handler.gate.cancel();
  const std::string answers = test::run_task(io, client.read_to_end());
  EXPECT_THAT(answers, HasSubstr("waited"));
  EXPECT_THAT(answers, HasSubstr(std::string(5000, 'b')));
  EXPECT_THAT(answers, EndsWith("hello"));
  EXPECT_EQ(handler.abandoned, 0);
}

// A request whose head moved under its views was judged by one text and served by another.
TEST_F(HttpServerTest, BytesThatArriveWhileAnswersAreWrittenLeaveTheRequestBehindThemAsItIs) {
  test::RawClient client(io.get_executor());
  client.socket().open(boost::asio::ip::tcp::v4());
  client.socket().set_option(boost::asio::socket_base::receive_buffer_size(2048));
  test::run_task(io, client.connect(endpoint));
  test::run_task(io, client.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
  until([this] { return handler.waiting == 1; });
  shrink_send_buffer_towards(client.socket().local_endpoint());
  const std::string target = "/target?" + std::string(40, 'a');
  // As much before it as makes later bytes move it to the front of the buffer, where they fit.
  test::run_task(io, client.write("GET /fast/large HTTP/1.1\r\nHost: h\r\nX-Long: " + std::string(500, 'x') +
                                  "\r\n\r\nGET " + target + " HTTP/1.1\r\n" + kLast + "\r\n"));
  for (int i = 0; i < 100; ++i) io.poll();
  handler.gate.cancel();
  until([this] { return server->statistics().requests == 3; });
  test::run_task(io, client.write(std::string(880, 'b')));
  for (int i = 0; i < 100; ++i) io.poll();
  EXPECT_THAT(test::run_task(io, client.read_to_end()), EndsWith("\r\n\r\n" + target));
}

TEST_F(HttpServerTest, ServesTheNextRequestAfterAWaitingOne) {
  test::RawClient client = connect();
  for (int i = 0; i < 3; ++i) {
    test::run_task(io, client.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
    until([this] { return handler.waiting == 1; });
    handler.gate.cancel();
    test::run_task(io, client.read_until("waited"));
    test::run_task(io, client.write("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n"));
    test::run_task(io, client.read_until("hello"));
    test::run_task(io, client.write("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n"));
    test::run_task(io, client.write("ok"));
    test::run_task(io, client.read_until("\r\n\r\nok"));
  }
  EXPECT_EQ(server->statistics().accepted, 1u);
}

TEST_F(HttpServerTest, ReadsABodyInPiecesRightAfterAWaitingRequest) {
  test::RawClient client = connect();
  const std::pair<std::string, std::string> next[] = {{"/echo", "\r\n\r\nbody"}, {"/fast", "hello"}, {"/slow", "slow"}};
  for (const auto& [target, end] : next) {
    test::run_task(io, client.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
    until([this] { return handler.waiting == 1; });
    handler.gate.cancel();
    test::run_task(io, client.read_until("waited"));
    for (const std::string& part :
         {"POST " + target + " HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"s, "b"s, "od"s, "y"s}) {
      test::run_task(io, client.write(part));
      for (int i = 0; i < 50; ++i) io.poll();
    }
    test::run_task(io, client.read_until(end));
  }
  EXPECT_EQ(server->statistics().accepted, 1u);
  EXPECT_EQ(server->statistics().requests, 6u);
}

TEST_F(HttpServerTest, DatesAnAnswerWhenItIsGiven) {
  const auto date_of = [](const std::string& answer) { return answer.substr(answer.find("Date: "), 35); };
  test::RawClient client = connect();
  test::run_task(io, client.write("GET /wait HTTP/1.1\r\n" + kLast + "\r\n"));
  until([this] { return handler.waiting == 1; });
  const std::string first = date_of(talk("GET /fast HTTP/1.1\r\n" + kLast + "\r\n"));
  clock.advance(std::chrono::seconds(1));
  handler.gate.cancel();
  const std::string last = date_of(test::run_task(io, client.read_to_end()));
  EXPECT_THAT(last, EndsWith(" GMT"));
  EXPECT_NE(last, first);
}

TEST_F(HttpServerTest, DiscardsABodyThatNobodyRead) {
  const std::string body(100'000, 'x');
  const std::string request =
      "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n";
  const std::string answers = talk(request + body + "GET /fast HTTP/1.1\r\n" + kLast + "\r\n");
  EXPECT_THAT(answers, HasSubstr("slow"));
  EXPECT_THAT(answers, EndsWith("hello"));
}

TEST_F(HttpServerTest, StopsWhenRequestsInFlightAreAnswered) {
  test::RawClient idle = connect();
  test::RawClient waiting = connect();
  test::run_task(io, waiting.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
  until([this] { return handler.waiting == 1; });
  bool stopped = false;
  boost::asio::co_spawn(io, server->stop(test::soon()), [&stopped](std::exception_ptr) { stopped = true; });
  EXPECT_EQ(test::run_task(io, idle.read_to_end()), "");
  EXPECT_FALSE(stopped);
  test::RawClient late(io.get_executor());
  EXPECT_THROW(test::run_task(io, late.connect(endpoint)), boost::system::system_error);
  handler.gate.cancel();
  EXPECT_THAT(test::run_task(io, waiting.read_to_end()), HasSubstr("waited"));
  until([&stopped] { return stopped; });
  EXPECT_EQ(handler.abandoned, 0);
}

TEST_F(HttpServerTest, CancelsWhatIsLeftWhenTheTimeToStopIsOver) {
  test::RawClient waiting = connect();
  test::run_task(io, waiting.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
  until([this] { return handler.waiting == 1; });
  test::run_task(io, server->stop(Deadline::passed()));
  EXPECT_EQ(handler.abandoned, 1);
  EXPECT_EQ(test::run_task(io, waiting.read_to_end()), "");
}

TEST_F(HttpServerTest, AHeadBegunBehindAWaitingRequestIsCutOffAtTheEnd) {
  test::RawClient client = connect();
  test::run_task(io, client.write("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n"));
  until([this] { return handler.waiting == 1; });
  test::run_task(io, client.write("GET /fa"));
  handler.gate.cancel();
  EXPECT_THAT(test::run_task(io, client.read_until("waited")), EndsWith("waited"));
  test::run_task(io, server->stop(Deadline::passed()));
  EXPECT_EQ(test::run_task(io, client.read_to_end()), "");
}

TEST_F(HttpServerTest, NamesTheAddressItCannotHave) {
  HttpServer other(io.get_executor(), clock, handler, {});
  const auto taken = other.listen({.port = endpoint.port()});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, base::ErrorKind::already_exists);
  EXPECT_THAT(taken.error().message,
              StartsWith("cannot listen on 127.0.0.1:" + std::to_string(endpoint.port()) + ": "));
  EXPECT_THAT(taken.error().message, EndsWith(" by process " + std::to_string(::getpid()) + " (net_tests)"));
  EXPECT_THAT(other.listen({.address = "localhost"}).error().message, HasSubstr("not an IP address"));
}

TEST_F(HttpServerTest, SharesAPortOnRequest) {
  HttpServer one(io.get_executor(), clock, handler, {});
  HttpServer two(io.get_executor(), clock, handler, {});
  const auto first = one.listen({.reuse_port = true});
  ASSERT_TRUE(first);
  EXPECT_TRUE(two.listen({.port = first->port(), .reuse_port = true}));
}

TEST_F(HttpServerTest, APeerThatRestsIsAnsweredNoMoreAndItsConnectionsCloseWhenTheServerStops) {
  const std::string fast = "GET /fast HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string made_to_rest[] = {
      "GET /rest HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /rest HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
      "GET /wait/rest HTTP/1.1\r\nHost: h\r\n\r\n",
      "GET /wait/rest HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx",
  };
  for (const std::string& request : made_to_rest) {
    SCOPED_TRACE(request);
    restart({});
    auto resting = connect();
    test::run_task(io, resting.write(request + fast));
    EXPECT_THAT(test::run_task(io, resting.read_until("rest")), EndsWith("rest"));
    auto again = connect();
    test::run_task(io, again.write(fast));
    auto other = connect_from("127.0.0.2", endpoint);
    test::run_task(io, other.write(fast));
    EXPECT_THAT(test::run_task(io, other.read_until("hello")), EndsWith("hello"));
    test::run_task(io, server->stop(net::Deadline::never()));
    EXPECT_EQ(test::run_task(io, resting.read_to_end()), "");
    EXPECT_EQ(test::run_task(io, again.read_to_end()), "");
  }
}

TEST_F(HttpServerTest, APeerThatComesBackOnANewConnectionStillRests) {
  for (const std::string target : {"/rest", "/wait/rest"}) {
    restart({});
    EXPECT_THAT(talk("GET " + target + " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), EndsWith("rest"));
    until([this] { return server->statistics().open_connections == 0; });
    auto again = connect();
    test::run_task(io, again.write("GET /fast HTTP/1.1\r\nHost: h\r\n\r\n"));
    until([this] { return server->statistics().open_connections == 1; });
    test::run_task(io, server->stop(net::Deadline::never()));
    EXPECT_EQ(test::run_task(io, again.read_to_end()), "");
  }
}

TEST_F(HttpServerTest, APeerThatHasRestedIsAnswered) {
  EXPECT_THAT(talk_on("GET /rest/briefly HTTP/1.1\r\nHost: h\r\n\r\nGET /fast HTTP/1.1\r\n" + kLast + "\r\n"),
              EndsWith("hello"));
  EXPECT_THAT(talk("GET /rest/briefly HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"), EndsWith("rest"));
  EXPECT_THAT(talk_on("GET /fast HTTP/1.1\r\n" + kLast + "\r\n"), EndsWith("hello"));
}

TEST_F(HttpServerTest, AllConnectionsOfAnAddressMeetTheSameOfSeveralServers) {
  HttpServer one(io.get_executor(), clock, handler, {});
  HttpServer two(io.get_executor(), clock, handler, {});
  const auto shared = one.listen({.reuse_port = true, .keep_peers_together = 2});
  ASSERT_TRUE(shared);
  ASSERT_TRUE(two.listen({.port = shared->port(), .reuse_port = true, .keep_peers_together = 2}));
  const auto ask_eight_times = [&](const std::string& from) {
    for (int i = 0; i < 8; ++i) {
      auto raw = connect_from(from, *shared);
      test::run_task(io, raw.write("GET /fast HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
      EXPECT_THAT(test::run_task(io, raw.read_to_end()), EndsWith("hello"));
    }
  };
  ask_eight_times("127.0.0.2");
  ask_eight_times("127.0.0.3");
  EXPECT_EQ(one.statistics().accepted, 8u);
  EXPECT_EQ(two.statistics().accepted, 8u);
}

TEST_F(HttpServerTest, ServesAListeningSocketMadeElsewhere) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const boost::asio::ip::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
  ASSERT_EQ(::bind(fd, any.data(), static_cast<socklen_t>(any.size())), 0);
  ASSERT_EQ(::listen(fd, 16), 0);
  const auto bound = server->listen_on(fd, {});
  ASSERT_TRUE(bound);
  endpoint = *bound;
  EXPECT_THAT(talk("GET /fast HTTP/1.1\r\n" + kLast + "\r\n"), EndsWith("hello"));
}

}  // namespace
}  // namespace podid::net
