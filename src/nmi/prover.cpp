// SPDX-License-Identifier: Apache-2.0
#include "nmi/prover.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "base/text.hpp"

namespace podid::nmi {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kMaxAnswer = 4096;

std::string new_nonce() {
  std::array<unsigned char, kNonceBytes> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return {};
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string nonce;
  for (const unsigned char byte : bytes) {
    nonce += kDigits[byte >> 4];
    nonce += kDigits[byte & 15];
  }
  return nonce;
}

std::string problem(const char* what, int code) { return std::string(what) + ": " + std::strerror(code); }

class Connection {
 public:
  explicit Connection(Clock::time_point deadline) : deadline_(deadline) {}
  ~Connection() {
    if (socket_ >= 0) ::close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  std::string open(const ProverOptions& options) {
    sockaddr_in6 to6{.sin6_family = AF_INET6,
                     .sin6_port = htons(options.port),
                     .sin6_flowinfo = 0,
                     .sin6_addr = {},
                     .sin6_scope_id = 0};
    sockaddr_in to4{.sin_family = AF_INET, .sin_port = htons(options.port), .sin_addr = {}, .sin_zero = {}};
    const bool v6 = ::inet_pton(AF_INET6, options.address.c_str(), &to6.sin6_addr) == 1;
    if (!v6 && ::inet_pton(AF_INET, options.address.c_str(), &to4.sin_addr) != 1) return "--address: not an address";
    socket_ = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (socket_ < 0) return problem("socket", errno);
    const int done = v6 ? ::connect(socket_, reinterpret_cast<const sockaddr*>(&to6), sizeof to6)
                        : ::connect(socket_, reinterpret_cast<const sockaddr*>(&to4), sizeof to4);
    if (done != 0 && errno != EINPROGRESS) return problem("connect", errno);
    if (!wait(POLLOUT)) return "connect: no answer";
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &length);
    return error == 0 ? std::string() : problem("connect", error);
  }
  std::string write(std::string_view text) const {
    // It fits into the socket's empty buffer.
    const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    return sent == static_cast<ssize_t>(text.size()) ? std::string() : problem("send", errno);
  }
  // To the end; the answer says Connection: close.
  std::string read() const {
    std::string all;
    while (all.size() < kMaxAnswer && wait(POLLIN)) {
      std::array<char, 1024> chunk{};
      const ssize_t got = ::recv(socket_, chunk.data(), chunk.size(), 0);
      if (got <= 0) break;
      all.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  bool wait(short events) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now());
    pollfd waiting{.fd = socket_, .events = events, .revents = 0};
    return left.count() > 0 && ::poll(&waiting, 1, static_cast<int>(left.count())) == 1;
  }

  Clock::time_point deadline_;
  int socket_ = -1;
};

bool read_arguments(int argc, char** argv, ProverOptions& options) {
  for (int i = 2; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::string_view value = argument.substr(std::min(argument.size(), argument.find('=') + 1));
    if (argument == "--once") {
      options.once = true;
    } else if (argument.starts_with("--address=")) {
      options.address = value;
    } else if (const auto port = base::parse_number<std::uint16_t>(value); argument.starts_with("--port=") && port) {
      options.port = *port;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string ask_for_proof(const ProverOptions& options) {
  const std::string nonce = new_nonce();
  if (nonce.empty()) return "no random numbers";
  Connection connection(Clock::now() + options.timeout);
  if (std::string failed = connection.open(options); !failed.empty()) return failed;
  const std::string host = options.address.contains(':') ? "[" + options.address + "]" : options.address;
  const std::string request = "GET /podid/prove?nonce=" + nonce + " HTTP/1.1\r\nHost: " + host +
                              "\r\nMetadata: true\r\nUser-Agent: podid-prober\r\nConnection: close\r\n\r\n";
  if (std::string failed = connection.write(request); !failed.empty()) return failed;
  const std::string answer = connection.read();
  if (answer.contains("\"nonce\":\"" + nonce + "\"") && answer.starts_with("HTTP/1.1 200 ")) return {};
  if (answer.empty()) return "no answer";
  return "not the NMI's answer: " + answer.substr(0, std::min(answer.find('\r'), std::size_t{80}));
}

int run_prover(int argc, char** argv) {
  ProverOptions options;
  if (!read_arguments(argc, argv, options)) {
    std::fputs(
        "usage: nmi prove [--once] [--address=169.254.169.254] [--port=80]\n"
        "Asks the metadata endpoint every 10 s for what the NMI alone answers, from an ordinary pod "
        "(deploy/prober.yaml).\n",
        stderr);
    return 2;
  }
  // As process 1 of a container nothing ends it by default.
  const auto end = [](int) { ::_exit(0); };
  std::signal(SIGTERM, end);
  std::signal(SIGINT, end);
  std::string told = "nothing yet";
  for (;;) {
    const std::string failed = ask_for_proof(options);
    if (failed != told) {
      std::printf("%s\n", failed.empty() ? "the NMI answers" : failed.c_str());
      std::fflush(stdout);
      told = failed;
    }
    if (options.once) return failed.empty() ? 0 : 1;
    ::sleep(static_cast<unsigned>(options.interval.count()));
  }
}

}  // namespace podid::nmi
