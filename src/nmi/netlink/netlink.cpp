// SPDX-License-Identifier: Apache-2.0
#include "nmi/netlink/netlink.hpp"

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace podid::nmi {
namespace {

constexpr std::size_t kBufferBytes = 64 * 1024;  // the kernel's largest dump block is 32 KiB
constexpr int kReceiveQueueBytes = 1 << 20;      // a burst of foreign rule changes

std::unexpected<base::Error> errno_error(const char* what, int code) {
  base::ErrorKind kind = base::ErrorKind::unavailable;
  if (code == EPERM || code == EACCES) kind = base::ErrorKind::denied;
  if (code == ENOENT || code == ESRCH || code == ENODEV) kind = base::ErrorKind::not_found;
  if (code == EEXIST) kind = base::ErrorKind::already_exists;
  if (code == ENOBUFS) kind = base::ErrorKind::conflict;  // notifications were lost
  if (code == EINVAL || code == EOPNOTSUPP || code == EPROTONOSUPPORT) kind = base::ErrorKind::unsupported;
  std::string text = std::string(what) + ": " + std::strerror(code);
  if (kind == base::ErrorKind::denied) text += " (needs the capability NET_ADMIN)";
  return base::fail(kind, std::move(text));
}

}  // namespace

Netlink::Netlink(base::Executor executor, mnl_socket* socket)
    : socket_(socket), descriptor_(executor), buffer_(std::make_unique_for_overwrite<char[]>(kBufferBytes)) {}

Netlink::~Netlink() {
  // The descriptor owns a duplicate, so both are closed.
  mnl_socket_close(socket_);
}

base::Result<std::unique_ptr<Netlink>> Netlink::open(base::Executor executor, int bus) {
  mnl_socket* socket = mnl_socket_open2(bus, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (socket == nullptr) return errno_error("netlink socket", errno);
  std::unique_ptr<Netlink> self(new Netlink(executor, socket));
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) return errno_error("netlink bind", errno);
  // Larger than the system's limit where we may; a smaller queue only means that more is read anew.
  if (setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveQueueBytes,
                 sizeof kReceiveQueueBytes) != 0) {
    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUF, &kReceiveQueueBytes, sizeof kReceiveQueueBytes);
  }
  const int duplicate = fcntl(mnl_socket_get_fd(socket), F_DUPFD_CLOEXEC, 0);
  if (duplicate < 0) return errno_error("netlink socket", errno);
  boost::system::error_code error;
  self->descriptor_.assign(duplicate, error);
  if (error) return errno_error("netlink socket", error.value());
  return self;
}

base::Result<> Netlink::subscribe(int group) {
  if (mnl_socket_setsockopt(socket_, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0) {
    return errno_error("netlink subscription", errno);
  }
  return {};
}

base::Task<base::Result<std::size_t>> Netlink::receive() {
  for (;;) {
    const ssize_t size = mnl_socket_recvfrom(socket_, buffer_.get(), kBufferBytes);
    if (size >= 0) co_return static_cast<std::size_t>(size);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return errno_error("netlink receive", errno);
    const auto [error] = co_await descriptor_.async_wait(Descriptor::wait_read, base::as_result);
    if (error) throw boost::system::system_error(error);  // cancelled: we are being stopped
  }
}

base::Task<base::Result<>> Netlink::request(nlmsghdr& message, const Visit& visit) {
  message.nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, &message, message.nlmsg_len) < 0) co_return errno_error("netlink send", errno);
  for (;;) {
    const base::Result<std::size_t> size = co_await receive();
    if (!size) co_return std::unexpected(size.error());
    int left = static_cast<int>(*size);
    const auto* header = reinterpret_cast<const nlmsghdr*>(buffer_.get());
    for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
      if (header->nlmsg_seq != sequence_) continue;  // the rest of an earlier, abandoned request
      if (header->nlmsg_flags & NLM_F_DUMP_INTR) {
        co_return base::fail(base::ErrorKind::conflict, "netlink dump was interrupted by a change");
      }
      if (header->nlmsg_type == NLMSG_DONE) co_return base::Result<>{};
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto* answer = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(header));
        if (answer->error == 0) co_return base::Result<>{};
        co_return errno_error("netlink", -answer->error);
      }
      visit(*header);
    }
  }
}

base::Task<base::Result<bool>> Netlink::notifications(const Visit& visit) {
  const base::Result<std::size_t> size = co_await receive();
  if (!size) {
    if (size.error().kind == base::ErrorKind::conflict) co_return false;
    co_return std::unexpected(size.error());
  }
  int left = static_cast<int>(*size);
  const auto* header = reinterpret_cast<const nlmsghdr*>(buffer_.get());
  for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) visit(*header);
  co_return true;
}

}  // namespace podid::nmi
