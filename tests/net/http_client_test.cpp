// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/detached.hpp>

#include "net/server/server_fixture.hpp"
#include "support/scripted_peer.hpp"

namespace podid::net {
namespace {

namespace peer = test::peer;
using base::ErrorKind;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

Url url_of(const test::ScriptedPeer& server) { return *parse_url(server.url()); }

class HttpClientTest : public testing::Test {
 protected:
  void use(HttpClientOptions options) {
    auto made = HttpClient::create(io.get_executor(), clock, std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    client = std::move(*made);
  }
  void SetUp() override { use({.user_agent = "podid-test"}); }

  base::Result<Response> send(const Url& url, Request request = {}, Deadline deadline = test::soon()) {
    return test::run_task(io, client->send(url, std::move(request), deadline));
  }
  base::Result<ResponseStream> open(const Url& url, Request request = {}, Deadline deadline = test::soon()) {
    return test::run_task(io, client->open(url, std::move(request), deadline));
  }
  base::Result<std::string> read_some(ResponseStream& stream, Deadline deadline = test::soon()) {
    return test::run_task(io, stream.read_some(deadline));
  }
  // The error of a request whose answer is `answer`.
  base::Error error_of(const std::string& answer) {
    test::ScriptedPeer server({{peer::read_head(), peer::write(answer), peer::close()}});
    auto response = send(url_of(server));
    EXPECT_FALSE(response) << answer;
    return response ? base::Error{} : response.error();
  }
  std::string body_of(const std::string& answer, const Request& request = {}) {
    test::ScriptedPeer server({{peer::read_head(), peer::write(answer), peer::close()}});
    auto response = send(url_of(server), request);
    EXPECT_TRUE(response) << response.error().message;
    return response ? response->body : "";
  }

  // Lets the time pass when the task waits for the peer.
  template <class T>
  T time_out(base::Task<T> task) {
    std::optional<T> result;
    boost::asio::co_spawn(io, test::detail::store_result(std::move(task), result), boost::asio::detached);
    io.restart();
    while (io.run_one_for(std::chrono::milliseconds(20)) > 0) {  // until it waits
    }
    EXPECT_FALSE(result);
    clock.advance(kBrief);
    EXPECT_TRUE(test::run_until(io, [&result] { return result.has_value(); }));
    return std::move(*result);
  }
  Deadline brief() const { return Deadline::in(clock, kBrief); }

  static constexpr std::chrono::seconds kBrief{5};
  boost::asio::io_context io;
  test::FakeClock clock;
  std::unique_ptr<HttpClient> client;
};

TEST_F(HttpClientTest, SendsWhatTheRequestSays) {
  test::ScriptedPeer server({{peer::read_head(), peer::read_bytes(4), peer::write(kHello)}});
  auto response =
      send(url_of(server), {.method = "POST", .target = "/a?b", .headers = {{"X-One", "1"}}, .body = "body"});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->headers.find("content-length"), "5");
  EXPECT_EQ(response->body, "hello");
  const std::string host = "127.0.0.1:" + std::to_string(server.port());
  EXPECT_EQ(server.received().at(0), "POST /a?b HTTP/1.1\r\nHost: " + host +
                                         "\r\nX-One: 1\r\nUser-Agent: podid-test\r\nContent-Length: 4\r\n\r\nbody");
}

TEST_F(HttpClientTest, LetsTheRequestChooseHostAndAgentButNotTheFraming) {
  test::ScriptedPeer server({{peer::read_head(), peer::write(kHello)}});
  ASSERT_TRUE(send(
      url_of(server),
      {.headers = {
           {"Host", "other"}, {"User-Agent", "mine"}, {"Content-Length", "7"}, {"Transfer-Encoding", "chunked"}}}));
  EXPECT_EQ(server.received().at(0), "GET / HTTP/1.1\r\nHost: other\r\nUser-Agent: mine\r\n\r\n");
}

TEST_F(HttpClientTest, AnnouncesAnEmptyBodyWhereOneIsExpected) {
  test::ScriptedPeer server({{peer::read_head(), peer::write(kHello)}});
  ASSERT_TRUE(send(url_of(server), {.method = "POST"}));
  EXPECT_THAT(server.received().at(0), HasSubstr("Content-Length: 0\r\n"));
}

class Pieces final : public BodySource {
 public:
  Pieces(std::vector<base::Result<std::string>> pieces, std::optional<std::uint64_t> length)
      : pieces_(std::move(pieces)), length_(length) {}
  std::optional<std::uint64_t> length() const override { return length_; }
  base::Task<base::Result<std::string>> read_some(Deadline) override {
    if (next_ == pieces_.size()) co_return std::string();
    co_return pieces_[next_++];
  }

 private:
  std::vector<base::Result<std::string>> pieces_;
  std::optional<std::uint64_t> length_;
  std::size_t next_ = 0;
};

TEST_F(HttpClientTest, SendsABodyPieceByPiece) {
  const auto sent = [this](std::optional<std::uint64_t> length, std::size_t bytes) {
    test::ScriptedPeer server({{peer::read_head(), peer::read_bytes(bytes), peer::write(kHello)}});
    Pieces pieces({"one ", "and two"}, length);
    auto stream =
        test::run_task(io, client->open(url_of(server), {.method = "POST", .body = "not this"}, pieces, test::soon()));
    EXPECT_TRUE(stream) << stream.error().message;
    const std::string received = server.received().at(0);
    return received.substr(received.find("test\r\n") + 6);  // behind User-Agent
  };
  EXPECT_EQ(sent(11, 11), "Content-Length: 11\r\n\r\none and two");
  EXPECT_EQ(sent(std::nullopt, 26), "Transfer-Encoding: chunked\r\n\r\n4\r\none \r\n7\r\nand two\r\n0\r\n\r\n");
}

TEST_F(HttpClientTest, NeverMakesABrokenBodyLookWhole) {
  const auto error_of_body = [this](std::vector<base::Result<std::string>> pieces,
                                    std::optional<std::uint64_t> length) {
    test::ScriptedPeer server({{peer::read_head(), peer::stall()}});
    Pieces source(std::move(pieces), length);
    auto stream = test::run_task(io, client->open(url_of(server), {.method = "POST"}, source, test::soon()));
    EXPECT_FALSE(stream);
    const auto has = [&server](std::string_view text) {
      return !server.received().empty() && server.received().at(0).contains(text);
    };
    EXPECT_TRUE(test::run_until(io, [&has] { return has("one"); }));
    EXPECT_FALSE(has("\r\n0\r\n"));
    return stream ? base::Error{} : stream.error();
  };
  const base::Error gone{
      .kind = ErrorKind::unavailable, .message = "gone", .http_status = 0, .code = {}, .retry_after = {}};
  EXPECT_EQ(error_of_body({"one", std::unexpected(gone)}, std::nullopt).message, "gone");
  EXPECT_EQ(error_of_body({"one", std::unexpected(gone)}, 6).message, "gone");
  EXPECT_EQ(error_of_body({"one"}, 4).kind, ErrorKind::invalid) << "too short";
  EXPECT_EQ(error_of_body({"one", "two"}, 4).kind, ErrorKind::invalid) << "too long";
}

TEST_F(HttpClientTest, TakesTheAnswerOfAPeerThatWantsNoMoreOfTheBody) {
  test::ScriptedPeer server(
      {{peer::read_head(), peer::write("HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n"),
        peer::close()}});
  Pieces pieces(std::vector<base::Result<std::string>>(64, std::string(1024 * 1024, 'x')), std::nullopt);
  auto stream = test::run_task(io, client->open(url_of(server), {.method = "POST"}, pieces, test::soon()));
  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_EQ(stream->status(), 413);
}

// The value of an option of the socket in this process that is connected to `port`.
int option_of_socket_to(std::uint16_t port, int level, int option) {
  for (int fd = 3; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t length = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0 || ntohs(peer.sin_port) != port) continue;
    int value = -1;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, level, option, &value, &size) == 0 ? value : -1;
  }
  return -1;
}

TEST_F(HttpClientTest, NoticesAPeerThatVanished) {
  test::ScriptedPeer server({{peer::read_head(), peer::write("HTTP/1.1 200 OK\r\n\r\n"), peer::stall()}});
  auto stream = open(url_of(server));
  ASSERT_TRUE(stream);
  EXPECT_EQ(option_of_socket_to(server.port(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option_of_socket_to(server.port(), IPPROTO_TCP, TCP_KEEPIDLE), 10);
  EXPECT_EQ(option_of_socket_to(server.port(), IPPROTO_TCP, TCP_KEEPINTVL), 5);
  EXPECT_EQ(option_of_socket_to(server.port(), IPPROTO_TCP, TCP_KEEPCNT), 3);
  EXPECT_EQ(option_of_socket_to(server.port(), IPPROTO_TCP, TCP_USER_TIMEOUT), 20'000);
}

TEST_F(HttpClientTest, SendsNoRequestThatIsAnotherOneUnderway) {
  test::ScriptedPeer server({});
  for (const Request& request :
       {Request{.target = "/\r\nX: y"}, Request{.target = "/a b"}, Request{.target = ""}, Request{.method = "GET /x"},
        Request{.headers = {{"X", "a\r\nY: b"}}}, Request{.headers = {{"X Y", "a"}}}}) {
    auto response = send(url_of(server), request);
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::invalid);
  }
  EXPECT_EQ(server.connections(), 0u);
}

TEST_F(HttpClientTest, ReadsBodiesOfEveryFraming) {
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), "abc");
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), "abc");
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\n\r\nuntil the end"), "until the end");
  EXPECT_EQ(body_of("HTTP/1.0 200 OK\r\n\r\nuntil the end"), "until the end");
  EXPECT_EQ(body_of("HTTP/1.1 204 No Content\r\n\r\nnever"), "");
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", {.method = "HEAD"}), "");
}

TEST_F(HttpClientTest, SkipsInterimAnswers) {
  EXPECT_EQ(body_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + kHello), "hello");
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += "HTTP/1.1 100 Continue\r\n\r\n";
  EXPECT_EQ(error_of(endless).kind, ErrorKind::invalid);
  EXPECT_EQ(error_of("HTTP/1.1 101 Switching Protocols\r\n\r\n").kind, ErrorKind::invalid);
}

TEST_F(HttpClientTest, AnErrorStatusIsAnAnswerAndARedirectIsNotFollowed) {
  test::ScriptedPeer server(
      {{peer::read_head(), peer::write("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"),
        peer::read_head(), peer::write("HTTP/1.1 503 Down\r\nContent-Length: 0\r\n\r\n")}});
  EXPECT_EQ(send(url_of(server))->status, 302);
  EXPECT_EQ(send(url_of(server))->status, 503);
}

TEST_F(HttpClientTest, SaysWhatIsWrongWithAnAnswer) {
  const auto rubbish = error_of("SSH-2.0-OpenSSH_9\r\n\r\n");
  EXPECT_EQ(rubbish.kind, ErrorKind::invalid);
  EXPECT_THAT(rubbish.message, StartsWith("127.0.0.1:"));
  EXPECT_THAT(rubbish.message, HasSubstr("has no valid HTTP version"));
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n").kind, ErrorKind::invalid);
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx").kind, ErrorKind::invalid);
  EXPECT_EQ(error_of("").kind, ErrorKind::unavailable);
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nContent-Le").kind, ErrorKind::unavailable);
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").kind, ErrorKind::unavailable);
  const auto cut = error_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
  EXPECT_EQ(cut.kind, ErrorKind::unavailable);
  EXPECT_THAT(cut.message, HasSubstr("the peer closed the connection while reading the answer"));
}

TEST_F(HttpClientTest, DoesNotWaitForTheEndOfWhatIsNoAnswer) {
  for (const char* bytes : {"S", "\x01\x02\x03", "HTTP/2"}) {
    test::ScriptedPeer server({{peer::read_head(), peer::write(bytes), peer::stall()}});
    auto response = send(url_of(server));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::invalid) << response.error().message;
  }
}

TEST_F(HttpClientTest, LimitsWhatItReads) {
  use({.max_header_bytes = 1000, .max_body_bytes = 10});
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789"), "0123456789");
  EXPECT_THAT(error_of("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n01234567890").message,
              HasSubstr("larger than 10 bytes"));
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\n\r\n01234567890").kind, ErrorKind::invalid);
  EXPECT_EQ(error_of("HTTP/1.1 200 OK\r\nX: " + std::string(1000, 'x') + "\r\n\r\n").kind, ErrorKind::invalid);
  EXPECT_EQ(error_of(std::string(2000, 'x')).kind, ErrorKind::invalid);
}

TEST_F(HttpClientTest, KeepsConnectionsPerOrigin) {
  test::ScriptedPeer one({{peer::read_head(), peer::write(kHello), peer::read_head(), peer::write(kHello)}});
  test::ScriptedPeer two({{peer::read_head(), peer::write(kHello)}});
  EXPECT_TRUE(send(url_of(one)));
  EXPECT_TRUE(send(url_of(two)));
  EXPECT_TRUE(send(url_of(one)));
  EXPECT_EQ(one.connections(), 1u);
  EXPECT_EQ(two.connections(), 1u);
}

TEST_F(HttpClientTest, KeepsNoConnectionThatEitherSideWantsClosedOrThatIsDirty) {
  const std::string close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
  test::ScriptedPeer server({{peer::read_head(), peer::write(close), peer::stall()},
                             {peer::read_head(), peer::write(kHello + "unasked"), peer::stall()},
                             {peer::read_head(), peer::write(kHello), peer::stall()},
                             {peer::read_head(), peer::write(kHello)}});
  for (int i = 1; i <= 3; ++i) {
    EXPECT_TRUE(send(url_of(server)));
    EXPECT_EQ(server.connections(), static_cast<std::size_t>(i));
  }
  client->close_idle();
  EXPECT_TRUE(send(url_of(server)));
  EXPECT_EQ(server.connections(), 4u);
}

TEST_F(HttpClientTest, DropsPooledConnectionsByAgeAndNumber) {
  const test::ScriptedPeer::Script once = {peer::read_head(), peer::write(kHello)};
  for (const HttpClientOptions& options :
       {HttpClientOptions{.idle_timeout = std::chrono::minutes(1)}, HttpClientOptions{.max_idle_per_origin = 0}}) {
    test::ScriptedPeer server({once, once});
    use(options);
    EXPECT_TRUE(send(url_of(server)));
    clock.advance(std::chrono::seconds(61));
    EXPECT_TRUE(send(url_of(server)));
    EXPECT_EQ(server.connections(), 2u);
  }
}

TEST_F(HttpClientTest, SendsAnIdempotentRequestAgainWhenThePooledConnectionHadDied) {
  // The first connection is reset only after the second request was sent on it.
  test::ScriptedPeer server({{peer::read_head(), peer::write(kHello), peer::read_head(), peer::reset()},
                             {peer::read_head(), peer::write(kHello)}});
  EXPECT_TRUE(send(url_of(server)));
  auto again = send(url_of(server));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->body, "hello");
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(HttpClientTest, SendsNothingTwiceThatMayHaveHadAnEffect) {
  test::ScriptedPeer post({{peer::read_head(), peer::write(kHello), peer::read_head(), peer::close()},
                           {peer::read_head(), peer::write(kHello)}});
  EXPECT_TRUE(send(url_of(post)));
  auto again = send(url_of(post), {.method = "POST"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::unavailable);
  // Nor an idempotent one on a fresh connection, or after the answer had begun.
  test::ScriptedPeer fresh({{peer::read_head(), peer::close()}, {peer::read_head(), peer::write(kHello)}});
  EXPECT_FALSE(send(url_of(fresh)));
  test::ScriptedPeer begun(
      {{peer::read_head(), peer::write(kHello), peer::read_head(), peer::write("HTTP/1.1 2"), peer::close()},
       {peer::read_head(), peer::write(kHello)}});
  EXPECT_TRUE(send(url_of(begun)));
  EXPECT_FALSE(send(url_of(begun)));
}

TEST_F(HttpClientTest, ReadsTheAnswerOfAPeerThatRefusesTheRestOfTheRequest) {
  test::ScriptedPeer server(
      {{peer::read_head(), peer::write("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"), peer::close()}});
  auto response = send(url_of(server), {.method = "POST", .body = std::string(20'000'000, 'x')});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_EQ(response->status, 413);
}

TEST_F(HttpClientTest, StreamsPiecesAsTheyComeAndStaysBrokenAfterATimeout) {
  test::ScriptedPeer server(
      {{peer::read_head(), peer::write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n"),
        peer::stall()}});
  auto stream = open(url_of(server));
  ASSERT_TRUE(stream) << stream.error().message;
  EXPECT_EQ(stream->status(), 200);
  EXPECT_EQ(stream->headers().find("transfer-encoding"), "chunked");
  EXPECT_EQ(read_some(*stream).value(), "one");
  auto nothing = read_some(*stream, Deadline::passed());
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().kind, ErrorKind::timeout);
  EXPECT_EQ(read_some(*stream).error().kind, ErrorKind::timeout);
}

TEST_F(HttpClientTest, GivesAReadStreamBackToThePoolAndClosesOneDroppedEarly) {
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
  test::ScriptedPeer server(
      {{peer::read_head(), peer::write(chunked + "0\r\n\r\n"), peer::read_head(), peer::write(chunked), peer::stall()},
       {peer::read_head(), peer::write(kHello)}});
  {
    auto whole = open(url_of(server));
    EXPECT_EQ(test::run_task(io, whole->read_all(100, test::soon())).value(), "one");
    EXPECT_EQ(read_some(*whole).value(), "") << "the end stays the end";
    auto early = open(url_of(server));
    EXPECT_EQ(read_some(*early).value(), "one");
    EXPECT_EQ(server.connections(), 1u);
  }
  EXPECT_TRUE(send(url_of(server))) << "the script reaches its second connection when the first is closed";
  EXPECT_EQ(server.connections(), 2u);
}

TEST_F(HttpClientTest, TimesOutInEveryPhaseAndSaysInWhich) {
  test::ScriptedPeer server(
      {{peer::read_head(), peer::stall()},
       {peer::read_head(), peer::write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), peer::stall()}});
  auto head = time_out(client->send(url_of(server), {}, brief()));
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().kind, ErrorKind::timeout);
  EXPECT_THAT(head.error().message, HasSubstr("waiting for the answer"));
  auto stream = open(url_of(server));
  ASSERT_TRUE(stream);
  EXPECT_EQ(read_some(*stream).value(), "ab");
  auto body = time_out(stream->read_some(brief()));
  ASSERT_FALSE(body);
  EXPECT_EQ(body.error().kind, ErrorKind::timeout);
  EXPECT_THAT(body.error().message, HasSubstr("reading the answer"));
  auto write =
      time_out(client->send(url_of(server), {.method = "POST", .body = std::string(50'000'000, 'x')}, brief()));
  ASSERT_FALSE(write);
  EXPECT_EQ(write.error().kind, ErrorKind::timeout);
  EXPECT_THAT(write.error().message, HasSubstr("sending the request"));
  auto past = send(url_of(server), {}, Deadline::passed());
  ASSERT_FALSE(past);
  EXPECT_EQ(past.error().kind, ErrorKind::timeout);
}

TEST_F(HttpClientTest, SaysWhomItCannotReach) {
  std::uint16_t closed_port = 0;
  {
    test::ScriptedPeer server({});
    closed_port = server.port();
  }
  auto refused = send({.host = "127.0.0.1", .port = closed_port});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(refused.error().message, HasSubstr("cannot connect to 127.0.0.1:" + std::to_string(closed_port)));
  auto unknown = send({.host = "no-such-host.invalid", .port = 1}, {}, Deadline::never());
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("cannot resolve no-such-host.invalid"));
}

TEST_F(HttpClientTest, WaitsForAConnectionNoLongerThanTheConnectTimeout) {
  // A full queue of a server that never accepts: Linux drops further connection requests.
  boost::asio::ip::tcp::acceptor deaf(io);
  deaf.open(boost::asio::ip::tcp::v4());
  deaf.bind({boost::asio::ip::address_v4::loopback(), 0});
  deaf.listen(0);
  std::vector<boost::asio::ip::tcp::socket> queue;
  for (int i = 0; i < 4; ++i) {
    auto& socket = queue.emplace_back(io, boost::asio::ip::tcp::v4());
    socket.native_non_blocking(true);
    const auto endpoint = deaf.local_endpoint();
    ::connect(socket.native_handle(), endpoint.data(), static_cast<socklen_t>(endpoint.size()));  // may stay under way
  }
  use({.connect_timeout = kBrief});
  auto response = time_out(client->send({.host = "127.0.0.1", .port = deaf.local_endpoint().port()}, {}, test::soon()));
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().kind, ErrorKind::timeout);
  EXPECT_THAT(response.error().message, HasSubstr("cannot connect to 127.0.0.1:"));
}

TEST_F(HttpClientTest, TriesEveryAddressOfAName) {
  // "localhost" is ::1 and 127.0.0.1 on most machines; the server has only the latter.
  test::ScriptedPeer server({{peer::read_head(), peer::write(kHello)}});
  auto response = send({.host = "localhost", .port = server.port()});
  ASSERT_TRUE(response) << response.error().message;
  EXPECT_THAT(server.received().at(0), HasSubstr("Host: localhost:"));
}

TEST_F(HttpClientTest, ACancelledRequestEndsAtOnce) {
  test::ScriptedPeer server({{peer::read_head(), peer::stall()}});
  boost::asio::cancellation_signal cancel;
  bool ended = false;
  boost::asio::co_spawn(
      io, client->send(url_of(server), {}, test::soon()),
      boost::asio::bind_cancellation_slot(cancel.slot(), [&ended](std::exception_ptr, const auto&) { ended = true; }));
  ASSERT_TRUE(test::run_until(io, [&server] { return server.connections() == 1; }));
  cancel.emit(boost::asio::cancellation_type::terminal);
  ASSERT_TRUE(test::run_until(io, [&ended] { return ended; }));
}

TEST_F(HttpClientTest, RunsManyRequestsAtOnce) {
  test::RoutesHandler handler(io.get_executor(), clock);
  HttpServer server(io.get_executor(), clock, handler, {});
  const auto endpoint = server.listen({});
  ASSERT_TRUE(endpoint);
  int answered = 0;
  constexpr int kRequests = 100;
  for (int i = 0; i < kRequests; ++i) {
    const std::string body(static_cast<std::size_t>(i) * 500, static_cast<char>('a' + i % 26));
    boost::asio::co_spawn(io,
                          client->send({.host = "127.0.0.1", .port = endpoint->port()},
                                       {.method = "POST", .target = "/echo", .body = body}, test::soon()),
                          [&answered, body](std::exception_ptr, base::Result<Response> response) {
                            if (response && response->body == body) ++answered;
                          });
  }
  EXPECT_TRUE(test::run_until(io, [&answered] { return answered == kRequests; }));
  test::run_task(io, server.stop(test::soon()));
}

}  // namespace
}  // namespace podid::net
