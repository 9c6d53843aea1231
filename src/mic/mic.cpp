// SPDX-License-Identifier: Apache-2.0
#include "mic/mic.hpp"

#include <chrono>
#include <utility>

#include "base/alarm.hpp"
#include "base/file.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "kube/definition.hpp"
#include "mic/control/events.hpp"
#include "mic/limits.hpp"
#include "mic/machines/limits.hpp"
#include "mic/upgrade/type_upgrade.hpp"

namespace podid::mic {
namespace {

constexpr std::chrono::seconds kStatusStopTimeout{1};
constexpr std::chrono::seconds kDefinitionTimeout{5};

// Of --no-azure; there is nobody to ask it anything.
class NoAzure final : public IdentityApi {
 public:
  base::Task<azure::UpdateResult> update(azure::AzureResource, azure::IdentityChange) override {
    azure::UpdateResult refused;
    base::Error& error = refused.error.emplace();
    error.kind = base::ErrorKind::unsupported;
    error.message = "--no-azure";
    co_return refused;
  }
  base::Task<base::Result<std::map<std::string, azure::IdentityState>>> list(azure::AzureResource) override {
    co_return base::fail(base::ErrorKind::unsupported, "--no-azure");
  }
};

}  // namespace

Mic::Mic(MicOptions options, MicDependencies dependencies)
    : options_(std::move(options)),
      dependencies_(std::move(dependencies)),
      metrics_(registry_),
      status_(dependencies_.executor, dependencies_.clock, registry_,
              {.is_active = [this] { return active(); },
               .is_live = [this] { return !failed_; },
               .why_not_ready = [this]() -> std::optional<std::string> {
                 if (ready()) return std::nullopt;
                 return "not ok";
               },
               .before_metrics = [this] { refresh_metrics(); }}),
      tasks_(dependencies_.executor) {}

Mic::~Mic() = default;

base::Result<> Mic::start() {
  metrics_.mode(core::NamespacedMode{options_.namespaced});
  if (!options_.namespaced) {
    base::log::warning(
        "not in namespaced mode: a pod of any namespace that carries a binding's label gets its identity");
  }
  // The probe port first: a kubelet may ask before anything else is up.
  auto done = status_.start(options_.probe_address, {"http-probe-port", options_.probe_port},
                            {"prometheus-port", options_.prometheus_port});
  if (!done) return done;
  if (!options_.no_azure) done = start_cloud();
  if (!done) return done;
  done = start_kube();
  if (!done) return done;
  metrics_.election_started();
  metrics_.leading(false);
  elector_->start();
  return {};
}

// ---- Azure ----

base::Result<azure::CloudConfig> Mic::read_cloud_config(std::string& content) const {
  if (options_.cloud_config.empty()) return azure::cloud_config_from_environment(dependencies_.environment);
  auto file = base::read_file(options_.cloud_config, kMaxCloudConfigBytes);
  if (!file) return std::unexpected(file.error());
  content = std::move(*file);
  auto config = azure::parse_cloud_config(content);
  if (!config) return base::fail(config.error(), options_.cloud_config);
  return config;
}

base::Result<std::shared_ptr<CloudSession>> Mic::open_session(azure::CloudConfig config) {
  CloudOptions options;
  options.user_agent = base::user_agent("MIC", options_.custom_user_agent);
  options.environment_file = dependencies_.environment("AZURE_ENVIRONMENT_FILEPATH");
  if (dependencies_.imds_endpoint) options.imds_endpoint = *dependencies_.imds_endpoint;
  options.ca_pem = dependencies_.azure_ca_pem;
  options.compute.learn_client_ids = true;
  options.compute.max_retries = options_.update_user_msi_max_retry;
  options.compute.retry_interval = options_.update_user_msi_retry_interval;
  // An AzureIdentity may name one of them by its resource ID alone, or with another's client ID.
  options.compute.stays = [immutable = immutable(config)](std::string_view id, const azure::UserIdentity& identity) {
    core::AzureIdentity known;
    known.resource_id = core::ResourceId(core::ResourceIdView(id));
    known.client_id = core::ClientId(identity.client_id);
    return immutable.contains(known);
  };
  options.compute.on_operation = [this](std::string_view operation, base::Duration took, azure::Ended ended) {
    if (ended == azure::Ended::well) {
      metrics_.azure_succeeded(operation, took);
    } else {
      metrics_.azure_failed(operation);
    }
  };
  return CloudSession::create(dependencies_.executor, dependencies_.http, std::move(config), options,
                              dependencies_.clock, dependencies_.random);
}

base::Result<> Mic::start_cloud() {
  std::string content;
  auto config = read_cloud_config(content);
  if (!config) return base::fail(config.error(), "cloud configuration");
  auto session = open_session(std::move(*config));
  if (!session) return base::fail(session.error(), "cloud configuration");
  identities_ = std::make_unique<CloudIdentityApi>(std::move(*session));
  if (options_.cloud_config.empty()) return {};
  auto watch = ConfigWatch::create(dependencies_.executor, options_.cloud_config, std::move(content),
                                   [this](const std::string& changed) { reload(changed); });
  if (!watch) return std::unexpected(watch.error());
  config_watch_ = std::move(*watch);
  return {};
}

// Only a configuration that is good as a whole replaces the one in use (MIC-19).
void Mic::reload(const std::string& content) {
  auto config = azure::parse_cloud_config(content);
  std::optional<base::Error> error;
  if (!config) {
    error = config.error();
  } else {
    auto session = open_session(std::move(*config));
    if (session) {
      identities_->replace(std::move(*session));
    } else {
      error = session.error();
    }
  }
  metrics_.config_reloaded(error ? MicMetrics::Reload::failed : MicMetrics::Reload::taken);
  if (error) {
    base::log::error("the new cloud configuration is not usable; the last good one stays in use",
                     {{"path", options_.cloud_config}, {"error", *error}});
    return;
  }
  base::log::info("cloud configuration read again", {{"path", options_.cloud_config}});
  if (leadership_) {
    const azure::CloudConfig& now = identities_->config();
    leadership_->controller().reconfigure(compute_defaults(), immutable(now), cluster_identities(now));
  }
}

core::ImmutableIdentities Mic::immutable(const azure::CloudConfig& config) const {
  return {options_.immutable_user_msis, config.user_assigned_identity_id};
}

// Also where the MIC itself has other credentials: it is the nodes' identity all the same.
ClusterIdentities Mic::cluster_identities(const azure::CloudConfig& config) const {
  return {.identities = {{}, config.user_assigned_identity_id},
          .use = options_.allow_cluster_identity ? ClusterIdentities::Use::allowed : ClusterIdentities::Use::refused};
}

const azure::CloudConfig& Mic::cloud() const {
  static const azure::CloudConfig kNone;
  return identities_ ? identities_->config() : kNone;
}

core::ComputeDefaults Mic::compute_defaults() const {
  const azure::CloudConfig& config = cloud();
  return {.subscription = config.subscription_id, .resource_group = config.resource_group};
}

// ---- Kubernetes ----

base::Result<> Mic::start_kube() {
  kube::ClientOptions client;
  client.user_agent = base::user_agent("MIC", options_.custom_user_agent);
  client.qps = options_.client_qps.value_or(0);
  client.burst = client.qps;
  auto made = kube::Client::make(dependencies_.executor, dependencies_.http, dependencies_.cluster, std::move(client),
                                 dependencies_.clock, dependencies_.random);
  if (!made) return base::fail(made.error(), "kubernetes client");
  client_ = std::move(*made);
  kube::ClientOptions election_client;
  election_client.user_agent = base::user_agent("MIC", options_.custom_user_agent);
  made = kube::Client::make(dependencies_.executor, dependencies_.http, dependencies_.cluster,
                            std::move(election_client), dependencies_.clock, dependencies_.random);
  if (!made) return base::fail(made.error(), "kubernetes client");
  election_client_ = std::move(*made);

  const LeaderElectionOptions& election = options_.leader_election;
  const std::string instance = election.instance.empty() ? dependencies_.host_name : election.instance;
  events_ = std::make_unique<kube::EventRecorder>(
      *client_,
      kube::EventRecorderOptions{.component = std::string(kEventComponent), .host = {}, .instance = instance});
  events_->start();

  const auto lock = kube::parse_lock_kind(election.resource_lock);
  if (!lock) return std::unexpected(lock.error());
  kube::LeaderElectorOptions elector;
  elector.lock = *lock;
  elector.key = {.ns = election.ns, .name = election.name};
  elector.identity = instance;
  elector.lease_duration = std::chrono::duration_cast<std::chrono::milliseconds>(election.lease_duration);
  elector_ = std::make_unique<kube::LeaderElector>(
      *election_client_, std::move(elector),
      kube::LeaderCallbacks{
          .on_started = [this] { on_started_leading(); },
          .on_lost = [this] { on_lost(); },
          .on_new_leader = [](const std::string& identity) { base::log::info("leader", {{"identity", identity}}); }},
      events_.get());
  return {};
}

// ---- leading ----

ControllerOptions Mic::controller_options() const {
  ControllerOptions options;
  options.assignment = {.namespaced = core::NamespacedMode{options_.namespaced},
                        .keep_finished_pods = options_.keep_identity_for_finished_pods,
                        .policy = core::IdentityPolicyMode{options_.identity_policy == "enforce"}};
  options.compute_defaults = compute_defaults();
  options.immutable = immutable(cloud());
  options.cluster = cluster_identities(cloud());
  options.writes_per_target = static_cast<std::size_t>(options_.create_delete_batch);
  options.full_pass_interval = options_.sync_retry_duration;
  options.access = {.lead_time = options_.window_lead_time, .detach_delay = options_.window_detach_delay};
  options.azure.max_parallel = static_cast<std::size_t>(options_.max_parallel_arm);
  options.azure.timing = {.max_age = options_.identity_assignment_reconcile_interval,
                          .first_retry = kAzureRetryFirstDelay,
                          .last_retry = kAzureRetryLastDelay,
                          .first_bad_delay = kBadIdentityFirstDelay,
                          .last_bad_delay = kBadIdentityLastDelay};
  return options;
}

void Mic::on_started_leading() {
  if (failed_ || stopping_) return;  // the process is on its way out, which releases the lock again
  metrics_.leading(true);
  static NoAzure no_azure;
  IdentityApi& identities = identities_ ? static_cast<IdentityApi&>(*identities_) : no_azure;
  leadership_ =
      std::make_unique<Leadership>(*client_, *events_, metrics_, identities, controller_options(), dependencies_.random,
                                   zones_.lookup(), options_.no_azure ? Follow::bindings : Follow::all);
  tasks_.spawn("lead", lead());
}

// Of an older installation the API server drops spec.access without a word: the binding would not be limited at all.
base::Task<> Mic::check_definition() {
  const kube::ObjectKey key = kube::definition_of(kube::kAzureIdentityBindings);
  const net::Deadline deadline = net::Deadline::in(dependencies_.clock, kDefinitionTimeout);
  auto definition = co_await client_->get(kube::kCustomResourceDefinitions, key, deadline);
  if (!definition) {
    base::log::info("whether the definition of AzureIdentityBinding has spec.access is not known",
                    {{"error", definition.error()}});
    co_return;
  }
  const bool missing = !kube::keeps_spec_member(*definition, kube::kAzureIdentityBindings, "access");
  metrics_.crd_field_missing(missing);
  if (missing) {
    base::log::error(
        "the installed definition of AzureIdentityBinding has no spec.access: it is dropped, and bindings are not "
        "limited "
        "by it; apply deploy/crds");
  }
}

base::Task<> Mic::lead() {
  co_await check_definition();
  if (options_.enable_type_upgrade && !options_.no_azure) {
    TypeUpgradeOptions upgrade{.ns = options_.ns,
                               .config_map = options_.config_map_name,
                               .key = options_.type_upgrade_status_key,
                               .version = std::string(base::version())};
    auto done = co_await upgrade_types(*client_, std::move(upgrade));
    if (!done) {
      fatal(done.error());
      co_return;
    }
  }
  leadership_->start();
  while (!leadership_->active()) {
    co_await dependencies_.clock.sleep_for(kCacheReport);
    const std::string missing = leadership_->missing_caches();
    if (!missing.empty()) base::log::warning("caches are not filled yet", {{"missing", missing}});
  }
}

void Mic::on_lost() {
  metrics_.leading(false);
  if (leadership_) leadership_->cancel_writes();
  if (stopping_) return;
  base::Error lost;
  lost.kind = base::ErrorKind::cancelled;
  lost.message = "lost leader lease";
  fatal(std::move(lost));
}

void Mic::fatal(base::Error error) {
  if (std::exchange(failed_, true)) return;
  if (leadership_) leadership_->cancel_writes();
  base::log::error("the controller cannot go on", {{"error", error}});
  dependencies_.on_fatal(error);
}

base::Task<> Mic::give_up_leadership() {
  leadership_->stop_writes();
  const base::SteadyTime limit = dependencies_.clock.steady_now() + kDrainTimeout;
  base::Alarm too_long(dependencies_.executor, dependencies_.clock, [this] {
    base::log::warning("writes under way are broken off");
    leadership_->cancel_writes();
  });
  too_long.set(limit);
  co_await leadership_->drain();
  too_long.set(std::nullopt);
  co_await leadership_->stop();
}

base::Task<> Mic::stop() {
  if (std::exchange(stopping_, true)) co_return;
  tasks_.stop();
  co_await tasks_.join();
  if (leadership_) co_await give_up_leadership();
  if (elector_) co_await elector_->stop(net::Deadline::in(dependencies_.clock, kube::kWriteTimeout));
  if (events_) co_await events_->stop(net::Deadline::in(dependencies_.clock, std::chrono::seconds(2)));
  if (config_watch_) co_await config_watch_->stop();
  co_await status_.stop(net::Deadline::in(dependencies_.clock, kStatusStopTimeout));
  leadership_.reset();
}

void Mic::refresh_metrics() {
  if (leadership_) {
    const Controller& controller = leadership_->controller();
    metrics_.queue_depth(controller.queue_depth());
    metrics_.bad_identities(controller.azure().bad_identities());
    metrics_.throttled(controller.azure().retrying());
  }
  if (events_) metrics_.events_dropped(events_->statistics().dropped);
}

bool Mic::ready() const {
  if (failed_ || stopping_) return false;
  // A follower is ready as long as it can see the lock; a leader when its caches are filled.
  return leading() ? active() : elector_ && !elector_->last_error();
}

}  // namespace podid::mic
