// SPDX-License-Identifier: Apache-2.0
#include "nmi/control.hpp"

#include <fmt/format.h>

#include "azure/http_options.hpp"
#include "base/log.hpp"
#include "base/version.hpp"
#include "nmi/access_definition.hpp"
#include "nmi/resident_memory.hpp"
#include "nmi/startup_taint.hpp"

namespace podid::nmi {
namespace {

constexpr std::chrono::milliseconds kReadyPoll{200};
constexpr std::chrono::seconds kTaintTimeout{30};
constexpr std::chrono::seconds kTaintRetry{30};
constexpr std::chrono::seconds kReportInterval{5};
constexpr std::chrono::seconds kProofInterval{2};
// Each holds a TLS connection of some 90 KiB; two write more events than a node has.
constexpr std::size_t kEventWriters = 2;

ClusterWatchOptions watch_options(const NmiOptions& options, core::ZoneLookup zones) {
  return {.snapshot = {.mode = options.operation_mode(),
                       .mic_namespace = options.mic_short_circuit ? options.mic_namespace : std::string(),
                       .mic_service_accounts = options.mic_service_accounts,
                       .policy = core::IdentityPolicyMode{options.identity_policy == "enforce"},
                       .zones = std::move(zones)},
          .node = options.node,
          .only_this_node = options.scale_features,
          .namespaced = options.namespaced};
}

kube::EventRecorderOptions recorder_options(const NmiOptions& options, base::Random& random) {
  kube::EventRecorderOptions recorder;
  recorder.api = kube::EventApi::events_v1;
  recorder.component = "aadpodidentity.k8s.io/nmi";
  recorder.instance = options.node;
  recorder.origin = random.uuid();
  recorder.interval = std::chrono::duration_cast<std::chrono::milliseconds>(options.event_series_interval);
  recorder.writers = kEventWriters;
  return recorder;
}

TokenCacheOptions cache_options(const NmiOptions& options) {
  TokenCacheOptions cache;
  cache.max_age = options.token_max_age;
  cache.fetch_timeout = options.token_timeout;
  cache.max_entries = static_cast<std::size_t>(options.max_cached_tokens);
  cache.pod_rate = options.max_new_tokens_per_pod;
  cache.pod_burst = cache.pod_rate * 4;
  return cache;
}

}  // namespace

base::Result<std::unique_ptr<Control>> Control::create(base::Executor executor, const NmiOptions& options,
                                                       Context context) {
  Clients clients;
  const std::string user_agent = base::user_agent("NMI", options.custom_user_agent);
  base::Result<std::unique_ptr<kube::Client>> kube = kube::Client::make(
      executor, context.http, context.cluster, {.user_agent = user_agent}, context.clock, context.random);
  if (!kube) return base::fail(std::move(kube.error()), "API server");
  clients.kube = std::move(*kube);

  base::Result<std::unique_ptr<net::HttpTransport>> http =
      context.http(executor, azure::http_client_options(user_agent));
  if (!http) return std::unexpected(std::move(http.error()));
  clients.http = std::move(*http);
  clients.turns = std::make_unique<FairTurns>(executor, options.max_imds_requests, context.clock, context.metrics);
  azure::ImdsOptions imds_options;
  imds_options.gate = clients.turns.get();
  imds_options.endpoint = fmt::format("http://{}:{}", options.metadata_ip, options.metadata_port);
  base::Result<azure::ImdsClient> imds =
      azure::ImdsClient::create(imds_options, *clients.http, context.clock, context.random);
  if (!imds) return std::unexpected(std::move(imds.error()));
  clients.imds = std::make_unique<azure::ImdsClient>(std::move(*imds));

  base::Result<azure::DirectoryEndpoints> directories = azure::DirectoryEndpoints::create(options.allowed_ad_endpoints);
  if (!directories) return base::fail(std::move(directories.error()), "--allowed-ad-endpoints");
  clients.directories = std::move(*directories);
  return std::unique_ptr<Control>(new Control(executor, options, std::move(context), std::move(clients)));
}

Control::Control(base::Executor executor, const NmiOptions& options, Context context, Clients clients)
    : options_(options),
      clock_(context.clock),
      metrics_(context.metrics),
      proof_(context.proof),
      snapshots_(context.snapshots),
      clients_(std::move(clients)),
      entra_(clients_.directories, *clients_.http, context.clock, context.random),
      secrets_(*clients_.kube, context.metrics),
      source_({.namespaced = options.namespaced,
               .allow_cross_namespace_secrets = options.allow_cross_namespace_secrets,
               .never_issue = options.never_issue},
              *clients_.imds, entra_, secrets_, context.clock, context.metrics),
      cache_(executor, cache_options(options), source_, context.clock, context.random, context.metrics),
      broker_(executor, cache_),
      recorder_(*clients_.kube, recorder_options(options, context.random)),
      events_(recorder_),
      watch_(*clients_.kube, watch_options(options, zones_.lookup()), context.snapshots, context.metrics),
      doubt_(
          executor, [this] { return watch_.confirm_pods(); }, context.snapshots, context.clock, context.random),
      interfaces_(executor, context.clock, context.random, [this] { doubt_.interface_appeared(); }),
      keeper_(executor, std::move(context.keeper), context.metrics, std::move(context.events)),
      status_(executor, context.clock, context.metrics,
              {.is_active = [this] { return keeper_.active(); },
               .is_live = [] { return true; },  // whoever answers is
               .why_not_ready = [this]() -> std::optional<std::string> {
                 std::optional<std::string> problem = not_ready();
                 if (problem) problem->insert(0, "not ready: ");
                 return problem;
               },
               .before_metrics = {}}),
      tasks_(executor) {}

base::Result<> Control::listen() {
  return status_.start(options_.probe_address, {"--http-probe-port", options_.probe_port},
                       {"--prometheus-port", options_.prometheus_port});
}

void Control::start(Ready ready) {
  keeper_.start();
  keeper_.ready(ready);
  metrics_.gauge(base::metric::kModeInfo).set({options_.mode, options_.namespaced ? "true" : "false"}, 1);
  if (!options_.namespaced) {
    base::log::warning("not in namespaced mode: a pod of any namespace gets the identity whose label it carries");
  }
  if (options_.mic_short_circuit && options_.controller_identity.empty()) {
    base::log::warning(
        "pods of the controller get tokens of any identity of this node: --controller-identity names the one that they "
        "need, --mic-short-circuit=false gives them none");
  }
  recorder_.start();
  interfaces_.start();  // before the first lists: what appears later than they were asked for is noticed
  watch_.start();
  tasks_.spawn("startup taints", lift_startup_taints());
  tasks_.spawn("definition of bindings", check_definition(*clients_.kube, metrics_));
  tasks_.spawn("watch proof", watch_proof());
  tasks_.spawn("event statistics", report_dropped_events());
}

void Control::tell_of_node(std::string_view reason, std::string text) {
  kube::EventKey event;
  event.regarding = kube::kNodes.reference({"", options_.node}, {});
  event.type = kube::EventType::warning;
  event.reason = reason;
  event.action = "Audit";
  event.message = std::move(text);
  recorder_.record(std::move(event));
}

std::optional<std::string> Control::not_ready() {
  if (std::optional<std::string> problem = keeper_.not_ready()) return problem;
  const SnapshotPtr snapshot = snapshots_.get();
  proof_.look(*snapshot, clock_.steady_now());  // a prober may be known only since the last time
  if (proof_.problem()) return proof_.problem();
  // What is published counts, not what has been read: it is published on a later turn.
  if (!snapshot->complete()) return "caches are not filled: " + watch_.problem().value_or("waiting for the API server");
  return std::nullopt;
}

base::Task<> Control::lift_startup_taints() {
  while (not_ready()) {
    co_await clock_.sleep_for(kReadyPoll);
  }
  base::log::info("ready");
  give_back_startup_memory();
  if (options_.startup_taint_prefix.empty()) co_return;
  for (;;) {
    const base::SteadyTime deadline = clock_.steady_now() + kTaintTimeout;
    const base::Result<std::size_t> removed =
        co_await remove_startup_taints(*clients_.kube, options_.node, options_.startup_taint_prefix, deadline);
    if (removed) {
      if (*removed > 0) base::log::info("startup taints removed", {{"count", *removed}, {"node", options_.node}});
      co_return;
    }
    const base::ErrorKind kind = removed.error().kind;
    if (kind == base::ErrorKind::cancelled) co_return;
    base::log::warning("startup taints cannot be removed", {{"error", removed.error()}});
    if (kind == base::ErrorKind::denied || kind == base::ErrorKind::not_found) co_return;
    co_await clock_.sleep_for(kTaintRetry);
  }
}

base::Task<> Control::report_dropped_events() {
  std::uint64_t reported = 0;
  for (;;) {
    const std::uint64_t dropped = recorder_.statistics().dropped;
    if (dropped > reported) metrics_.counter(base::metric::kEventsDropped).increment({}, dropped - reported);
    reported = dropped;
    co_await clock_.sleep_for(kReportInterval);
  }
}

base::Task<> Control::watch_proof() {
  using State = RedirectProof::State;
  base::Family<base::Gauge>& gauge = metrics_.gauge(base::metric::kNmiRedirectProven);
  std::optional<State> before;
  for (;;) {
    const State state = proof_.look(*snapshots_.get(), clock_.steady_now());
    for (const State each : {State::unproven, State::proven, State::failed}) {
      gauge.set({std::string(to_string(each))}, each == state ? 1 : 0);
    }
    if (state == State::failed && before != State::failed) {
      base::log::error("redirect is not proven", {{"problem", proof_.problem().value_or("")}});
    }
    if (state == State::proven) keeper_.proven();
    if (state == State::proven && before != State::proven) base::log::info("redirect is proven by the prober");
    if (state == State::unproven && before == State::proven)
      base::log::warning("no prober proves the redirect any more");
    before = state;
    co_await clock_.sleep_for(kProofInterval);
  }
}

base::Task<> Control::stop(net::Deadline deadline) {
  keeper_.drained();
  tasks_.stop();
  co_await tasks_.join();
  co_await interfaces_.stop();
  co_await doubt_.stop();
  co_await watch_.stop();
  co_await cache_.stop();
  co_await recorder_.stop(deadline);
  if (const std::size_t left = recorder_.statistics().waiting; left > 0) {
    base::log::warning("events were not written", {{"count", left}});
  }
  co_await status_.stop(deadline);
  co_await keeper_.stop();
}

}  // namespace podid::nmi
