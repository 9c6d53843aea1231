// SPDX-License-Identifier: Apache-2.0
// What does net::HttpServer alone cost? The same answer as epoll_server's, through try_handle(). One thread.
//
//   net_server [--port 0] [--bytes 2048]
// Prints "listening on <address>:<port>" and serves until it is killed.
#include <fmt/format.h>

#include <cstdlib>
#include <string>
#include <string_view>

#include "net/server/http_server.hpp"

namespace {

using namespace podid;

class FixedAnswer final : public net::HttpHandler {
 public:
  explicit FixedAnswer(std::size_t bytes) : body_(bytes, 'x') {}
  bool try_handle(net::ServerRequest&, net::ServerResponse& response) override {
    response.send(200, "application/json", body_);
    return true;
  }
  base::Task<> handle(net::ServerRequest&, net::ServerResponse&) override { co_return; }

 private:
  std::string body_;
};

}  // namespace

int main(int argc, char** argv) {
  net::ListenOptions options;
  std::size_t bytes = 2048;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (flag == "--port") options.port = static_cast<std::uint16_t>(std::strtoul(argv[i + 1], nullptr, 10));
    if (flag == "--bytes") bytes = std::strtoul(argv[i + 1], nullptr, 10);
  }
  boost::asio::io_context io(1);
  FixedAnswer handler(bytes);
  base::RealClock clock;
  net::HttpServer server(io.get_executor(), clock, handler, {});
  const auto bound = server.listen(options);
  if (!bound) {
    fmt::print(stderr, "net_server: {}\n", bound.error().message);
    return 1;
  }
  fmt::print("listening on {}:{}\n", bound->address().to_string(), bound->port());
  std::fflush(stdout);
  io.run();
}
