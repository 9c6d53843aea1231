// SPDX-License-Identifier: Apache-2.0
#include "net/server/server_core.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "base/time_text.hpp"
#include "net/server/server_connection.hpp"

namespace podid::net {

namespace asio = base::asio;
using asio::ip::tcp;
using base::ErrorKind;
using boost::system::error_code;

namespace {

constexpr std::size_t kMaxSpareExchanges = 64;
constexpr std::size_t kIdleOutputBytes = 1024 * 1024;
// Connections accepted in a row before the loop sees to the others again.
constexpr int kAcceptBatch = 64;
constexpr std::chrono::seconds kKeepAliveIdle{60};
constexpr std::chrono::seconds kKeepAliveInterval{15};

// An IPv4 peer of a dual-stack socket is seen as the IPv4 peer that it is.
tcp::endpoint without_mapping(const tcp::endpoint& endpoint) {
  const asio::ip::address address = endpoint.address();
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return endpoint;
  return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()), endpoint.port()};
}

}  // namespace

ServerCore::ServerCore(base::Executor executor, base::Clock& clock, HttpHandler& handler, ServerLimits limits)
    : executor_(executor),
      clock_(clock),
      handler_(handler),
      limits_(std::move(limits)),
      now_(clock.steady_now()),
      tick_timer_(clock.make_timer(executor)),
      peers_(limits_),
      emptied_(executor) {}

base::Result<tcp::endpoint> ServerCore::listen_on(int fd, TlsContext tls) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return base::fail(ErrorKind::internal, "listening socket: " + std::generic_category().message(errno));
  }
  error_code error;
  asio::basic_socket_acceptor<tcp, base::Executor> acceptor(executor_);
  acceptor.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd, error);
  if (!error) acceptor.native_non_blocking(true, error);
  tcp::endpoint bound;
  if (!error) bound = acceptor.local_endpoint(error);
  if (error) return base::fail(ErrorKind::internal, "listening socket: " + error.message());
  // Accepted sockets inherit this, so it costs no system call per connection. Answers are written whole.
  acceptor.set_option(tcp::no_delay(true), error);
  // Ends what nobody is behind any more: streams that have nothing to say, requests that wait.
  acceptor.set_option(asio::socket_base::keep_alive(true), error);
  const int idle = static_cast<int>(kKeepAliveIdle.count());
  const int interval = static_cast<int>(kKeepAliveInterval.count());
  ::setsockopt(acceptor.native_handle(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(acceptor.native_handle(), IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  add_listener(std::make_shared<Listener>(std::move(acceptor), std::move(tls)));
  return bound;
}

base::Result<> ServerCore::listen_on_unix(int fd, std::vector<std::uint32_t> uids) {
  error_code error;
  asio::basic_socket_acceptor<tcp, base::Executor> acceptor(executor_);
  acceptor.assign(tcp::v4(), fd, error);  // the protocol matters to addresses alone, which are not asked for
  if (!error) acceptor.native_non_blocking(true, error);
  if (error) return base::fail(ErrorKind::internal, "listening socket: " + error.message());
  auto listener = std::make_shared<Listener>(std::move(acceptor), TlsContext());
  listener->uids = std::move(uids);
  add_listener(std::move(listener));
  return {};
}

void ServerCore::add_listener(std::shared_ptr<Listener> listener) {
  listeners_.push_back(listener);
  wait_for_connections(std::move(listener));
  start_ticking();
}

void ServerCore::close_listeners() {
  for (const auto& listener : listeners_) {
    error_code ignored;
    listener->acceptor.close(ignored);
  }
  listeners_.clear();
}

void ServerCore::wait_for_connections(std::shared_ptr<Listener> listener) {
  auto& acceptor = listener->acceptor;
  acceptor.async_wait(tcp::acceptor::wait_read,
                      [self = weak_from_this(), listener = std::move(listener)](error_code error) mutable {
                        const auto core = self.lock();
                        if (error || !core || !listener->acceptor.is_open()) return;
                        core->accept_waiting(*listener);
                        if (!listener->paused) core->wait_for_connections(std::move(listener));
                      });
}

void ServerCore::accept_waiting(Listener& listener) {
  for (int i = 0; i < kAcceptBatch; ++i) {
    tcp::endpoint peer;
    socklen_t length = static_cast<socklen_t>(peer.capacity());
    const bool unix_socket = listener.uids.has_value();
    const int fd = ::accept4(listener.acceptor.native_handle(), unix_socket ? nullptr : peer.data(),
                             unix_socket ? nullptr : &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && unix_socket) {
      accepted_unix(fd, listener);
      continue;
    }
    if (fd >= 0) {
      peer.resize(length);
      accepted(fd, without_mapping(peer), listener);
      continue;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      base::log::debug("cannot accept for now", {{"reason", std::generic_category().message(errno)}});
      listener.paused = true;
      return;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    // Anything else is about that one connection, which is gone already.
  }
}

void ServerCore::accepted(int fd, const tcp::endpoint& peer, Listener& listener) {
  ++statistics.accepted;
  Socket socket(executor_);
  error_code error;
  socket.assign(peer.address().is_v6() ? tcp::v6() : tcp::v4(), fd, error);
  if (error) {
    ::close(fd);
    ++statistics.refused_connections;
    return;
  }
  if (!peers_.has_room_for(peer.address())) {
    ++statistics.refused_connections;
    if (!listener.tls) send_busy(fd);
    return;  // closes
  }
  start_ticking();
  ServerConnection::start(shared_from_this(), std::move(socket), {.endpoint = peer}, listener.tls);
}

void ServerCore::accepted_unix(int fd, Listener& listener) {
  ++statistics.accepted;
  Socket socket(executor_);
  error_code error;
  socket.assign(tcp::v4(), fd, error);
  ucred peer{};
  socklen_t length = sizeof peer;
  const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
  const tcp::endpoint loopback(asio::ip::address_v4::loopback(), 0);
  const bool allowed = known && std::ranges::find(*listener.uids, peer.uid) != listener.uids->end();
  if (error || !allowed || !peers_.has_room_for(loopback.address())) {
    if (error) ::close(fd);
    ++statistics.refused_connections;
    return;  // closes
  }
  start_ticking();
  ServerConnection::start(shared_from_this(), std::move(socket), {.endpoint = loopback, .uid = peer.uid}, {});
}

// To a connection that is closed right after, without waiting for its request: that would be what there is no room for.
void ServerCore::send_busy(int fd) {
  const std::string answer = fmt::format(
      "HTTP/1.1 429 {}\r\nRetry-After: {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nDate: {}\r\n"
      "Connection: close\r\n\r\n{}",
      reason_phrase(429), kBusyRetryAfter, limits_.busy.content_type, limits_.busy.body.size(), date(),
      limits_.busy.body);
  // A fresh socket's buffer takes it whole; where it does not, the peer sees a connection that was closed.
  static_cast<void>(::send(fd, answer.data(), answer.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  // A request that is here already would make close() reset the connection, which can overtake the answer.
  char ignored[4096];
  static_cast<void>(::recv(fd, ignored, sizeof ignored, MSG_DONTWAIT));
}

void ServerCore::add(ServerConnection& connection) {
  connection.position = connections_.insert(connections_.end(), &connection);
  connection.seat = peers_.enter(connection.peer().address());
  statistics.open_connections = peers_.connections();
}

void ServerCore::remove(ServerConnection& connection) {
  connections_.erase(connection.position);
  peers_.leave(connection.seat);
  statistics.open_connections = peers_.connections();
  statistics.buffered_bytes = peers_.buffered_bytes();
  if (connections_.empty()) emptied_.notify();
}

bool ServerCore::reserve(ServerConnection& connection, std::size_t bytes) {
  const bool fits = peers_.reserve(connection.seat, bytes);
  if (!fits) ++statistics.refused_buffers;
  statistics.buffered_bytes = peers_.buffered_bytes();
  return fits;
}

std::chrono::milliseconds ServerCore::begin_pause(ServerConnection& connection, std::chrono::milliseconds pause) {
  return peers_.begin_pause(connection.seat, clock_.steady_now(), pause);
}

std::chrono::milliseconds ServerCore::pause_of_new(const ServerConnection& connection) {
  return peers_.pause_of_new(connection.seat, clock_.steady_now());
}

void ServerCore::start_ticking() {
  if (ticking_) return;
  ticking_ = true;
  now_ = clock_.steady_now();
  tick();
}

void ServerCore::tick() {
  tick_timer_->set(now_ + kTick, [this] {
    now_ = clock_.steady_now();
    for (ServerConnection* connection : connections_) connection->check_deadline(Deadline::at(now_));
    peers_.forget_paused(now_);
    for (const auto& listener : listeners_) {
      if (std::exchange(listener->paused, false)) wait_for_connections(listener);
    }
    if (connections_.empty() && listeners_.empty()) {
      ticking_ = false;
    } else {
      tick();
    }
  });
}

void ServerCore::abort_connections() {
  std::vector<std::shared_ptr<ServerConnection>> all;  // aborting one may remove it, or others, from the list
  for (ServerConnection* connection : connections_) all.push_back(connection->shared_from_this());
  for (const auto& connection : all) connection->abort();
}

base::Task<> ServerCore::stop(Deadline deadline) {
  draining_ = true;
  close_listeners();
  for (ServerConnection* connection : connections_) connection->close_if_idle();
  if (!connections_.empty()) {
    const std::unique_ptr<base::Timer> timer = clock_.make_timer(executor_);
    if (!deadline.is_never()) timer->set(deadline.time(), [this] { emptied_.notify(); });
    try {
      co_await emptied_.wait();
    } catch (const boost::system::system_error&) {
      // Cancelled: the connections end now.
    }
  }
  abort_connections();
  while (!connections_.empty()) co_await emptied_.wait();
}

std::string_view ServerCore::date() {
  const auto now = std::chrono::floor<std::chrono::seconds>(clock_.wall_now());
  if (now != date_second_) {
    date_second_ = now;
    date_ = base::format_http_date(now);
  }
  return date_;
}

std::unique_ptr<Exchange> ServerCore::take_exchange() {
  if (spare_exchanges_.empty()) return std::make_unique<Exchange>();
  auto exchange = std::move(spare_exchanges_.back());
  spare_exchanges_.pop_back();
  return exchange;
}

void ServerCore::give_back(std::unique_ptr<Exchange> exchange) {
  exchange->request.received().release_above(kIdleBufferBytes);
  exchange->request.set_handler_data(nullptr);
  if (spare_exchanges_.size() < kMaxSpareExchanges) spare_exchanges_.push_back(std::move(exchange));
  if (output_.empty() && output_.capacity() > kIdleOutputBytes) output_ = std::string();
}

}  // namespace podid::net
