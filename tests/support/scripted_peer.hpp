// SPDX-License-Identifier: Apache-2.0
// A TCP server that plays a script: the faults that a well-behaved server cannot be asked for.
#pragma once
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace podid::test {

namespace peer {
enum class Action { read_head, read_bytes, write, close, reset, stall };
struct Step {
  Action action;
  std::string text = {};
  std::size_t count = 0;
};
// Up to and including the next blank line.
inline Step read_head() { return {Action::read_head}; }
inline Step read_bytes(std::size_t count) { return {Action::read_bytes, {}, count}; }
inline Step write(std::string text) { return {Action::write, std::move(text)}; }
inline Step close() { return {Action::close}; }
inline Step reset() { return {Action::reset}; }
// Does nothing until the other side closes or the test ends.
inline Step stall() { return {Action::stall}; }
}  // namespace peer

// Listens on 127.0.0.1 on a port chosen by the kernel. The n-th connection is served by the n-th script, one after the
// other, on a thread of its own; after a script the connection is closed, after the last script new connections are
// accepted by the kernel and never answered. Thread-safe.
class ScriptedPeer {
 public:
  using Script = std::vector<peer::Step>;

  explicit ScriptedPeer(std::vector<Script> scripts) : scripts_(std::move(scripts)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length);
    ::listen(listener_, 16);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    if (::pipe2(stop_pipe_, O_CLOEXEC) != 0) stop_pipe_[0] = stop_pipe_[1] = -1;
    thread_ = std::thread([this] { play(); });
  }
  ScriptedPeer(const ScriptedPeer&) = delete;
  ScriptedPeer& operator=(const ScriptedPeer&) = delete;
  ~ScriptedPeer() {
    ::close(stop_pipe_[1]);  // wakes every wait
    thread_.join();
    ::close(stop_pipe_[0]);
    ::close(listener_);
  }

  std::uint16_t port() const { return port_; }
  // "http://127.0.0.1:<port>"
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // What was read by the scripts so far, one entry per connection.
  std::vector<std::string> received() const {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  std::size_t connections() const { return received().size(); }

 private:
  void play() {
    for (const Script& script : scripts_) {
      if (!wait_readable(listener_)) return;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      {
        const std::lock_guard lock(mutex_);
        received_.emplace_back();
      }
      for (const peer::Step& step : script) {
        if (!play_step(fd, step)) break;
      }
      ::close(fd);
    }
  }

  // False ends the script.
  bool play_step(int fd, const peer::Step& step) {
    switch (step.action) {
      case peer::Action::read_head: {
        std::string head;
        while (!head.ends_with("\r\n\r\n")) {
          if (!read_byte(fd, head)) return false;
        }
        return true;
      }
      case peer::Action::read_bytes: {
        std::string bytes(step.count, '\0');
        std::size_t done = 0;
        while (done < bytes.size()) {
          if (!wait_readable(fd)) return false;
          const ssize_t n = ::recv(fd, bytes.data() + done, bytes.size() - done, 0);
          if (n <= 0) return false;
          note(std::string_view(bytes).substr(done, static_cast<std::size_t>(n)));
          done += static_cast<std::size_t>(n);
        }
        return true;
      }
      case peer::Action::write: {
        std::string_view rest = step.text;
        while (!rest.empty()) {
          const ssize_t n = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
          if (n <= 0) return false;
          rest.remove_prefix(static_cast<std::size_t>(n));
        }
        return true;
      }
      case peer::Action::reset: {
        const linger hard{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        return false;
      }
      case peer::Action::stall: {
        std::string ignored;
        while (read_byte(fd, ignored)) {
        }
        return false;
      }
      case peer::Action::close:
        return false;
    }
    return false;
  }

  // Byte by byte, so that what a script does not ask for stays unread.
  bool read_byte(int fd, std::string& out) {
    char byte;
    if (!wait_readable(fd) || ::recv(fd, &byte, 1, 0) != 1) return false;
    out += byte;
    note(std::string_view(&byte, 1));
    return true;
  }

  void note(std::string_view bytes) {
    const std::lock_guard lock(mutex_);
    received_.back() += bytes;
  }

  // False when the test ends.
  bool wait_readable(int fd) {
    pollfd waits[2] = {{fd, POLLIN, 0}, {stop_pipe_[0], POLLIN, 0}};
    return ::poll(waits, 2, -1) > 0 && waits[1].revents == 0;
  }

  std::vector<Script> scripts_;
  int listener_ = -1;
  int stop_pipe_[2] = {-1, -1};
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> received_;
  std::thread thread_;
};

}  // namespace podid::test
