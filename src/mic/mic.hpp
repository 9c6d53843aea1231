// SPDX-License-Identifier: Apache-2.0
// The controller as a whole: election, caches, controller, Azure clients, probes, metrics. A test can hold it.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/flags/environment.hpp"
#include "base/metrics/metrics.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "kube/config.hpp"
#include "kube/event_recorder.hpp"
#include "kube/leader_elector.hpp"
#include "mic/config_watch.hpp"
#include "mic/control/metrics.hpp"
#include "mic/leadership.hpp"
#include "mic/machines/cloud_session.hpp"
#include "mic/options.hpp"
#include "net/http_transport.hpp"
#include "net/server/status_server.hpp"
#include "zones/time_zones.hpp"

namespace podid::mic {

struct MicDependencies {
  base::Executor executor;
  net::HttpTransportFactory http;  // of all that the controller asks
  base::Clock& clock;
  base::Random& random;
  kube::ClusterConfig cluster;
  base::Environment environment;
  std::string host_name;  // identity in the lock where the flags give none
  // In place of Azure's own, for tests: the instance metadata service, and the authority that signs Azure's certificates.
  std::optional<std::string> imds_endpoint = {};
  std::string azure_ca_pem = {};  // empty: the system's trust store
  // Called once, when the process cannot go on: the lock is lost, or the type upgrade failed. All writes have been
  // broken off. The process should stop() and exit.
  std::function<void(const base::Error& error)> on_fatal;
};

// One executor. Await stop() before the destructor.
class Mic {
 public:
  Mic(MicOptions options, MicDependencies dependencies);
  ~Mic();

  // Opens the ports, reads the cloud configuration, stands for election. Errors are fatal.
  base::Result<> start();
  // Begins no further writes, lets those under way end (at most kDrainTimeout), releases the lock (MIC-24).
  base::Task<> stop();

  bool leading() const { return leadership_ != nullptr; }
  // Leads, and the controller works.
  bool active() const { return leadership_ && leadership_->active(); }
  // Active, and nothing to do at the moment.
  bool idle() const { return active() && leadership_->controller().idle(); }
  std::uint16_t probe_port() const { return status_.probe_port(); }
  std::uint16_t metrics_port() const { return status_.metrics_port(); }
  const base::MetricsRegistry& metrics() const { return registry_; }

 private:
  base::Result<azure::CloudConfig> read_cloud_config(std::string& content) const;
  base::Result<std::shared_ptr<CloudSession>> open_session(azure::CloudConfig config);
  base::Result<> start_cloud();
  base::Result<> start_kube();
  const azure::CloudConfig& cloud() const;
  void reload(const std::string& content);
  ControllerOptions controller_options() const;
  core::ImmutableIdentities immutable(const azure::CloudConfig& config) const;
  ClusterIdentities cluster_identities(const azure::CloudConfig& config) const;
  core::ComputeDefaults compute_defaults() const;

  void on_started_leading();
  void on_lost();
  base::Task<> lead();
  base::Task<> check_definition();
  base::Task<> give_up_leadership();
  void fatal(base::Error error);
  bool ready() const;
  void refresh_metrics();

  // constant
  const MicOptions options_;
  MicDependencies dependencies_;
  // parts, in the order in which each uses those before it
  base::MetricsRegistry registry_;
  MicMetrics metrics_;
  zones::TimeZones zones_;
  net::StatusServer status_;
  std::unique_ptr<CloudIdentityApi> identities_;
  std::unique_ptr<ConfigWatch> config_watch_;
  std::unique_ptr<kube::Client> client_;
  std::unique_ptr<kube::Client> election_client_;  // no write of ours ever stands before a renewal
  std::unique_ptr<kube::EventRecorder> events_;
  std::unique_ptr<kube::LeaderElector> elector_;
  std::unique_ptr<Leadership> leadership_;
  bool stopping_ = false;
  bool failed_ = false;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::mic
