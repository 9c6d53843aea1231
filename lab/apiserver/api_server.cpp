// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/api_server.hpp"

#include <fmt/format.h>

#include "base/task_group.hpp"
#include "lab/apiserver/http/handler.hpp"
#include "lab/apiserver/objects/object_service.hpp"
#include "lab/apiserver/store/journal.hpp"
#include "lab/apiserver/wire/object_parts.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::chrono::seconds kStopDeadline{2};

net::ServerLimits server_limits(const Limits& limits) { return {.max_body_bytes = limits.max_body_bytes}; }

}  // namespace

class ApiServer::Impl {
 public:
  Impl(base::Executor executor, base::Clock& clock, base::Random& random, ApiServerOptions options)
      : clock_(clock),
        options_(std::move(options)),
        store_(options_.limits.max_history),
        hub_(executor, clock, store_, options_.limits),
        service_(store_, registry_, clock, random, options_.limits),
        api_(registry_, store_, service_, clock),
        handler_(Authenticator(std::move(options_.tokens)), registry_, api_, hub_, clock, options_.limits),
        server_(executor, clock, handler_, server_limits(options_.limits)),
        tasks_(executor) {}

  base::Result<boost::asio::ip::tcp::endpoint> start() {
    if (!options_.state_file.empty()) {
      auto journal = Journal::open(options_.state_file, store_);
      if (!journal) return std::unexpected(std::move(journal.error()));
      journal_ = std::move(*journal);
    }
    store_.observe([this](const ChangePtr& change) { follow(*change); });
    service_.start();
    net::TlsContext tls;
    if (options_.tls) {
      auto context = net::make_server_context(*options_.tls);
      if (!context) return std::unexpected(std::move(context.error()));
      tls = std::move(*context);
    }
    auto endpoint =
        options_.listen_fd >= 0
            ? server_.listen_on(options_.listen_fd, tls)
            : server_.listen({.address = options_.address, .port = options_.port, .reuse_port = false, .tls = tls});
    if (!endpoint) return endpoint;
    const std::string address = endpoint->address().to_string();
    url_ = fmt::format("{}://{}:{}", options_.tls ? "https" : "http",
                       endpoint->address().is_v6() ? fmt::format("[{}]", address) : address, endpoint->port());
    tasks_.spawn("watch hub", hub_.run());
    return endpoint;
  }

  base::Task<> stop() {
    hub_.end_all();
    const net::Deadline deadline = net::Deadline::in(clock_, kStopDeadline);
    co_await server_.stop(deadline);
    tasks_.stop();
    co_await tasks_.join();
  }

  const std::string& url() const { return url_; }

  ApiServerStatistics statistics() const {
    return {.requests = handler_.requests(),
            .watches_opened = hub_.opened(),
            .watches_dropped_slow = hub_.dropped_slow(),
            .watchers = hub_.watchers(),
            .objects = store_.size(),
            .revision = store_.revision()};
  }

  void compact() { store_.compact(); }
  void close_watches() { hub_.end_all(); }

 private:
  void follow(const Change& change) {
    if (journal_) journal_->append(change);
    // Nobody will ever hear more of a resource whose definition is gone.
    if (change.bucket == kCrds && !change.after) hub_.end_bucket(change.before->name());
  }

  base::Clock& clock_;
  ApiServerOptions options_;
  Store store_;
  Registry registry_;
  std::unique_ptr<Journal> journal_;
  WatchHub hub_;
  ObjectService service_;
  ResourceApi api_;
  Handler handler_;
  net::HttpServer server_;
  std::string url_;
  base::TaskGroup tasks_;
};

ApiServer::ApiServer(base::Executor executor, base::Clock& clock, base::Random& random, ApiServerOptions options)
    : impl_(std::make_unique<Impl>(executor, clock, random, std::move(options))) {}
ApiServer::~ApiServer() = default;

base::Result<boost::asio::ip::tcp::endpoint> ApiServer::start() { return impl_->start(); }
base::Task<> ApiServer::stop() { return impl_->stop(); }
const std::string& ApiServer::url() const { return impl_->url(); }
ApiServerStatistics ApiServer::statistics() const { return impl_->statistics(); }
void ApiServer::compact() { impl_->compact(); }
void ApiServer::close_watches() { impl_->close_watches(); }

}  // namespace podid::lab::apiserver
