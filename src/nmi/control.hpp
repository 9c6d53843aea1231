// SPDX-License-Identifier: Apache-2.0
// What the control thread owns: the API server's side, the token cache with its sources, the probes, the talk with the
// keeper.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "azure/entra_client.hpp"
#include "azure/imds_client.hpp"
#include "base/metrics/metrics.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "kube/config.hpp"
#include "kube/event_recorder.hpp"
#include "net/http_transport.hpp"
#include "net/server/status_server.hpp"
#include "nmi/link/keeper_link.hpp"
#include "nmi/netlink/interface_watch.hpp"
#include "nmi/options.hpp"
#include "nmi/pods/address_doubt.hpp"
#include "nmi/pods/cluster_watch.hpp"
#include "nmi/pods/redirect_proof.hpp"
#include "nmi/pods/snapshot_source.hpp"
#include "nmi/record/issuance_events.hpp"
#include "nmi/token/azure_token_source.hpp"
#include "nmi/token/fair_turns.hpp"
#include "nmi/token/kube_secret_reader.hpp"
#include "nmi/token/token_broker.hpp"
#include "nmi/token/token_cache.hpp"
#include "zones/time_zones.hpp"

namespace podid::nmi {

// Made and used on one executor, which is run by the control thread. References outlive it.
class Control {
 public:
  struct Context {
    net::HttpTransportFactory http;
    base::Clock& clock;
    base::Random& random;
    base::MetricsRegistry& metrics;
    SnapshotSource& snapshots;
    RedirectProof& proof;
    kube::ClusterConfig cluster;
    Descriptor keeper;  // our end of the link
    KeeperEvents events;
  };
  // Everything made, nothing started.
  static base::Result<std::unique_ptr<Control>> create(base::Executor executor, const NmiOptions& options,
                                                       Context context);

  // Opens the probe and metrics ports.
  base::Result<> listen();
  // After listen(), and with the service listening: tells the keeper, which puts the redirect in place whatever becomes
  // of us (NMI-26), and begins to fill the caches.
  void start(Ready ready);
  // The reverse, when no request is in flight any more.
  base::Task<> stop(net::Deadline deadline);

  TokenBroker& broker() { return broker_; }
  void look(LookKey key) { watch_.look(std::move(key)); }
  void record(const std::vector<Issuance>& issuances) { events_.record(issuances); }
  // A Warning event on our node.
  void tell_of_node(std::string_view reason, std::string text);
  std::uint16_t probe_port() const { return status_.probe_port(); }
  std::uint16_t metrics_port() const { return status_.metrics_port(); }
  // Nothing: ready for pods.
  std::optional<std::string> not_ready();

 private:
  struct Clients {
    std::unique_ptr<kube::Client> kube;
    std::unique_ptr<net::HttpTransport> http;
    std::unique_ptr<FairTurns> turns;  // of the pods, at the metadata endpoint
    std::unique_ptr<azure::ImdsClient> imds;
    azure::DirectoryEndpoints directories;
  };
  Control(base::Executor executor, const NmiOptions& options, Context context, Clients clients);
  base::Task<> lift_startup_taints();
  base::Task<> report_dropped_events();
  base::Task<> watch_proof();

  const NmiOptions options_;
  base::Clock& clock_;
  base::MetricsRegistry& metrics_;
  RedirectProof& proof_;
  SnapshotSource::Reader snapshots_;  // for the proof

  Clients clients_;
  azure::EntraClient entra_;
  KubeSecretReader secrets_;
  AzureTokenSource source_;
  TokenCache cache_;
  TokenBroker broker_;
  kube::EventRecorder recorder_;
  IssuanceEvents events_;
  zones::TimeZones zones_;
  ClusterWatch watch_;
  AddressDoubt doubt_;
  InterfaceWatch interfaces_;
  KeeperLink keeper_;
  net::StatusServer status_;  // /healthz: the redirect is in place; /readyz: redirect, pods' interfaces and caches are
  base::TaskGroup tasks_;     // last: ends before what it uses
};

}  // namespace podid::nmi
