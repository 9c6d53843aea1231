// SPDX-License-Identifier: Apache-2.0
#include "net/client_connection.hpp"

#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "net/expiry.hpp"
#include "net/resolve.hpp"

namespace podid::net {

namespace asio = base::asio;
using asio::ip::tcp;
using base::ErrorKind;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::string_view kVersion = "HTTP/1.";  // how every answer begins
// "100 Continue" and its like before the answer proper.
constexpr int kMaxInterimHeads = 16;

std::string to_text(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  return fmt::format(fmt::runtime(endpoint.address().is_v6() ? "[{}]:{}" : "{}:{}"), address, endpoint.port());
}

std::string host_and_port(const Url& origin) {
  return fmt::format(fmt::runtime(origin.host.find(':') != std::string::npos ? "[{}]:{}" : "{}:{}"), origin.host,
                     origin.port);
}

// A blackholed address must not use up the time of those after it.
Deadline share_of(const base::Clock& clock, Deadline deadline, std::chrono::milliseconds connect_timeout,
                  std::size_t addresses_left) {
  const base::SteadyTime now = clock.steady_now();
  const Deadline limit = Deadline::at(now + connect_timeout);
  if (deadline.is_never()) return limit;
  if (deadline.time() <= now) return deadline;
  return std::min(limit, Deadline::at(now + (deadline.time() - now) / static_cast<std::int64_t>(addresses_left)));
}

// A peer that these cannot be told about is one whose silence is noticed later.
void keep_alive(Socket& socket, const KeepAlive& how) {
  const auto set = [fd = socket.native_handle()](int level, int option, auto value) {
    const int number = static_cast<int>(value);
    ::setsockopt(fd, level, option, &number, sizeof number);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, how.idle.count());
  set(IPPROTO_TCP, TCP_KEEPINTVL, how.interval.count());
  set(IPPROTO_TCP, TCP_KEEPCNT, how.probes);
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, how.unacknowledged.count());
}

base::Task<base::Result<Socket>> connect_any(base::Executor executor, base::Clock& clock,
                                             std::vector<tcp::endpoint> endpoints,
                                             std::chrono::milliseconds connect_timeout, KeepAlive probing,
                                             Deadline deadline) {
  base::Error last;
  const std::unique_ptr<base::Timer> timer = clock.make_timer(executor);
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    const tcp::endpoint& endpoint = endpoints[i];
    Socket socket(executor);
    error_code error;
    socket.open(endpoint.protocol(), error);
    if (!error) socket.set_option(tcp::no_delay(true), error);
    if (!error) keep_alive(socket, probing);
    bool expired = false;
    if (!error) {
      const Expiry expiry(*timer, share_of(clock, deadline, connect_timeout, endpoints.size() - i), [&socket] {
        error_code ignored;
        socket.close(ignored);
      });
      const auto [failure] = co_await socket.async_connect(endpoint, base::as_result);
      error = failure;
      expired = expiry.expired();
    }
    if (!error && !expired) co_return std::move(socket);
    if (!expired && error == asio::error::operation_aborted) co_return base::fail(ErrorKind::cancelled, "cancelled");
    last.kind = expired ? ErrorKind::timeout : ErrorKind::unavailable;
    last.message =
        fmt::format("cannot connect to {}: {}", to_text(endpoint), expired ? "no answer in time" : error.message());
    if (deadline.has_passed(clock)) break;
  }
  co_return std::unexpected(std::move(last));
}

}  // namespace

ClientConnection::ClientConnection(Socket socket, base::Clock& clock, Url origin, TlsContext tls)
    : timer_(clock.make_timer(socket.get_executor())),
      transport_(std::move(socket)),
      origin_(std::move(origin)),
      tls_(std::move(tls)) {}

base::Task<base::Result<std::unique_ptr<ClientConnection>>> ClientConnection::connect(base::Executor executor,
                                                                                      base::Clock& clock, Url origin,
                                                                                      ConnectOptions options,
                                                                                      Deadline deadline) {
  const std::string authority = host_and_port(origin);
  auto endpoints = co_await resolve(executor, clock, origin.host, origin.port, deadline);
  if (!endpoints) co_return base::fail(std::move(endpoints.error()), authority);
  auto socket = co_await connect_any(executor, clock, std::move(*endpoints), options.connect_timeout,
                                     options.keep_alive, deadline);
  if (!socket) co_return base::fail(std::move(socket.error()), authority);
  const bool tls = origin.tls;
  const std::string name = options.server_name.empty() ? origin.host : options.server_name;
  auto connection = std::make_unique<ClientConnection>(std::move(*socket), clock, std::move(origin),
                                                       tls ? options.tls : TlsContext{});
  if (tls) {
    const Deadline limit = share_of(clock, deadline, options.connect_timeout, 1);
    const Expiry expiry(*connection->timer_, limit, [transport = &connection->transport_] { transport->close(); });
    auto secured = co_await connection->transport_.connect_tls(options.tls, name, authority, options.peer_check);
    if (expiry.expired()) {
      co_return base::fail(ErrorKind::timeout, fmt::format("TLS handshake with {} took too long", authority));
    }
    if (!secured) co_return std::unexpected(std::move(secured.error()));
  }
  co_return connection;
}

bool ClientConnection::is_stale() {
  // Between two answers nothing may arrive: readable means closed, or a peer that cannot be followed any more.
  char byte;
  const ssize_t n = ::recv(transport_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
}

bool ClientConnection::is_reusable() const {
  return !failed_ && body_.complete() && head_.keep_alive && buffer_.empty();
}

base::Error ClientConnection::broken(error_code error, const Expiry& expiry, std::string_view during) const {
  base::Error failure;
  if (expiry.expired()) {
    failure.kind = ErrorKind::timeout;
    failure.message = fmt::format("{}: timed out while {}", host_and_port(origin_), during);
  } else if (error == asio::error::operation_aborted) {
    failure.kind = ErrorKind::cancelled;
    failure.message = fmt::format("{}: cancelled while {}", host_and_port(origin_), during);
  } else {
    failure.kind = ErrorKind::unavailable;
    failure.message =
        fmt::format("{}: {} while {}", host_and_port(origin_),
                    error == asio::error::eof ? "the peer closed the connection" : error.message(), during);
  }
  return failure;
}

base::Task<base::Result<>> ClientConnection::write(std::string_view bytes, Deadline deadline) {
  got_some_ = false;
  const Expiry expiry(*timer_, deadline, [this] { transport_.close(); });
  while (!bytes.empty()) {
    const IoResult result = co_await transport_.write_some(asio::buffer(bytes));
    bytes.remove_prefix(result.bytes);
    if (result.error) {
      failed_ = true;
      co_return std::unexpected(broken(result.error, expiry, "sending the request"));
    }
  }
  co_return base::Result<>{};
}

base::Task<base::Result<>> ClientConnection::read_more(Deadline deadline, std::string_view during) {
  const Expiry expiry(*timer_, deadline, [this] { transport_.close(); });
  const IoResult result = co_await transport_.read_some(buffer_.prepare(kReadBytes));
  buffer_.commit(result.bytes);
  if (result.bytes > 0) got_some_ = true;
  if (!result.error) co_return base::Result<>{};
  failed_ = true;
  if (result.error == asio::error::eof) body_.complete_at_close();
  co_return std::unexpected(broken(result.error, expiry, during));
}

base::Task<base::Result<>> ClientConnection::read_head(AnswerTo request, std::size_t max_bytes, Deadline deadline) {
  const auto invalid = [this](std::string_view problem) {
    failed_ = true;
    return base::fail(ErrorKind::invalid, fmt::format("{}: the answer {}", host_and_port(origin_), problem));
  };
  body_.start(Framing::none, 0);
  std::size_t scanned = 0;
  int interim_heads = 0;
  while (true) {
    const std::size_t size = find_head_end(buffer_.data(), scanned);
    if (size > max_bytes || (size == 0 && buffer_.size() >= max_bytes))
      co_return invalid("has a head that is too large");
    if (size == 0) {
      // Nothing that could still come makes a head of it: not worth the wait.
      if (!buffer_.data().starts_with(kVersion.substr(0, buffer_.size())))
        co_return invalid("has no valid HTTP version");
      auto more = co_await read_more(deadline, "waiting for the answer");
      if (!more) co_return more;
      continue;
    }
    head_bytes_.assign(buffer_.data().substr(0, size));
    buffer_.consume(size);
    scanned = 0;
    const auto parsed = parse_response_head(head_bytes_, request, head_);
    if (!parsed) co_return invalid(parsed.error().problem);
    if (head_.status == 101) co_return invalid("changes the protocol, which nobody asked for");
    if (head_.status >= 200) break;
    if (++interim_heads > kMaxInterimHeads) co_return invalid("has too many interim heads");
  }
  body_.start(head_.framing, head_.content_length);
  co_return base::Result<>{};
}

base::Task<base::Result<std::string>> ClientConnection::read_body_some(Deadline deadline) {
  std::string piece;
  while (!body_.complete()) {
    const auto used = body_.decode(buffer_.data(), piece);
    if (!used) {
      failed_ = true;
      co_return base::fail(ErrorKind::invalid, fmt::format("{}: the answer {}", host_and_port(origin_), used.error()));
    }
    buffer_.consume(*used);
    if (!piece.empty() || body_.complete()) break;
    auto more = co_await read_more(deadline, "reading the answer");
    if (!more && !body_.complete()) co_return std::unexpected(std::move(more.error()));
  }
  co_return piece;
}

}  // namespace podid::net
