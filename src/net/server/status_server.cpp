// SPDX-License-Identifier: Apache-2.0
#include "net/server/status_server.hpp"

#include <utility>

namespace podid::net {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

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
  Metrics(const base::MetricsRegistry& registry, std::function<void()> refresh)
      : registry_(registry), refresh_(std::move(refresh)) {}

 private:
  void answer(std::string_view path, ServerResponse& response) override {
    if (path != "/metrics") {
      send_not_found(response);
      return;
    }
    if (refresh_) refresh_();
    response.send(200, base::kMetricsContentType, registry_.expose());
  }

  const base::MetricsRegistry& registry_;
  const std::function<void()> refresh_;
};

StatusServer::StatusServer(base::Executor executor, base::Clock& clock, const base::MetricsRegistry& metrics,
                           ServerLimits limits, StatusSource source)
    : probes_(std::make_unique<Probes>(source)),
      metrics_(std::make_unique<Metrics>(metrics, std::move(source.before_metrics))),
      probe_server_(executor, clock, *probes_, limits),
      metrics_server_(executor, clock, *metrics_, std::move(limits)) {}

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
