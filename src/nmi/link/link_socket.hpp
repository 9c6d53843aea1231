// SPDX-License-Identifier: Apache-2.0
// The socket between keeper and server: messages, and descriptors beside them.
#pragma once
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <utility>

#include "base/async.hpp"
#include "base/error.hpp"
#include "nmi/link/messages.hpp"

namespace podid::nmi {

// Owns a file descriptor; -1: none.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

struct LinkPair {
  Descriptor keeper;
  Descriptor server;
};
base::Result<LinkPair> make_link();

// Never waits: `throttled` when the other side reads nothing, `gone` when it has ended. `descriptor` (-1: none) is
// passed on and stays ours as well.
base::Result<> send_message(int link, const Message& message, int descriptor = -1);

struct Received {
  Message message;
  Descriptor descriptor;
};
// `unavailable` when nothing has come yet, `gone` when the other side has ended and all it sent was read, `invalid` for
// bytes that are no message.
base::Result<Received> receive_message(int link);

// One executor; one receive() at a time.
class LinkSocket {
 public:
  LinkSocket(base::Executor executor, Descriptor link);
  // As receive_message(), but waits. Cancellation throws, like every wait.
  base::Task<base::Result<Received>> receive();
  base::Result<> send(const Message& message, int descriptor = -1);
  // Both sides find that the other has ended.
  void shut_down();

 private:
  using Stream = base::asio::posix::basic_stream_descriptor<base::Executor>;
  Stream stream_;
};

}  // namespace podid::nmi
