// SPDX-License-Identifier: Apache-2.0
// The Node Managed Identity daemon, less what changes the node (nmi/keeper): start here.
#pragma once
#include <cstdint>
#include <memory>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/metrics/metrics.hpp"
#include "base/random.hpp"
#include "kube/config.hpp"
#include "net/http_transport.hpp"
#include "nmi/link/keeper_link.hpp"
#include "nmi/options.hpp"

namespace podid::nmi {

// The outside world; all of it outlives the Nmi and is thread-safe.
struct NmiDependencies {
  net::HttpTransportFactory http;  // of all that the NMI asks
  base::Clock& clock;
  base::Random& random;
  base::MetricsRegistry& metrics;
  kube::ClusterConfig cluster;
  Descriptor keeper;      // our end of the link to the keeper
  std::string proof_key;  // shared with the keeper
  KeeperEvents events;    // what comes from there, on the control thread
};

// Owns all threads. Calls come from one thread that runs no event loop.
class Nmi {
 public:
  // `options` are complete (complete_options() of flags.hpp).
  Nmi(NmiOptions options, NmiDependencies dependencies);
  Nmi(const Nmi&) = delete;
  Nmi& operator=(const Nmi&) = delete;
  ~Nmi();

  // Opens all files and ports; no thread yet, so that the process can give up what this needs. After an error nothing
  // is left to be stopped.
  base::Result<> open();
  // After open(), as the user that the process will be, before start(). Where no log is wanted nothing happens; an error where it
  // cannot be (--audit-failure=refuse).
  base::Result<> open_audit_log();
  // After open(). From its return the keeper knows that the service listens, and the caches are being filled; /readyz
  // tells when they are full and pods are led here. `ready`: what the keeper is told, and asked for.
  void start(Ready ready = {});
  // Requests in flight finish, at most for shutdown_timeout. Idempotent.
  void stop();

  // After open(): the ports in use, where the options left the choice to the kernel.
  std::uint16_t service_port() const;
  std::uint16_t probe_port() const;
  std::uint16_t metrics_port() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace podid::nmi
