// SPDX-License-Identifier: Apache-2.0
// A thread that answers pods.
#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/task_group.hpp"
#include "net/http_transport.hpp"
#include "net/server/http_server.hpp"
#include "nmi/request/request_handler.hpp"

namespace podid::nmi {

struct WorkerOptions {
  unsigned workers = 1;  // that listen on the same port
  RequestHandlerOptions handler;
  net::ServerLimits limits;
  net::HttpClientOptions client;  // to the real endpoint
  ProxyOptions proxy;
};

// Owns its event loop, its listening sockets (SO_REUSEPORT) and its connections; shares nothing mutable with other
// workers. All connections of one pod come to the same worker, so its limits are kept here.
class Worker {
 public:
  // `deliver` is called on this worker's thread with issuances to record; it hands them on.
  using Deliver = std::function<void(std::vector<Issuance> issuances)>;

  static base::Result<std::unique_ptr<Worker>> create(WorkerOptions options, const net::HttpTransportFactory& http,
                                                      const RequestHandlerContext& context, Deliver deliver);
  ~Worker();

  // Before start(). With port 0 the kernel chooses one.
  base::Result<boost::asio::ip::tcp::endpoint> listen(const std::string& address, std::uint16_t port);
  // /host/token on a Unix socket, besides.
  base::Result<> listen_unix(const net::UnixListenOptions& options);
  void start();

  // No new connections; requests in flight finish until `deadline`; what is unrecorded is delivered; the thread ends.
  // Called by another thread, once; join() waits for the end.
  void begin_stop(net::Deadline deadline);
  void join();

 private:
  Worker(WorkerOptions options, const RequestHandlerContext& context, std::unique_ptr<net::HttpTransport> client,
         std::unique_ptr<base::asio::io_context> io, Deliver deliver);

  void record_later();
  base::Task<> deliver_records();
  base::Task<> report();
  base::Task<> shut_down(net::Deadline deadline);

  base::Clock& clock_;
  const unsigned workers_;
  Deliver deliver_;
  base::Gauge* const connections_gauge_;
  base::Gauge* const waiting_gauge_;
  base::Family<base::Counter>& limit_hits_;

  std::unique_ptr<base::asio::io_context> io_;
  base::asio::executor_work_guard<base::Executor> work_;
  std::unique_ptr<net::HttpTransport> client_;
  Proxy proxy_;
  RequestHandler handler_;
  net::HttpServer server_;
  bool delivery_scheduled_ = false;
  // What report() has added to the shared gauges and counters so far.
  double reported_connections_ = 0;
  double reported_waiting_ = 0;
  std::uint64_t reported_refused_ = 0;
  std::uint64_t reported_unbuffered_ = 0;
  base::TaskGroup tasks_;
  std::thread thread_;
  SnapshotSource::WakeUp wake_up_;  // those who wait look again
};

}  // namespace podid::nmi
