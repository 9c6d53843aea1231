// SPDX-License-Identifier: Apache-2.0
#include "nmi/link/link_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace podid::nmi {
namespace {

std::unexpected<base::Error> fail_errno(const char* what) {
  const int code = errno;
  base::ErrorKind kind = base::ErrorKind::internal;
  if (code == EAGAIN) kind = base::ErrorKind::throttled;
  if (code == EPIPE || code == ECONNRESET) kind = base::ErrorKind::gone;
  return base::fail(kind, std::string(what) + ": " + std::generic_category().message(code));
}

union Control {  // room for one descriptor
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

// Takes all that came, so that none stays open; the last is kept.
Descriptor descriptor_in(msghdr& message) {
  Descriptor found;
  for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
    if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t offset = 0; CMSG_LEN(offset + sizeof(int)) <= at->cmsg_len; offset += sizeof(int)) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(at) + offset, sizeof fd);
      found = Descriptor(fd);
    }
  }
  return found;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

base::Result<LinkPair> make_link() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0) {
    return fail_errno("link between keeper and server");
  }
  return LinkPair{.keeper = Descriptor(ends[0]), .server = Descriptor(ends[1])};
}

base::Result<> send_message(int link, const Message& message, int descriptor) {
  std::string bytes = encode(message);
  iovec data{.iov_base = bytes.data(), .iov_len = bytes.size()};
  Control control{};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  if (descriptor >= 0) {
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  }
  if (::sendmsg(link, &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return fail_errno("link");
  return {};
}

base::Result<Received> receive_message(int link) {
  std::array<char, kMostMessageBytes> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by recvmsg
  iovec data{.iov_base = buffer.data(), .iov_len = buffer.size()};
  Control control{};
  msghdr header{};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes.data();
  header.msg_controllen = CMSG_LEN(sizeof(int));  // CMSG_SPACE would be room for two
  ssize_t size = ::recvmsg(link, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  // The other side ended with messages of ours unread. That is reported once, before what it had said last.
  if (size < 0 && errno == ECONNRESET) size = ::recvmsg(link, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return base::fail(base::ErrorKind::unavailable, "link: empty");
  if (size < 0) return fail_errno("link");
  if (size == 0) return base::fail(base::ErrorKind::gone, "the other side of the link has ended");
  Descriptor descriptor = descriptor_in(header);
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return base::fail(base::ErrorKind::invalid, "a message that is too long");
  }
  base::Result<Message> message = decode({buffer.data(), static_cast<std::size_t>(size)});
  if (!message) return std::unexpected(std::move(message.error()));
  return Received{.message = std::move(*message), .descriptor = std::move(descriptor)};
}

LinkSocket::LinkSocket(base::Executor executor, Descriptor link) : stream_(executor, link.release()) {}

base::Task<base::Result<Received>> LinkSocket::receive() {
  for (;;) {
    base::Result<Received> received = receive_message(stream_.native_handle());
    if (received || received.error().kind != base::ErrorKind::unavailable) co_return received;
    const auto [error] = co_await stream_.async_wait(Stream::wait_read, base::as_result);
    if (error) throw boost::system::system_error(error);  // cancelled: we are being stopped
  }
}

base::Result<> LinkSocket::send(const Message& message, int descriptor) {
  return send_message(stream_.native_handle(), message, descriptor);
}

void LinkSocket::shut_down() { ::shutdown(stream_.native_handle(), SHUT_RDWR); }

}  // namespace podid::nmi
