// SPDX-License-Identifier: Apache-2.0
#include "net/server/http_server.hpp"

#include <fmt/format.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/log.hpp"
#include "net/server/port_holder.hpp"
#include "net/server/server_core.hpp"

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

// The kernel picks the socket of the group by the lowest 32 bits of the peer's address: neighbours take turns. Where it
// cannot (before Linux 4.5), connections are spread.
void keep_peers_together(int fd, bool v6, unsigned sockets) {
  constexpr std::uint32_t kSource4 = 12, kSource6 = 8 + 12;  // in the IP header
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_NET_OFF) + (v6 ? kSource6 : kSource4)),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, sockets),
      BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const sock_fprog program{.len = std::size(code), .filter = code};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) != 0) {
    base::log::warning("connections of one address are spread over all threads, limits count for each of them",
                       {{"reason", std::generic_category().message(errno)}});
  }
}

}  // namespace

HttpServer::HttpServer(base::Executor executor, base::Clock& clock, HttpHandler& handler, ServerLimits limits)
    : core_(std::make_shared<ServerCore>(executor, clock, handler, std::move(limits))) {}

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
  if (options.reuse_port && options.keep_peers_together > 0) {
    keep_peers_together(fd, address.is_v6(), options.keep_peers_together);
  }
  return core_->listen_on(fd, options.tls);
}

base::Result<> HttpServer::listen_unix(const UnixListenOptions& options) {
  const auto failed = [&options](int fd) {
    const int code = errno;
    if (fd >= 0) ::close(fd);
    return base::fail(code == EACCES ? ErrorKind::denied : ErrorKind::unavailable,
                      fmt::format("cannot listen on {}: {}", options.path, std::generic_category().message(code)));
  };
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (options.path.empty() || options.path.size() >= sizeof address.sun_path) {
    return base::fail(ErrorKind::invalid, fmt::format("cannot listen on {}: a path of 1 to {} characters is needed",
                                                      options.path, sizeof address.sun_path - 1));
  }
  options.path.copy(address.sun_path, options.path.size());
  // What is there already is a former process's; anything but a socket is somebody else's.
  struct stat there{};
  if (::lstat(options.path.c_str(), &there) == 0) {
    if (!S_ISSOCK(there.st_mode)) {
      return base::fail(ErrorKind::already_exists, fmt::format("cannot listen on {}: it is no socket", options.path));
    }
    if (::unlink(options.path.c_str()) != 0) return failed(-1);
  }
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed(fd);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return failed(fd);
  const auto is_owner = [](std::uint32_t uid) { return uid == 0 || uid == ::geteuid(); };
  const ::mode_t mode = std::ranges::all_of(options.uids, is_owner) ? 0600 : 0666;
  // Before anybody can connect.
  if (::chmod(options.path.c_str(), mode) != 0) return failed(fd);
  if (::listen(fd, SOMAXCONN) != 0) return failed(fd);
  return core_->listen_on_unix(fd, options.uids);
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
