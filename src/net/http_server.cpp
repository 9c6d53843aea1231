// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "net/port_holder.hpp"
#include "net/server_core.hpp"

namespace podid::net {

namespace asio = base::asio;
using asio::ip::tcp;
using base::ErrorKind;

namespace {

// From errno; closes `fd`.
std::unexpected<base::Error> listen_failure(const tcp::endpoint& endpoint, int fd) {
  const int code = errno;
  if (fd >= 0) ::close(fd);
  const std::string address = endpoint.address().to_string();
  std::string message = fmt::format(
      fmt::runtime(endpoint.address().is_v6() ? "cannot listen on [{}]:{}: {}" : "cannot listen on {}:{}: {}"), address,
      endpoint.port(), std::generic_category().message(code));
  if (code != EADDRINUSE) return base::fail(code == EACCES ? ErrorKind::denied : ErrorKind::unavailable, message);
  const std::string holder = find_port_holder(endpoint.port());
  if (!holder.empty()) message += " by " + holder;
  return base::fail(ErrorKind::already_exists, message);
}

}  // namespace

HttpServer::HttpServer(base::Executor executor, HttpHandler& handler, ServerLimits limits)
    : core_(std::make_shared<ServerCore>(executor, handler, limits)) {}

HttpServer::~HttpServer() {
  core_->close_listeners();
  core_->abort_connections();
}

base::Result<tcp::endpoint> HttpServer::listen(const ListenOptions& options) {
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return base::fail(ErrorKind::invalid, fmt::format("cannot listen on {}: not an IP address", options.address));
  }
  const tcp::endpoint endpoint(address, options.port);
  const auto failed = [&endpoint](int fd) { return listen_failure(endpoint, fd); };
  const int fd = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(fd);
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (options.reuse_port && ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) return failed(fd);
  // "::" means both families, whatever the system's default is.
  if (address.is_v6()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  if (::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())) != 0) return failed(fd);
  if (::listen(fd, SOMAXCONN) != 0) return failed(fd);
  return core_->listen_on(fd, options.tls);
}

base::Result<tcp::endpoint> HttpServer::listen_on(int fd, TlsContext tls) {
  return core_->listen_on(fd, std::move(tls));
}

base::Task<> HttpServer::stop(Deadline deadline) {
  const auto core = core_;
  co_await core->stop(deadline);
}

ServerStatistics HttpServer::statistics() const { return core_->statistics; }

}  // namespace podid::net
