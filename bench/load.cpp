// SPDX-License-Identifier: Apache-2.0
// How fast does an HTTP server answer, and what does a request cost its process?
// One thread, epoll. Closed loop: each connection asks again when it has its answer. Open loop (--rate): requests are due
// at fixed times and their latency counts from then, so a stall of the server is seen by every request that was due in it.
//
//   load --address A --port P [--target /] [--header "Name: value"]... [--connections 64] [--new-connections]
//        [--rate requests/s] [--seconds 5] [--requests limit] [--warmup 1000] [--server-pid PID]
// Ends after --seconds or --requests, whichever comes first. Prints one line of JSON; microseconds everywhere. CPU times
// are the server process's own accounting. Exit status 1 when an answer was not 200 or a connection failed.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Micros = std::chrono::duration<double, std::micro>;

struct Options {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  std::string target = "/";
  std::string headers;
  std::size_t connections = 64;
  bool new_connections = false;
  double rate = 0;  // 0: closed loop
  double seconds = 5;
  std::size_t requests = SIZE_MAX;
  std::size_t warmup = 1000;
  int server_pid = 0;
};

[[noreturn]] void fail(const std::string& what) {
  std::fprintf(stderr, "load: %s\n", what.c_str());
  std::exit(2);
}

struct CpuTime {
  double user = 0;
  double system = 0;
};

CpuTime cpu_time_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) fail("no process " + std::to_string(pid));
  std::istringstream fields(text.substr(name_end + 2));
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;  // proc(5): utime and stime are fields 14 and 15
  double user_ticks = 0;
  double system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  const double tick = 1e6 / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return {user_ticks * tick, system_ticks * tick};
}

struct Connection {
  int fd = -1;
  bool busy = false;
  Clock::time_point due;  // of the request in flight
  std::string received;
  std::size_t expected = 0;  // bytes of the whole answer, once its head is known
};

class Load {
 public:
  explicit Load(Options options) : options_(std::move(options)), connections_(options_.connections) {
    request_ = "GET " + options_.target + " HTTP/1.1\r\nHost: " + options_.address + "\r\n" + options_.headers +
               (options_.new_connections ? "Connection: close\r\n" : "") + "\r\n";
    address_.sin_family = AF_INET;
    address_.sin_port = htons(options_.port);
    if (::inet_pton(AF_INET, options_.address.c_str(), &address_.sin_addr) != 1) fail("bad --address");
    epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  }

  int run() {
    if (!options_.new_connections) {
      for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
    }
    phase(options_.warmup, 60, 0);
    latencies_.clear();
    errors_ = 0;
    const CpuTime before = options_.server_pid != 0 ? cpu_time_of(options_.server_pid) : CpuTime{};
    const auto start = Clock::now();
    phase(options_.requests, options_.seconds, options_.rate);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    const CpuTime after = options_.server_pid != 0 ? cpu_time_of(options_.server_pid) : CpuTime{};
    report(seconds, {after.user - before.user, after.system - before.system});
    return errors_ == 0 && !latencies_.empty() ? 0 : 1;
  }

 private:
  // Starts up to `count` requests within `seconds` and waits for their answers.
  void phase(std::size_t count, double seconds, double rate) {
    const auto start = Clock::now();
    const auto end = start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    std::size_t started = 0;
    in_flight_ = 0;
    for (std::size_t i = 0; i < connections_.size(); ++i) idle_.push_back(i);
    while (true) {
      auto now = Clock::now();
      const bool over = now >= end || started >= count;
      if (over && in_flight_ == 0) break;
      if (over && now >= end + std::chrono::seconds(30)) {
        errors_ += in_flight_;
        break;
      }
      int wait_ms = 100;
      while (!over && !idle_.empty() && started < count) {
        auto due = now;
        if (rate > 0) {
          due = start + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(static_cast<double>(started) / rate));
          if (due > now) {
            wait_ms = due - now < std::chrono::milliseconds(1) ? 0 : 1;
            break;
          }
        }
        const std::size_t index = idle_.back();
        idle_.pop_back();
        begin(index, due);
        ++started;
      }
      epoll_event events[256];
      const int n = ::epoll_wait(epoll_, events, 256, wait_ms);
      for (int i = 0; i < n; ++i) on_event(events[i].data.u64);
    }
    idle_.clear();
  }

  void open(std::size_t index) {
    Connection& connection = connections_[index];
    connection.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(connection.fd, reinterpret_cast<sockaddr*>(&address_), sizeof address_) != 0) {
      fail(std::string("connect: ") + std::strerror(errno));
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
  }

  void close(Connection& connection) {
    // Reset instead of TIME_WAIT, or a minute of new connections would use up all ports.
    const linger hard{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::close(connection.fd);
    connection.fd = -1;
  }

  void begin(std::size_t index, Clock::time_point due) {
    Connection& connection = connections_[index];
    if (connection.fd < 0) open(index);
    connection.busy = true;
    connection.due = due;
    connection.received.clear();
    connection.expected = 0;
    ++in_flight_;
    if (::send(connection.fd, request_.data(), request_.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request_.size())) {
      finish(index, false);
    }
  }

  void on_event(std::size_t index) {
    Connection& connection = connections_[index];
    if (connection.fd < 0) return;
    char chunk[16384];
    const ssize_t n = ::recv(connection.fd, chunk, sizeof chunk, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      const bool was_busy = connection.busy;
      close(connection);
      if (was_busy) finish(index, false);
      return;
    }
    connection.received.append(chunk, static_cast<std::size_t>(n));
    if (connection.expected == 0) read_head(connection);
    if (connection.expected != 0 && connection.received.size() >= connection.expected) {
      finish(index, connection.received.starts_with("HTTP/1.1 200"));
    }
  }

  static void read_head(Connection& connection) {
    const auto head_end = connection.received.find("\r\n\r\n");
    if (head_end == std::string::npos) return;
    const auto at = connection.received.find("Content-Length: ");
    const std::size_t length = at < head_end ? std::strtoul(connection.received.c_str() + at + 16, nullptr, 10) : 0;
    connection.expected = head_end + 4 + length;
  }

  void finish(std::size_t index, bool good) {
    Connection& connection = connections_[index];
    connection.busy = false;
    --in_flight_;
    if (good) {
      latencies_.push_back(std::chrono::duration_cast<Micros>(Clock::now() - connection.due).count());
    } else {
      ++errors_;
    }
    if (connection.fd >= 0 && (options_.new_connections || !good)) close(connection);
    idle_.insert(idle_.begin(), index);  // in turn, so that all connections are used
  }

  void report(double seconds, CpuTime cpu) {
    std::ranges::sort(latencies_);
    const auto percentile = [this](double p) {
      if (latencies_.empty()) return 0.0;
      return latencies_[std::min(latencies_.size() - 1,
                                 static_cast<std::size_t>(p * static_cast<double>(latencies_.size())))];
    };
    const double count = static_cast<double>(std::max<std::size_t>(1, latencies_.size()));
    std::printf(
        "{\"requests\": %zu, \"errors\": %zu, \"seconds\": %.3f, \"requests_per_second\": %.0f, "
        "\"p50_us\": %.0f, \"p99_us\": %.0f, \"p999_us\": %.0f, \"max_us\": %.0f",
        latencies_.size(), errors_, seconds, static_cast<double>(latencies_.size()) / seconds, percentile(0.5),
        percentile(0.99), percentile(0.999), latencies_.empty() ? 0.0 : latencies_.back());
    if (options_.server_pid != 0) {
      std::printf(", \"user_us_per_request\": %.2f, \"system_us_per_request\": %.2f, \"cpu_us_per_request\": %.2f",
                  cpu.user / count, cpu.system / count, (cpu.user + cpu.system) / count);
    }
    std::printf("}\n");
  }

  Options options_;
  std::string request_;
  sockaddr_in address_{};
  int epoll_ = -1;
  std::vector<Connection> connections_;
  std::vector<std::size_t> idle_;
  std::size_t in_flight_ = 0;
  std::size_t errors_ = 0;
  std::vector<double> latencies_;
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    if (flag == "--new-connections") {
      options.new_connections = true;
      continue;
    }
    if (++i >= argc) fail(std::string(flag) + " needs a value");
    const char* value = argv[i];
    if (flag == "--address") {
      options.address = value;
    } else if (flag == "--port") {
      options.port = static_cast<std::uint16_t>(std::strtoul(value, nullptr, 10));
    } else if (flag == "--target") {
      options.target = value;
    } else if (flag == "--header") {
      options.headers += std::string(value) + "\r\n";
    } else if (flag == "--connections") {
      options.connections = std::strtoul(value, nullptr, 10);
    } else if (flag == "--rate") {
      options.rate = std::strtod(value, nullptr);
    } else if (flag == "--seconds") {
      options.seconds = std::strtod(value, nullptr);
    } else if (flag == "--requests") {
      options.requests = std::strtoul(value, nullptr, 10);
    } else if (flag == "--warmup") {
      options.warmup = std::strtoul(value, nullptr, 10);
    } else if (flag == "--server-pid") {
      options.server_pid = std::atoi(value);
    } else {
      fail("unknown flag " + std::string(flag));
    }
  }
  if (options.port == 0 || options.connections == 0) fail("--port and --connections must be given and not 0");
  return options;
}

}  // namespace

int main(int argc, char** argv) { return Load(parse(argc, argv)).run(); }
