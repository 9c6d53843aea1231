// SPDX-License-Identifier: Apache-2.0
// What all connections of one server share: limits, counters, recycled memory, the tick that enforces time limits.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/event.hpp"
#include "net/server/http_server.hpp"
#include "net/server/peer_table.hpp"
#include "net/server/server_messages.hpp"
#include "net/transport.hpp"

namespace podid::net {

class ServerConnection;

// Belongs to one executor. Lives as long as the server or one of its connections.
class ServerCore : public std::enable_shared_from_this<ServerCore> {
 public:
  // One tick serves all time limits: what is due is seen at most this much late, never early.
  static constexpr std::chrono::seconds kTick{1};

  ServerCore(base::Executor executor, base::Clock& clock, HttpHandler& handler, ServerLimits limits);

  // Takes ownership of the listening socket.
  base::Result<boost::asio::ip::tcp::endpoint> listen_on(int fd, TlsContext tls);
  // The same of a Unix socket.
  base::Result<> listen_on_unix(int fd, std::vector<std::uint32_t> uids);
  void close_listeners();
  base::Task<> stop(Deadline deadline);
  void abort_connections();

  // For connections.
  base::Executor executor() const { return executor_; }
  base::Clock& clock() { return clock_; }
  HttpHandler& handler() { return handler_; }
  const ServerLimits& limits() const { return limits_; }
  bool draining() const { return draining_; }
  // A deadline at least `limit` from now, without a look at the clock.
  Deadline after(std::chrono::seconds limit) const { return Deadline::at(now_ + limit + kTick); }
  // The Date field's value.
  std::string_view date();
  // Answers of the connection that is running right now; empty whenever a coroutine waits.
  std::string& output() { return output_; }
  std::unique_ptr<Exchange> take_exchange();
  void give_back(std::unique_ptr<Exchange> exchange);
  void add(ServerConnection& connection);
  void remove(ServerConnection& connection);
  // The connection buffers that many bytes now, beyond what each may. False, and nothing changes but a counter, when that
  // is more than a limit allows.
  bool reserve(ServerConnection& connection, std::size_t bytes);
  // The connection's peer was told to slow down. How long the connection pauses.
  std::chrono::milliseconds begin_pause(ServerConnection& connection, std::chrono::milliseconds pause);
  // How long a new connection pauses first; 0: its peer is not paused.
  std::chrono::milliseconds pause_of_new(const ServerConnection& connection);

  ServerStatistics statistics;

 private:
  struct Listener {
    Listener(base::asio::basic_socket_acceptor<base::asio::ip::tcp, base::Executor> a, TlsContext t)
        : acceptor(std::move(a)), tls(std::move(t)) {}
    base::asio::basic_socket_acceptor<base::asio::ip::tcp, base::Executor> acceptor;
    TlsContext tls;
    std::optional<std::vector<std::uint32_t>> uids{};  // of a Unix socket: who may connect
    bool paused = false;  // the system had no descriptor or memory left: tried again at the next tick
  };
  void wait_for_connections(std::shared_ptr<Listener> listener);
  void add_listener(std::shared_ptr<Listener> listener);
  void accept_waiting(Listener& listener);
  void accepted(int fd, const boost::asio::ip::tcp::endpoint& peer, Listener& listener);
  void accepted_unix(int fd, Listener& listener);
  void send_busy(int fd);
  void start_ticking();
  void tick();

  base::Executor executor_;
  base::Clock& clock_;
  HttpHandler& handler_;
  ServerLimits limits_;
  base::SteadyTime now_;  // as of the last tick
  std::unique_ptr<base::Timer> tick_timer_;
  bool ticking_ = false;
  bool draining_ = false;
  std::vector<std::shared_ptr<Listener>> listeners_;
  std::list<ServerConnection*> connections_;
  PeerTable peers_;
  base::Event emptied_;  // the last connection has ended, or stop() waits no longer
  std::string output_;
  std::vector<std::unique_ptr<Exchange>> spare_exchanges_;
  std::string date_;
  std::chrono::sys_seconds date_second_{};
};

}  // namespace podid::net
