// SPDX-License-Identifier: Apache-2.0
// The limit that `./dev bench nmi` compares with: what does the least possible HTTP server cost on the same path?
// One thread, epoll, the same fixed answer of N bytes to every request. Faked: everything. It looks for the blank line
// and for "Connection: close" and knows nothing else of HTTP.
//
//   epoll_server [--address 127.0.0.1] [--port 0] [--bytes 2048]
// Prints "listening on <address>:<port>" and serves until it is killed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t kRequestBytes = 4096;

struct Connection {
  std::size_t used = 0;
  char bytes[kRequestBytes];
};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "epoll_server: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

class EpollServer {
 public:
  EpollServer(const char* address, std::uint16_t port, std::size_t bytes) {
    answer_ = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(bytes) +
              "\r\n\r\n" + std::string(bytes, 'x');
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(listener_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_port = htons(port);
    if (::inet_pton(AF_INET, address, &local.sin_addr) != 1) fail("--address");
    socklen_t length = sizeof local;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&local), length) != 0) fail("bind");
    if (::listen(listener_, SOMAXCONN) != 0) fail("listen");
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&local), &length);
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    watch(listener_);
    std::printf("listening on %s:%u\n", address, ntohs(local.sin_port));
    std::fflush(stdout);
  }

  [[noreturn]] void run() {
    epoll_event events[256];
    while (true) {
      const int n = ::epoll_wait(epoll_, events, 256, -1);
      for (int i = 0; i < n; ++i) {
        if (events[i].data.fd == listener_) {
          accept_all();
        } else {
          serve(events[i].data.fd);
        }
      }
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void accept_all() {
    int fd = -1;
    while ((fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      const auto index = static_cast<std::size_t>(fd);
      if (index >= connections_.size()) connections_.resize(index + 1);
      connections_[index].used = 0;
      watch(fd);
    }
  }

  void serve(int fd) {
    Connection& connection = connections_[static_cast<std::size_t>(fd)];
    const ssize_t n = ::recv(fd, connection.bytes + connection.used, kRequestBytes - connection.used, 0);
    if (n <= 0) {
      if (n == 0 || errno != EAGAIN) ::close(fd);
      return;
    }
    connection.used += static_cast<std::size_t>(n);
    const std::string_view request(connection.bytes, connection.used);
    if (!request.ends_with("\r\n\r\n")) {
      if (connection.used == kRequestBytes) ::close(fd);
      return;
    }
    const bool last = request.find("Connection: close") != std::string_view::npos;
    connection.used = 0;
    const ssize_t sent = ::send(fd, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    if (last || sent != static_cast<ssize_t>(answer_.size())) ::close(fd);
  }

  std::string answer_;
  int listener_ = -1;
  int epoll_ = -1;
  std::vector<Connection> connections_;
};

}  // namespace

int main(int argc, char** argv) {
  const char* address = "127.0.0.1";
  unsigned long port = 0;
  unsigned long bytes = 2048;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--address") {
      address = argv[i + 1];
    } else if (flag == "--port") {
      port = std::strtoul(argv[i + 1], nullptr, 10);
    } else if (flag == "--bytes") {
      bytes = std::strtoul(argv[i + 1], nullptr, 10);
    } else {
      std::fprintf(stderr, "epoll_server: unknown flag %s\n", argv[i]);
      return 2;
    }
  }
  EpollServer(address, static_cast<std::uint16_t>(port), bytes).run();
}
