// SPDX-License-Identifier: Apache-2.0
#include "net/server/status_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/metrics/metric_names.hpp"
#include "net/http_client.hpp"
#include "support/fake_clock.hpp"
#include "support/raw_client.hpp"
#include "support/run_task.hpp"

namespace podid::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class StatusServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto started = status.start("127.0.0.1", {"--probes", 0}, {"--metrics", 0});
    ASSERT_TRUE(started) << started.error().message;
    client = HttpClient::create(io.get_executor(), clock, {}).value();
  }
  ~StatusServerTest() override { test::run_task(io, status.stop(Deadline::passed())); }

  std::string get(std::uint16_t port, const std::string& target) {
    const auto answer =
        test::run_task(io, client->send({.host = "127.0.0.1", .port = port}, {.target = target}, Deadline::never()));
    return answer ? std::to_string(answer->status) + " " + answer->body : answer.error().message;
  }
  std::string probe(const std::string& target) { return get(status.probe_port(), target); }

  base::asio::io_context io;
  test::FakeClock clock;
  base::MetricsRegistry metrics;
  bool active = false;
  bool live = true;
  std::optional<std::string> problem = "not ready: caches are not filled";
  int refreshed = 0;
  StatusServer status{io.get_executor(),
                      clock,
                      metrics,
                      {.is_active = [this] { return active; },
                       .is_live = [this] { return live; },
                       .why_not_ready = [this] { return problem; },
                       .before_metrics = [this] { ++refreshed; }}};
  std::unique_ptr<HttpClient> client;
};

TEST_F(StatusServerTest, SaysHowTheDaemonIs) {
  EXPECT_EQ(probe("/healthz"), "200 Not Active");
  EXPECT_EQ(probe("/livez"), "200 ok");
  EXPECT_EQ(probe("/readyz"), "503 not ready: caches are not filled");
  active = true;
  live = false;
  problem.reset();
  EXPECT_EQ(probe("/healthz?verbose"), "200 Active");
  EXPECT_EQ(probe("/livez"), "503 not ok");
  EXPECT_EQ(probe("/readyz"), "200 ok");
  EXPECT_EQ(probe("/metrics"), "404 404 page not found\n");
}

TEST_F(StatusServerTest, MetricsAreRefreshedWhenSomebodyLooks) {
  metrics.counter(base::metric::kEventsDropped).increment({});
  EXPECT_EQ(refreshed, 0);
  EXPECT_THAT(get(status.metrics_port(), "/metrics"), HasSubstr("aadpodidentity_events_dropped_total 1"));
  EXPECT_EQ(refreshed, 1);
  EXPECT_EQ(get(status.metrics_port(), "/healthz"), "404 404 page not found\n");
  EXPECT_EQ(refreshed, 1);
}

// Each rendering walks over all series on the thread that also fetches tokens.
TEST_F(StatusServerTest, MetricsAreRenderedOnceASecondHoweverOftenTheyAreAskedFor) {
  test::RawClient scraper(io.get_executor());
  test::run_task(io, scraper.connect({boost::asio::ip::address_v4::loopback(), status.metrics_port()}));
  const std::string request = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
  metrics.counter(base::metric::kEventsDropped).increment({});
  test::run_task(io, scraper.write(request + request + request));
  const std::string first = test::run_task(io, scraper.read_until("dropped_total 1\n"));
  EXPECT_THAT(first, AllOf(StartsWith("HTTP/1.1 200 "), Not(HasSubstr("\r\nAge: "))));
  metrics.counter(base::metric::kEventsDropped).increment({});
  EXPECT_THAT(test::run_task(io, scraper.read_until("dropped_total 1\n")),
              AllOf(HasSubstr("HTTP/1.1 200 "), HasSubstr("\r\nAge: 0\r\n")));
  EXPECT_EQ(refreshed, 1);
  // Who asks for the same again is slowed down.
  while (io.poll() > 0) {
  }
  EXPECT_EQ(scraper.socket().available(), 0u);
  clock.advance(std::chrono::milliseconds(400));
  test::run_task(io, scraper.read_until("dropped_total 1\n"));
  EXPECT_EQ(refreshed, 1);
  clock.advance(std::chrono::milliseconds(600));
  EXPECT_THAT(get(status.metrics_port(), "/metrics"), HasSubstr("aadpodidentity_events_dropped_total 2"));
  EXPECT_EQ(refreshed, 2);
}

// A pod that keeps connections open must not cost the kubelet its probe (SEC-8).
TEST_F(StatusServerTest, IdleConnectionsOfOnePeerLeaveRoomForOthers) {
  for (const std::uint16_t port : {status.probe_port(), status.metrics_port()}) {
    const base::asio::ip::tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), port);
    std::vector<std::unique_ptr<test::RawClient>> idle;
    int refused = 0;
    for (int n = 0; n < 256; ++n) {
      idle.push_back(std::make_unique<test::RawClient>(io.get_executor()));
      test::run_task(io, idle.back()->connect_from("127.0.0.2", endpoint));
      while (io.poll() > 0) {
      }
      if (idle.back()->socket().available() > 0) ++refused;
    }
    EXPECT_GT(refused, 200) << "of 256";
    EXPECT_EQ(get(port, port == status.probe_port() ? "/livez" : "/metrics").substr(0, 3), "200");
  }
}

TEST_F(StatusServerTest, NamesThePortThatItCannotHave) {
  StatusServer second(io.get_executor(), clock, metrics, {});
  const auto taken = second.start("127.0.0.1", {"--probes", 0}, {"--metrics", status.metrics_port()});
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, base::ErrorKind::already_exists);
  EXPECT_THAT(taken.error().message, StartsWith("--metrics: cannot listen on 127.0.0.1:"));
}

}  // namespace
}  // namespace podid::net
