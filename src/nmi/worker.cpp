// SPDX-License-Identifier: Apache-2.0
#include "nmi/worker.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

namespace podid::nmi {
namespace {

constexpr std::chrono::seconds kDeliveryDelay{1};
constexpr std::chrono::seconds kReportInterval{5};

}  // namespace

base::Result<std::unique_ptr<Worker>> Worker::create(WorkerOptions options, const net::HttpTransportFactory& http,
                                                     const RequestHandlerContext& context, Deliver deliver) {
  auto io = std::make_unique<base::asio::io_context>(1);
  base::Result<std::unique_ptr<net::HttpTransport>> client = http(io->get_executor(), options.client);
  if (!client) return std::unexpected(std::move(client.error()));
  return std::unique_ptr<Worker>(
      new Worker(std::move(options), context, std::move(*client), std::move(io), std::move(deliver)));
}

Worker::Worker(WorkerOptions options, const RequestHandlerContext& context, std::unique_ptr<net::HttpTransport> client,
               std::unique_ptr<base::asio::io_context> io, Deliver deliver)
    : clock_(context.clock),
      workers_(options.workers),
      deliver_(std::move(deliver)),
      connections_gauge_(context.metrics.gauge(base::metric::kNmiConnections).find_or_add()),
      waiting_gauge_(context.metrics.gauge(base::metric::kNmiWaitingRequests).find_or_add()),
      limit_hits_(context.metrics.counter(base::metric::kNmiLimitHits)),
      io_(std::move(io)),
      work_(io_->get_executor()),
      client_(std::move(client)),
      proxy_(options.proxy, *client_, context.clock, context.metrics),
      handler_(io_->get_executor(), options.handler, context, proxy_, [this] { record_later(); }),
      server_(io_->get_executor(), context.clock, handler_, options.limits),
      tasks_(io_->get_executor()),
      wake_up_(context.snapshots, [this] { base::asio::post(*io_, [this] { handler_.snapshot_changed(); }); }) {}

Worker::~Worker() {
  if (!thread_.joinable()) return;
  begin_stop(net::Deadline::passed());
  join();
}

base::Result<boost::asio::ip::tcp::endpoint> Worker::listen(const std::string& address, std::uint16_t port) {
  return server_.listen({.address = address, .port = port, .reuse_port = true, .keep_peers_together = workers_});
}

base::Result<> Worker::listen_unix(const net::UnixListenOptions& options) { return server_.listen_unix(options); }

void Worker::start() {
  tasks_.spawn("report", report());
  thread_ = std::thread([this] { io_->run(); });
}

void Worker::record_later() {
  if (std::exchange(delivery_scheduled_, true)) {
    if (handler_.issuances().full()) deliver_(handler_.issuances().take());
    return;
  }
  tasks_.spawn("deliver issuances", deliver_records());
}

base::Task<> Worker::deliver_records() {
  co_await clock_.sleep_for(kDeliveryDelay);
  delivery_scheduled_ = false;
  deliver_(handler_.issuances().take());
}

base::Task<> Worker::report() {
  for (;;) {
    const net::ServerStatistics statistics = server_.statistics();
    const auto connections = static_cast<double>(statistics.open_connections);
    const auto waiting = static_cast<double>(handler_.waiting());
    connections_gauge_->add(connections - std::exchange(reported_connections_, connections));
    waiting_gauge_->add(waiting - std::exchange(reported_waiting_, waiting));
    const std::uint64_t refused =
        statistics.refused_connections - std::exchange(reported_refused_, statistics.refused_connections);
    if (refused > 0) limit_hits_.increment({"connections"}, refused);
    const std::uint64_t unbuffered =
        statistics.refused_buffers - std::exchange(reported_unbuffered_, statistics.refused_buffers);
    if (unbuffered > 0) limit_hits_.increment({"buffered_bytes"}, unbuffered);
    co_await clock_.sleep_for(kReportInterval);
  }
}

base::Task<> Worker::shut_down(net::Deadline deadline) {
  handler_.drain();
  co_await server_.stop(deadline);
  tasks_.stop();
  co_await tasks_.join();
  if (!handler_.issuances().empty()) deliver_(handler_.issuances().take());
  io_->stop();  // idle timers of the server are left; nothing waits for them
}

void Worker::begin_stop(net::Deadline deadline) {
  base::asio::post(
      *io_, [this, deadline] { base::asio::co_spawn(io_->get_executor(), shut_down(deadline), base::asio::detached); });
}

void Worker::join() { thread_.join(); }

}  // namespace podid::nmi
