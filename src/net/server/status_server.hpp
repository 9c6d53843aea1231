// SPDX-License-Identifier: Apache-2.0
// What kubelet and Prometheus ask a daemon: the probe and metrics ports (nmi.md §12, mic.md §10).
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/metrics/metrics.hpp"
#include "net/server/http_server.hpp"

namespace podid::net {

// Called on the server's executor for each answer; none waits.
struct StatusSource {
  std::function<bool()> is_active;  // does its work at the moment
  std::function<bool()> is_live;    // false: only a restart helps
  // The text of the refusal while it cannot do its part; nothing: ready.
  std::function<std::optional<std::string>()> why_not_ready;
  std::function<void()> before_metrics;  // sets gauges that are looked up when somebody asks; may be empty
};

// Whoever asks for metrics sooner than this after the last rendering gets that one.
inline constexpr std::chrono::seconds kMetricsInterval{1};

// /healthz: always 200, "Active" or "Not Active". /livez and /readyz: 200 "ok", else 503. On the other port /metrics. Belongs
// to one executor; await stop() before the destructor.
//
// Both ports are open to pods, and share their thread with the daemon's work: one peer can neither keep the kubelet out nor
// use up much memory or time (SEC-8).
class StatusServer {
 public:
  // `clock` and `metrics` outlive it.
  StatusServer(base::Executor executor, base::Clock& clock, const base::MetricsRegistry& metrics, StatusSource source);
  ~StatusServer();

  struct Port {
    std::string_view option;   // whose port it is: the beginning of an error's text
    std::uint16_t number = 0;  // 0: chosen by the kernel
  };
  // "::" is all addresses of both families, also where the kernel has no IPv6.
  base::Result<> start(const std::string& address, Port probes, Port metrics);
  base::Task<> stop(Deadline deadline);
  std::uint16_t probe_port() const { return probe_port_; }
  std::uint16_t metrics_port() const { return metrics_port_; }

 private:
  class Probes;
  class Metrics;
  std::unique_ptr<Probes> probes_;
  std::unique_ptr<Metrics> metrics_;
  HttpServer probe_server_;
  HttpServer metrics_server_;
  std::uint16_t probe_port_ = 0;
  std::uint16_t metrics_port_ = 0;
};

}  // namespace podid::net
