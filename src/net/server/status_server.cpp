// SPDX-License-Identifier: Apache-2.0
#include "net/server/status_server.hpp"

#include <utility>

namespace podid::net {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";
// A connection that asks for the same rendering again pauses so long.
constexpr std::chrono::milliseconds kRepeatPause{250};

ServerLimits side_port_limits() {
  ServerLimits limits;
  limits.max_header_bytes = 8 * 1024;
  limits.max_body_bytes = 0;
  limits.max_connections = 256;
  limits.max_connections_per_peer = 16;
  limits.max_buffered_bytes = 16 * 1024 * 1024;  // an answer with all metrics is the largest
  limits.idle_timeout = std::chrono::seconds(10);
  limits.header_timeout = std::chrono::seconds(10);
  limits.write_timeout = std::chrono::seconds(10);
  return limits;
}

// All answers are at hand: no request ever waits.
class Immediate : public HttpHandler {
 public:
  bool try_handle(ServerRequest& request, ServerResponse& response) final {
    const std::string_view target = request.target();
    answer(target.substr(0, target.find('?')), response);
    return true;
  }
  base::Task<> handle(ServerRequest&, ServerResponse&) final { co_return; }

 private:
  virtual void answer(std::string_view path, ServerResponse& response) = 0;
};

void send_not_found(ServerResponse& response) { response.send(404, kText, "404 page not found\n"); }

// "::" also means what a kernel without IPv6 has instead of it.
auto listen(HttpServer& server, const std::string& address, std::uint16_t port) {
  auto listening = server.listen({.address = address, .port = port});
  if (listening || address != "::" || listening.error().kind == base::ErrorKind::already_exists) return listening;
  return server.listen({.address = "0.0.0.0", .port = port});
}

}  // namespace

class StatusServer::Probes final : public Immediate {
 public:
  explicit Probes(StatusSource source) : source_(std::move(source)) {}

 private:
  void answer(std::string_view path, ServerResponse& response) override {
    if (path == "/healthz") {
      response.send(200, kText, source_.is_active() ? "Active" : "Not Active");
    } else if (path == "/livez") {
      const bool live = source_.is_live();
      response.send(live ? 200 : 503, kText, live ? "ok" : "not ok");
    } else if (path == "/readyz") {
      const std::optional<std::string> problem = source_.why_not_ready();
      response.send(problem ? 503 : 200, kText, problem.value_or("ok"));
    } else {
      send_not_found(response);
    }
  }

  const StatusSource source_;
};

class StatusServer::Metrics final : public Immediate {
 public:
  Metrics(const base::MetricsRegistry& registry, base::Clock& clock, std::function<void()> refresh)
      : registry_(registry), clock_(clock), refresh_(std::move(refresh)) {}

 private:
  void answer(std::string_view path, ServerResponse& response) override {
    if (path != "/metrics") {
      send_not_found(response);
      return;
    }
    const base::SteadyTime now = clock_.steady_now();
    if (!rendered_at_ || now >= *rendered_at_ + kMetricsInterval) {
      if (refresh_) refresh_();
      text_ = registry_.expose();
      rendered_at_ = now;
    } else {
      response.pause_after(kRepeatPause);
      response.header("Age", "0");  // RFC 9111 §5.1: not made for this request
    }
    response.send(200, base::kMetricsContentType, text_);
  }

  const base::MetricsRegistry& registry_;
  base::Clock& clock_;
  const std::function<void()> refresh_;
  std::string text_;  // the last rendering
  std::optional<base::SteadyTime> rendered_at_;
};

StatusServer::StatusServer(base::Executor executor, base::Clock& clock, const base::MetricsRegistry& metrics,
                           StatusSource source)
    : probes_(std::make_unique<Probes>(source)),
      metrics_(std::make_unique<Metrics>(metrics, clock, std::move(source.before_metrics))),
      probe_server_(executor, clock, *probes_, side_port_limits()),
      metrics_server_(executor, clock, *metrics_, side_port_limits()) {}

StatusServer::~StatusServer() = default;

base::Result<> StatusServer::start(const std::string& address, Port probes, Port metrics) {
  const auto probing = listen(probe_server_, address, probes.number);
  if (!probing) return base::fail(probing.error(), probes.option);
  const auto showing = listen(metrics_server_, address, metrics.number);
  if (!showing) return base::fail(showing.error(), metrics.option);
  probe_port_ = probing->port();
  metrics_port_ = showing->port();
  return {};
}

base::Task<> StatusServer::stop(Deadline deadline) {
  co_await probe_server_.stop(deadline);
  co_await metrics_server_.stop(deadline);
}

}  // namespace podid::net
