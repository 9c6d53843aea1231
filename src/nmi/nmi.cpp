// SPDX-License-Identifier: Apache-2.0
#include "nmi/nmi.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>
#include <vector>

#include "base/log.hpp"
#include "base/version.hpp"
#include "nmi/audit_folder.hpp"
#include "nmi/control.hpp"
#include "nmi/limits.hpp"
#include "nmi/record/audit_recorder.hpp"
#include "nmi/worker.hpp"

namespace podid::nmi {
namespace {

net::Url metadata_endpoint(const NmiOptions& options) {
  net::Url url;
  url.host = options.metadata_ip;
  url.port = options.metadata_port;
  return url;
}

// How pods' requests may name us: as the real endpoint, or as what the flags put in its place (SEC-9).
std::vector<std::string> endpoint_hosts(const NmiOptions& options) {
  std::vector<std::string> hosts;
  const auto add = [&hosts](const std::string& address, std::uint16_t port) {
    if (address.empty()) return;
    const std::string host = address.contains(':') ? "[" + address + "]" : address;
    hosts.push_back(host);
    hosts.push_back(host + ":80");
    if (port != 80) hosts.push_back(host + ":" + std::to_string(port));
  };
  add("169.254.169.254", 80);
  add(options.metadata_ip, options.metadata_port);
  add(options.metadata_ip6, options.metadata_port);
  add(options.listen_address, options.port);
  add(options.listen_address6, options.port);
  return hosts;
}

std::size_t share(int all, int workers) { return static_cast<std::size_t>((all + workers - 1) / workers); }

WorkerOptions worker_options(const NmiOptions& options) {
  const int workers = std::max(1, options.workers);
  WorkerOptions worker;
  worker.workers = static_cast<unsigned>(workers);
  RequestHandlerOptions& handler = worker.handler;
  handler.routes = {.block_instance = options.block_instance_metadata,
                    .strict_paths = options.strict_paths,
                    .proxy_paths = options.proxy_paths};
  handler.hosts = endpoint_hosts(options);
  handler.scheduled_event_posts = options.scheduled_event_posts;
  handler.authorizer = {.style = {.legacy = options.legacy_refusals, .retry_after_503 = options.retry_after_header},
                        .mode = options.operation_mode(),
                        .namespaced = options.namespaced,
                        .node_name = options.node,
                        .max_wait = options.max_wait,
                        .retry = options.retry,
                        .retry_limits = options.retry_given,
                        .looks = options.identity_policy == "enforce",
                        .controller_identity = options.controller_identity};
  handler.metadata_header_required = options.metadata_header_required;
  handler.host_token = options.host_token;
  handler.permanent_config_errors_403 = options.permanent_config_errors_403;
  handler.max_snapshot_age = options.max_snapshot_age;
  handler.max_waiting = share(options.max_waiting, workers);
  handler.max_waiting_per_pod = static_cast<std::size_t>(options.max_waiting_per_pod);
  handler.max_requests_per_pod = options.max_requests_per_pod;
  handler.max_forwards_per_pod = options.max_forwards_per_pod;
  worker.limits.max_header_bytes = static_cast<std::size_t>(options.max_header_bytes);
  worker.limits.max_connections = share(options.max_connections, workers);
  worker.limits.max_connections_per_peer = static_cast<std::size_t>(options.max_connections_per_pod);
  worker.limits.max_buffered_bytes = share(kMaxBufferedBytes, workers);
  worker.limits.max_buffered_bytes_per_peer = kMaxBufferedBytesPerPod;
  const Answer busy = too_many_requests(handler.authorizer.style, "too many connections, or too much unanswered data",
                                        kLimitRetryAfter);
  worker.limits.busy = {.content_type = std::string(busy.content_type), .body = busy.body};
  worker.client.user_agent = base::user_agent("NMI", options.custom_user_agent);
  worker.proxy.endpoint = metadata_endpoint(options);
  worker.proxy.max_forwarded = share(static_cast<int>(worker.proxy.max_forwarded), workers);
  worker.proxy.style = handler.authorizer.style;
  return worker;
}

AuditTrailOptions audit_options(const NmiOptions& options, base::Random& random) {
  AuditTrailOptions audit;
  audit.writer.log.path = options.audit_log_path;
  audit.writer.log.node = options.node;
  audit.writer.log.max_size_mib = static_cast<std::uint64_t>(options.audit_log_maxsize);
  audit.writer.log.max_backups = static_cast<unsigned>(options.audit_log_maxbackup);
  audit.writer.log.max_age_days = static_cast<unsigned>(options.audit_log_maxage);
  audit.writer.ring_folder = audit_ring_folder(options);
  audit.writer.workers = static_cast<unsigned>(std::max(1, options.workers));
  audit.writer.process = random.uuid();
  audit.writer.fold = options.audit_fold;
  audit.writer.sync_interval = options.audit_sync_interval;
  audit.refuse = options.audit_failure == "refuse";
  audit.full_client_id = options.audit_full_client_id;
  return audit;
}

// The result of a coroutine, for a thread that runs no event loop.
template <class T>
T run_and_wait(base::Executor executor, base::Task<T> task) {
  std::promise<T> promise;
  std::future<T> future = promise.get_future();
  base::asio::co_spawn(executor, std::move(task), [&promise](std::exception_ptr failure, T result) {
    if (failure) {
      promise.set_exception(failure);
    } else {
      promise.set_value(std::move(result));
    }
  });
  return future.get();
}

}  // namespace

class Nmi::Impl {
 public:
  Impl(NmiOptions options, NmiDependencies dependencies)
      : options_(std::move(options)),
        dependencies_(std::move(dependencies)),
        proof_(options_.prober_namespace, dependencies_.proof_key) {}
  ~Impl() { stop(); }

  base::Result<> open() {
    base::Result<std::unique_ptr<Control>> control = Control::create(io_.get_executor(), options_,
                                                                     {.http = dependencies_.http,
                                                                      .clock = dependencies_.clock,
                                                                      .random = dependencies_.random,
                                                                      .metrics = dependencies_.metrics,
                                                                      .snapshots = snapshots_,
                                                                      .proof = proof_,
                                                                      .cluster = std::move(dependencies_.cluster),
                                                                      .keeper = std::move(dependencies_.keeper),
                                                                      .events = std::move(dependencies_.events)});
    if (!control) return std::unexpected(std::move(control.error()));
    control_ = std::move(*control);
    base::Result<> listening = make_workers();
    if (!listening) return listening;
    return control_->listen();
  }

  base::Result<> open_audit_log() {
    if (recorders_.empty()) return {};
    auto trail =
        AuditTrail::make(audit_options(options_, dependencies_.random), dependencies_.clock, dependencies_.metrics,
                         [this](std::string_view reason, const std::string& text) {
                           base::asio::post(io_, [this, reason, text] { control_->tell_of_node(reason, text); });
                         });
    if (!trail && options_.audit_failure == "refuse") return std::unexpected(std::move(trail.error()));
    if (!trail) {
      base::log::error("there is no audit log", {{"error", trail.error()}});
      return {};
    }
    trail_ = std::move(*trail);
    for (unsigned i = 0; i < recorders_.size(); ++i) recorders_[i]->attach(*trail_, i);
    return {};
  }

  void start(Ready ready) {
    if (trail_) trail_->start();
    work_.emplace(io_.get_executor());
    thread_ = std::thread([this] { io_.run(); });
    for (const auto& worker : workers_) worker->start();
    // The service answers before the redirect leads there.
    base::asio::post(io_, [this, ready] { control_->start(ready); });
  }

  void stop() {
    if (!thread_.joinable()) return;
    const net::Deadline deadline = net::Deadline::in(dependencies_.clock, options_.shutdown_timeout);
    for (const auto& worker : workers_) worker->begin_stop(deadline);
    for (const auto& worker : workers_) worker->join();
    trail_.reset();  // writes the last records
    // What the last workers delivered is in the queue before this.
    run_and_wait(io_.get_executor(), stop_control(deadline));
    io_.stop();  // idle timers of the servers are left; nothing waits for them
    thread_.join();
    // Replies that nobody will send refer to the workers' event loops.
    control_.reset();
    workers_.clear();
  }

  std::uint16_t service_port() const { return port_; }
  const Control& control() const { return *control_; }

 private:
  base::Result<> make_workers() {
    RequestHandlerContext context{
        .snapshots = snapshots_,
        .broker = control_->broker(),
        .clock = dependencies_.clock,
        .metrics = dependencies_.metrics,
        .proof = &proof_,
        .look = [this](LookKey key) { base::asio::post(io_, [this, key = std::move(key)] { control_->look(key); }); }};
    port_ = options_.port;
    for (int i = 0; i < std::max(1, options_.workers); ++i) {
      if (!options_.audit_log_path.empty()) {
        recorders_.push_back(std::make_unique<AuditRecorder>(dependencies_.clock));
        context.audit = recorders_.back().get();
      }
      base::Result<std::unique_ptr<Worker>> worker = Worker::create(
          worker_options(options_), dependencies_.http, context, [this](std::vector<Issuance> issuances) {
            base::asio::post(io_, [this, issuances = std::move(issuances)] { control_->record(issuances); });
          });
      if (!worker) return std::unexpected(std::move(worker.error()));
      workers_.push_back(std::move(*worker));
      const auto listening = workers_.back()->listen(options_.listen_address, port_);
      if (!listening) return base::fail(listening.error(), "error creating http server");
      port_ = listening->port();
      if (options_.listen_address6.empty()) continue;
      const auto listening6 = workers_.back()->listen(options_.listen_address6, port_);
      if (!listening6) return base::fail(listening6.error(), "error creating http server");
    }
    if (options_.host_token_socket.empty()) return {};
    base::Result<> host =
        workers_.front()->listen_unix({.path = options_.host_token_socket, .uids = options_.host_token_uids});
    if (!host) return base::fail(std::move(host.error()), "--host-token-socket");
    return {};
  }

  base::Task<bool> stop_control(net::Deadline deadline) {
    co_await control_->stop(deadline);
    co_return true;
  }

  const NmiOptions options_;
  NmiDependencies dependencies_;
  SnapshotSource snapshots_;
  RedirectProof proof_;
  std::uint16_t port_ = 0;
  base::asio::io_context io_{1};
  std::optional<base::asio::executor_work_guard<base::Executor>> work_;
  std::vector<std::unique_ptr<AuditRecorder>> recorders_;  // of the workers, in their order
  std::unique_ptr<AuditTrail> trail_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<Control> control_;
  std::thread thread_;
};

Nmi::Nmi(NmiOptions options, NmiDependencies dependencies)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(dependencies))) {}
Nmi::~Nmi() = default;
base::Result<> Nmi::open() { return impl_->open(); }
base::Result<> Nmi::open_audit_log() { return impl_->open_audit_log(); }
void Nmi::start(Ready ready) { impl_->start(ready); }
void Nmi::stop() { impl_->stop(); }
std::uint16_t Nmi::service_port() const { return impl_->service_port(); }
std::uint16_t Nmi::probe_port() const { return impl_->control().probe_port(); }
std::uint16_t Nmi::metrics_port() const { return impl_->control().metrics_port(); }

}  // namespace podid::nmi
