// SPDX-License-Identifier: Apache-2.0
// The Node Managed Identity daemon: start here.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/metrics/metrics.hpp"
#include "base/random.hpp"
#include "net/http_transport.hpp"
#include "nmi/options.hpp"

namespace podid::nmi {

// The outside world; all of it outlives the Nmi and is thread-safe.
struct NmiDependencies {
  net::HttpTransportFactory http;  // of all that the NMI asks
  base::Clock& clock;
  base::Random& random;
  base::MetricsRegistry& metrics;
  // Called on the control thread when the NMI cannot go on; the owner then stops it. May be empty.
  std::function<void(const base::Error&)> on_fatal;
};

// Owns all threads. Calls come from one thread that runs no event loop.
class Nmi {
 public:
  // `options` are complete (complete_options()).
  Nmi(NmiOptions options, NmiDependencies dependencies);
  Nmi(const Nmi&) = delete;
  Nmi& operator=(const Nmi&) = delete;
  ~Nmi();

  // Returns when the service listens, the redirect is in place (or retried in the background) and the caches are being
  // filled; /readyz tells when they are full. After an error nothing runs; the redirect stays.
  base::Result<> start();
  // Requests in flight finish, at most for shutdown_timeout; the redirect stays unless cleanup_on_exit. Idempotent.
  void stop();

  // After start(): the ports in use, where the options left the choice to the kernel.
  std::uint16_t service_port() const;
  std::uint16_t probe_port() const;
  std::uint16_t metrics_port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// nmi --uninstall: removes the rules and settings of any NMI from this node. Returns when done.
base::Result<> uninstall(const NmiOptions& options);

}  // namespace podid::nmi
