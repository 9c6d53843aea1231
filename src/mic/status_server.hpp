// SPDX-License-Identifier: Apache-2.0
// The probe and metrics ports (mic.md §10).
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/async.hpp"
#include "base/error.hpp"
#include "base/metrics/metrics.hpp"
#include "net/server/http_server.hpp"

namespace podid::mic {

struct ProbeState {
  bool active = false;  // leader, and the controller runs
  bool live = true;     // false: only a restart helps
  bool ready = false;   // can do its part: leads with all caches filled, or stands for election
};

// /healthz: always 200, "Active" or "Not Active". /livez and /readyz: 200 "ok", else 503. Belongs to one executor; await
// stop() before the destructor.
class StatusServer {
 public:
  using State = std::function<ProbeState()>;
  // `refresh` is called before each answer of /metrics: gauges are set when somebody looks.
  StatusServer(base::Executor executor, const base::MetricsRegistry& metrics, std::function<void()> refresh,
               State state);
  ~StatusServer();

  base::Result<> start(const std::string& address, std::uint16_t probe_port, std::uint16_t metrics_port);
  base::Task<> stop();
  std::uint16_t probe_port() const { return probe_port_; }
  std::uint16_t metrics_port() const { return metrics_port_; }

 private:
  class Probes;
  class Metrics;
  std::unique_ptr<Probes> probes_;
  std::unique_ptr<Metrics> metrics_;
  net::HttpServer probe_server_;
  net::HttpServer metrics_server_;
  std::uint16_t probe_port_ = 0;
  std::uint16_t metrics_port_ = 0;
};

}  // namespace podid::mic
