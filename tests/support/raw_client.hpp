// SPDX-License-Identifier: Apache-2.0
// A blocking socket that says exactly what a test wants said, driven from outside the server's event loop.
#pragma once
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <string>
#include <string_view>

#include "base/async.hpp"

namespace podid::test {

// Lives on the test's io_context; all calls are awaited.
class RawClient {
 public:
  explicit RawClient(base::Executor executor) : socket_(executor) {}

  base::Task<> connect(boost::asio::ip::tcp::endpoint endpoint) {
    co_await socket_.async_connect(endpoint, base::use_task);
  }
  // From another address of this machine: another peer.
  base::Task<> connect_from(std::string address, boost::asio::ip::tcp::endpoint endpoint) {
    socket_.open(boost::asio::ip::tcp::v4());
    socket_.bind({boost::asio::ip::make_address(address), 0});
    co_await connect(endpoint);
  }
  // A socket of the file system. False: there is nobody, or it may not be opened.
  bool connect_unix(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    socket_.assign(boost::asio::ip::tcp::v4(), fd);  // the protocol matters to addresses alone
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  base::Task<> write(std::string bytes) {
    co_await boost::asio::async_write(socket_, boost::asio::buffer(bytes), base::use_task);
  }
  // Until the server closes or resets.
  base::Task<std::string> read_to_end() {
    std::string bytes = std::move(unread_);
    unread_.clear();
    while (true) {
      const bool more = co_await read_more(bytes);
      if (!more) co_return bytes;
    }
  }
  // Up to and including the first `end`; what follows is kept for the next read. Less when the server closes.
  base::Task<std::string> read_until(std::string end) {
    std::string bytes = std::move(unread_);
    unread_.clear();
    while (true) {
      const auto at = bytes.find(end);
      if (at != std::string::npos) {
        unread_ = bytes.substr(at + end.size());
        bytes.resize(at + end.size());
        co_return bytes;
      }
      const bool more = co_await read_more(bytes);
      if (!more) co_return bytes;
    }
  }
  void shutdown_send() { socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send); }
  void close() { socket_.close(); }
  void reset() {
    socket_.set_option(boost::asio::socket_base::linger(true, 0));
    socket_.close();
  }
  boost::asio::basic_stream_socket<boost::asio::ip::tcp, base::Executor>& socket() { return socket_; }

 private:
  base::Task<bool> read_more(std::string& bytes) {
    char chunk[4096];
    const auto [error, n] = co_await socket_.async_read_some(boost::asio::buffer(chunk), base::as_result);
    bytes.append(chunk, n);
    co_return !error;
  }

  boost::asio::basic_stream_socket<boost::asio::ip::tcp, base::Executor> socket_;
  std::string unread_;
};

}  // namespace podid::test
