// SPDX-License-Identifier: Apache-2.0
// What the tests of this folder share: time and randomness that the test knows, and an endpoint that answers from a list.
#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "azure/http_options.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/http_client.hpp"
#include "net/server/http_server.hpp"
#include "support/run_task.hpp"

namespace podid::test {

// Every wait ends at once, has moved the time, and is remembered.
class InstantClock final : public base::Clock {
 public:
  base::WallTime wall_now() const override { return wall_; }
  base::SteadyTime steady_now() const override { return steady_; }
  base::Duration uptime() const override { return steady_.time_since_epoch(); }
  base::Task<> sleep_until(base::SteadyTime when) override {
    if (when <= steady_) co_return;
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(when - steady_));
    advance(when - steady_);
  }
  void advance(base::Duration by) {
    steady_ += by;
    wall_ += std::chrono::duration_cast<base::WallTime::duration>(by);
  }
  base::SteadyTime in(base::Duration from_now) const { return steady_ + from_now; }

  std::vector<std::chrono::milliseconds> waits;

 private:
  base::WallTime wall_ = base::WallTime(std::chrono::seconds(1'800'000'000));
  base::SteadyTime steady_ = base::SteadyTime(std::chrono::hours(1000));
};

// unit() is 0: waits are as long as they can be, without jitter. Identifiers differ.
class PlainRandom final : public base::Random {
 public:
  std::uint64_t next() override { return ++count_ & 0x7ff; }

 private:
  std::uint64_t count_ = 0;
};

struct RecordedRequest {
  std::string method;
  std::string target;
  net::Headers headers;
  std::string body;
};

// A server on a port of its own that gives prepared answers in order, and 599 when none is left.
class ScriptedEndpoint final : public net::HttpHandler {
 public:
  explicit ScriptedEndpoint(base::asio::io_context& io, net::TlsContext tls = {})
      : io_(io), server_(io.get_executor(), *this, net::ServerLimits{}), scheme_(tls ? "https" : "http") {
    const auto endpoint = server_.listen(net::ListenOptions{.tls = std::move(tls)});
    EXPECT_TRUE(endpoint.has_value());
    if (endpoint) port_ = endpoint->port();
  }
  ~ScriptedEndpoint() override { run_task(io_, server_.stop(net::deadline_in(std::chrono::seconds(0)))); }

  void answer(int status, std::string body, net::Headers headers = {}) {
    answers_.push_back({.status = status, .headers = std::move(headers), .body = std::move(body)});
  }
  std::string url(std::string_view path = "") const {
    return scheme_ + "://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  std::size_t left() const { return answers_.size(); }

  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override {
    RecordedRequest& record = requests.emplace_back();
    record.method = request.method();
    record.target = request.target();
    request.each_header([&record](std::string_view name, std::string_view value) { record.headers.add(name, value); });
    const auto body = co_await request.read_body(net::no_deadline);
    if (body) record.body = *body;
    if (answers_.empty()) {
      response.send(599, "text/plain", "not in the script");
      co_return;
    }
    const net::Response next = std::move(answers_.front());
    answers_.pop_front();
    for (const net::Header& header : next.headers) response.header(header.name, header.value);
    response.send(next.status, "application/json", next.body);
  }

  std::vector<RecordedRequest> requests;

 private:
  base::asio::io_context& io_;
  net::HttpServer server_;
  std::string scheme_;
  std::uint16_t port_ = 0;
  std::deque<net::Response> answers_;
};

// An event loop with a client, a clock and randomness: the base of fixtures.
class AzureTest : public ::testing::Test {
 protected:
  void make_client(net::HttpClientOptions options = azure::http_client_options("podid-test")) {
    auto client = net::HttpClient::create(io_.get_executor(), std::move(options));
    ASSERT_TRUE(client.has_value());
    http_ = std::move(*client);
  }
  void SetUp() override { make_client(); }

  base::asio::io_context io_;
  InstantClock clock_;
  PlainRandom random_;
  std::unique_ptr<net::HttpClient> http_;
};

// A URL at which nothing listens.
inline std::string refused_url() { return "http://127.0.0.1:1"; }

inline constexpr std::string_view kImdsToken =
    R"({"access_token":"eyJ0eXAi.e30.c2ln","client_id":"11111111-1111-1111-1111-111111111111","expires_in":"86399",)"
    R"("expires_on":"1800086399","ext_expires_in":"86399","not_before":"1799999700",)"
    R"("resource":"https://management.azure.com/","token_type":"Bearer"})";

}  // namespace podid::test
