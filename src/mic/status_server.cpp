// SPDX-License-Identifier: Apache-2.0
#include "mic/status_server.hpp"

#include <string_view>
#include <utility>

namespace podid::mic {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::chrono::seconds kStopTimeout{1};

net::ServerLimits limits() {
  net::ServerLimits limits;
  limits.max_header_bytes = 16 * 1024;
  limits.max_body_bytes = 0;
  limits.max_connections = 256;
  return limits;
}

std::string_view path_of(const net::ServerRequest& request) {
  const std::string_view target = request.target();
  return target.substr(0, target.find('?'));
}

// All answers are at hand: no request ever waits.
class Immediate : public net::HttpHandler {
 public:
  bool try_handle(net::ServerRequest& request, net::ServerResponse& response) final {
    answer(path_of(request), response);
    return true;
  }
  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) final {
    answer(path_of(request), response);
    co_return;
  }

 private:
  virtual void answer(std::string_view path, net::ServerResponse& response) = 0;
};

}  // namespace

class StatusServer::Probes final : public Immediate {
 public:
  explicit Probes(State state) : state_(std::move(state)) {}

 private:
  void answer(std::string_view path, net::ServerResponse& response) override {
    const ProbeState state = state_();
    if (path == "/healthz") {
      response.send(200, kText, state.active ? "Active" : "Not Active");
    } else if (path == "/livez") {
      say(response, state.live);
    } else if (path == "/readyz") {
      say(response, state.ready);
    } else {
      response.send(404, kText, "404 page not found\n");
    }
  }
  static void say(net::ServerResponse& response, bool good) {
    response.send(good ? 200 : 503, kText, good ? "ok" : "not ok");
  }

  State state_;
};

class StatusServer::Metrics final : public Immediate {
 public:
  Metrics(const base::MetricsRegistry& registry, std::function<void()> refresh)
      : registry_(registry), refresh_(std::move(refresh)) {}

 private:
  void answer(std::string_view path, net::ServerResponse& response) override {
    if (path == "/metrics") {
      refresh_();
      response.send(200, base::kMetricsContentType, registry_.expose());
    } else {
      response.send(404, kText, "404 page not found\n");
    }
  }

  const base::MetricsRegistry& registry_;
  const std::function<void()> refresh_;
};

StatusServer::StatusServer(base::Executor executor, const base::MetricsRegistry& metrics, std::function<void()> refresh,
                           State state)
    : probes_(std::make_unique<Probes>(std::move(state))),
      metrics_(std::make_unique<Metrics>(metrics, std::move(refresh))),
      probe_server_(executor, *probes_, limits()),
      metrics_server_(executor, *metrics_, limits()) {}

StatusServer::~StatusServer() = default;

base::Result<> StatusServer::start(const std::string& address, std::uint16_t probe_port, std::uint16_t metrics_port) {
  const auto probe = probe_server_.listen({.address = address, .port = probe_port});
  if (!probe) return base::fail(probe.error(), "http-probe-port");
  const auto metrics = metrics_server_.listen({.address = address, .port = metrics_port});
  if (!metrics) return base::fail(metrics.error(), "prometheus-port");
  probe_port_ = probe->port();
  metrics_port_ = metrics->port();
  return {};
}

base::Task<> StatusServer::stop() {
  co_await probe_server_.stop(net::deadline_in(kStopTimeout));
  co_await metrics_server_.stop(net::deadline_in(kStopTimeout));
}

}  // namespace podid::mic
