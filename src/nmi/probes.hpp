// SPDX-License-Identifier: Apache-2.0
// What kubelet and Prometheus ask: health (nmi.md §12, NMI-24) and metrics.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/metrics/metrics.hpp"
#include "net/server/http_server.hpp"

namespace podid::nmi {

// /healthz is 200 always, its text says whether the redirect is in place; /livez is 200 while the control thread runs;
// /readyz is 503 with the reason until redirect, pods' interfaces and caches are in place.
class ProbeHandler final : public net::HttpHandler {
 public:
  // `active`: the redirect is in place. `not_ready`: why not, or nothing.
  ProbeHandler(std::function<bool()> active, std::function<std::optional<std::string>()> not_ready);
  bool try_handle(net::ServerRequest& request, net::ServerResponse& response) override;
  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override;

 private:
  std::function<bool()> active_;
  std::function<std::optional<std::string>()> not_ready_;
};

// GET /metrics.
class MetricsHandler final : public net::HttpHandler {
 public:
  explicit MetricsHandler(const base::MetricsRegistry& metrics) : metrics_(metrics) {}
  bool try_handle(net::ServerRequest& request, net::ServerResponse& response) override;
  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override;

 private:
  const base::MetricsRegistry& metrics_;
};

}  // namespace podid::nmi
