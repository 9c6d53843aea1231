// SPDX-License-Identifier: Apache-2.0
// A server with one route per behaviour, and the means to talk to it in raw bytes.
#pragma once
#include <gtest/gtest.h>

#include <boost/asio/detached.hpp>
#include <memory>
#include <optional>
#include <source_location>
#include <string>

#include "net/http_client.hpp"
#include "net/server/http_server.hpp"
#include "support/fake_clock.hpp"
#include "support/raw_client.hpp"
#include "support/run_task.hpp"
#include "support/soon.hpp"

namespace podid::test {

class RoutesHandler final : public net::HttpHandler {
 public:
  RoutesHandler(base::Executor executor, base::Clock& clock) : gate(executor, base::SteadyTime::max()), clock_(clock) {}

  bool try_handle(net::ServerRequest& request, net::ServerResponse& response) override {
    if (request.target() == "/fast") {
      response.header("X-Test", "yes");
      response.send(200, "text/plain", "hello");
    } else if (request.target() == "/fast/large") {
      response.send(200, "text/plain", std::string(200 * 1024, 'x'));
    } else if (request.target() == "/nocontent") {
      response.send(204, "", "");
    } else if (request.target() == "/inject") {
      response.header("X-Bad", "a\r\nX-Injected: b");
      response.header("Content-Length", "999");
      response.send(200, "text/plain", "x");
    } else if (request.target() == "/peer") {
      response.send(200, "text/plain",
                    request.peer().address().to_string() + " " + std::to_string(request.local().port()));
    } else if (request.target() == "/rest") {
      response.pause_after(std::chrono::hours(1));
      response.send(200, "text/plain", "rest");
    } else if (request.target() == "/rest/briefly") {
      response.pause_after(std::chrono::milliseconds(1));
      response.send(200, "text/plain", "rest");
    } else if (request.target() == "/fast/drop") {
      response.drop();
    } else if (request.target() == "/fast/throw") {
      throw std::runtime_error("no luck");
    } else {
      return false;
    }
    return true;
  }

  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override {
    const std::string target(request.target());
    if (target == "/echo") co_await echo(request, response);
    if (target == "/pieces") co_await pieces(request, response);
    if (target == "/stream") co_await stream(response);
    if (target == "/half") {
      auto begun = co_await response.start(200);
      if (begun) begun = co_await response.write("part");
    }
    if (target == "/wait") co_await wait(response);
    if (target == "/wait/rest") {
      response.pause_after(std::chrono::hours(1));
      response.send(200, "text/plain", "rest");
    }
    if (target == "/keep") {
      const auto body = co_await request.read_body(soon());
      if (body) {
        co_await wait(response);
      } else {
        response.send(body.error().http_status, "text/plain", body.error().message);
      }
    }
    if (target == "/big") response.send(200, "application/octet-stream", std::string(64 * 1024 * 1024, 'x'));
    if (target == "/flood") co_await flood(response);
    if (target.starts_with("/target")) response.send(200, "text/plain", target);
    if (target == "/slow") response.send(200, "text/plain", "slow");
    if (target == "/drop") response.drop();
    if (target == "/throw") throw std::runtime_error("no luck");
    if (target == "/fields") {
      std::string all;
      request.each_header([&all](std::string_view name, std::string_view value) {
        all.append(name).append("=").append(value).append(";");
      });
      response.send(200, "text/plain", all);
    }
  }

  base::SteadyTimer gate;  // what /wait waits for
  int waiting = 0;
  int abandoned = 0;  // ended without having been let through
  base::Result<> write_result;
  std::string seen;  // of /pieces

 private:
  base::Task<> echo(net::ServerRequest& request, net::ServerResponse& response) {
    auto body = co_await request.read_body(soon());
    if (body) {
      response.send(200, "text/plain", *body);
    } else {
      response.send(body.error().http_status != 0 ? body.error().http_status : 500, "text/plain", body.error().message);
    }
  }
  base::Task<> pieces(net::ServerRequest& request, net::ServerResponse& response) {
    while (true) {
      auto piece = co_await request.read_body_some(net::Deadline::in(clock_, std::chrono::seconds(1)));
      if (!piece) {
        seen += "<" + std::string(base::to_string(piece.error().kind)) + ">";
        response.send(408, "text/plain", piece.error().message);
        co_return;
      }
      if (piece->empty()) break;
      seen += *piece;
    }
    response.send(200, "text/plain", seen);
  }
  base::Task<> stream(net::ServerResponse& response) {
    response.header("X-Test", "yes");
    auto done = co_await response.start(200);
    if (done) done = co_await response.write("one");
    if (done) done = co_await response.write("");
    if (done) done = co_await response.write(" and two");
    if (done) done = co_await response.finish();
  }
  // Until the peer has had enough.
  base::Task<> flood(net::ServerResponse& response) {
    const std::string piece(1024 * 1024, 'x');
    write_result = co_await response.start(200);
    while (write_result) write_result = co_await response.write(piece);
  }
  base::Task<> wait(net::ServerResponse& response) {
    struct Note {
      RoutesHandler& handler;
      bool let_through = false;
      explicit Note(RoutesHandler& h) : handler(h) { ++handler.waiting; }
      ~Note() {
        --handler.waiting;
        if (!let_through) ++handler.abandoned;
      }
    } note(*this);
    const auto [error] = co_await gate.async_wait(base::as_result);
    // A cancelled handler is told by the exception of its next wait; a cancelled gate lets everyone through.
    static_cast<void>(error);
    base::SteadyTimer again(co_await base::asio::this_coro::executor, std::chrono::steady_clock::time_point::min());
    const auto [ignored] = co_await again.async_wait(base::as_result);
    static_cast<void>(ignored);
    note.let_through = true;
    response.send(200, "text/plain", "waited");
  }

  base::Clock& clock_;
};

class ServerFixture : public ::testing::Test {
 protected:
  explicit ServerFixture(net::ServerLimits limits = {}) { restart(limits); }
  ~ServerFixture() override {
    handler.gate.cancel();
    run_task(io, server->stop(net::Deadline::passed()));
  }

  void restart(net::ServerLimits limits, const net::TlsContext& tls = {}) {
    if (server) run_task(io, server->stop(net::Deadline::passed()));
    server = std::make_unique<net::HttpServer>(io.get_executor(), clock, handler, limits);
    const auto bound = server->listen({.tls = tls});
    ASSERT_TRUE(bound) << bound.error().message;
    endpoint = *bound;
  }

  RawClient connect() {
    RawClient client(io.get_executor());
    run_task(io, client.connect(endpoint));
    return client;
  }
  RawClient connect_from(const std::string& address, boost::asio::ip::tcp::endpoint to) {
    RawClient client(io.get_executor());
    run_task(io, client.connect_from(address, to));
    return client;
  }
  // What the server says to these bytes until it closes.
  std::string talk(const std::string& bytes) {
    RawClient client = connect();
    run_task(io, client.write(bytes));
    return run_task(io, client.read_to_end());
  }
  void until(const std::function<bool()>& done, const std::source_location& where = std::source_location::current()) {
    const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
    ASSERT_TRUE(run_until(io, done));
  }
  // The same while time passes: it moves on by a quarter of a second whenever nobody is busy.
  std::string talk_on(const std::string& bytes) {
    RawClient client = connect();
    run_task(io, client.write(bytes));
    return read_on(client);
  }
  std::string read_on(RawClient& client) {
    std::optional<std::string> all;
    base::asio::co_spawn(io, detail::store_result(client.read_to_end(), all), base::asio::detached);
    until_on([&all] { return all.has_value(); });
    return all.value_or("");
  }
  void until_on(const std::function<bool()>& done) {
    const base::SteadyTime give_up = clock.steady_now() + std::chrono::hours(1);
    while (!done()) {
      ASSERT_LT(clock.steady_now(), give_up);
      io.restart();
      // What is on its way through the loopback interface arrives meanwhile.
      if (io.run_one_for(std::chrono::milliseconds(2)) == 0) clock.advance(std::chrono::milliseconds(250));
    }
  }

  boost::asio::io_context io;
  FakeClock clock;
  RoutesHandler handler{io.get_executor(), clock};
  std::unique_ptr<net::HttpServer> server;
  boost::asio::ip::tcp::endpoint endpoint;
};

}  // namespace podid::test
