// SPDX-License-Identifier: Apache-2.0
#include "nmi/probes.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

std::string_view path_of(const net::ServerRequest& request) {
  return request.target().substr(0, request.target().find('?'));
}

}  // namespace

ProbeHandler::ProbeHandler(std::function<bool()> active, std::function<std::optional<std::string>()> not_ready)
    : active_(std::move(active)), not_ready_(std::move(not_ready)) {}

bool ProbeHandler::try_handle(net::ServerRequest& request, net::ServerResponse& response) {
  const std::string_view path = path_of(request);
  if (path == "/healthz") {
    response.send(200, kText, active_() ? "Active" : "Not Active");
  } else if (path == "/livez") {
    response.send(200, kText, "ok");
  } else if (path == "/readyz") {
    const std::optional<std::string> problem = not_ready_();
    response.send(problem ? 503 : 200, kText, problem ? "not ready: " + *problem : "ok");
  } else {
    response.send(404, kText, "404 page not found\n");
  }
  return true;
}

base::Task<> ProbeHandler::handle(net::ServerRequest&, net::ServerResponse&) { co_return; }

bool MetricsHandler::try_handle(net::ServerRequest& request, net::ServerResponse& response) {
  if (path_of(request) == "/metrics") {
    response.send(200, base::kMetricsContentType, metrics_.expose());
  } else {
    response.send(404, kText, "404 page not found\n");
  }
  return true;
}

base::Task<> MetricsHandler::handle(net::ServerRequest&, net::ServerResponse&) { co_return; }

}  // namespace podid::nmi
