// SPDX-License-Identifier: Apache-2.0
// Any bytes into a real server: it must answer or close, never crash or hang, and what it says must be HTTP.
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "net/server/http_server.hpp"

namespace {

using namespace podid;
namespace asio = boost::asio;
using asio::ip::tcp;

// Every way of answering, chosen by the target.
class Handler final : public net::HttpHandler {
 public:
  bool try_handle(net::ServerRequest& request, net::ServerResponse& response) override {
    if (request.target().ends_with("f") == false) return false;
    response.header("X-Echo", request.target());
    response.send(200, "text/plain", "fast");
    return true;
  }
  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override {
    const bool streams = request.target().ends_with("s");
    if (request.target().ends_with("n")) {
      response.send(404, "text/plain", "body not read");
      co_return;
    }
    auto body = co_await request.read_body(net::Deadline::never());
    if (!body) {
      response.send(body.error().http_status != 0 ? body.error().http_status : 500, "", "");
      co_return;
    }
    if (!streams) {
      response.send(200, "text/plain", *body);
      co_return;
    }
    auto done = co_await response.start(200);
    if (done) done = co_await response.write(*body);
    if (done) done = co_await response.finish();
  }
};

struct World {
  asio::io_context io;
  base::RealClock clock;
  Handler handler;
  net::HttpServer server{io.get_executor(), clock, handler, {.max_header_bytes = 4096, .max_body_bytes = 4096}};
  tcp::endpoint endpoint = server.listen({}).value();
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  if (size > 60'000) return 0;  // fits the socket's buffers, so that one write takes it
  tcp::socket client(world.io);
  // Not connect(): libFuzzer's timer interrupts it.
  bool connected = false;
  client.async_connect(world.endpoint, [&connected](const boost::system::error_code& error) {
    if (error) std::abort();
    connected = true;
  });
  world.io.restart();
  while (!connected) world.io.run_one();
  asio::write(client, asio::buffer(data, size));
  client.shutdown(tcp::socket::shutdown_send);

  std::string answers;
  bool ended = false;
  asio::async_read(client, asio::dynamic_buffer(answers), [&ended](const auto&, std::size_t) { ended = true; });
  while (!ended || world.server.statistics().open_connections > 0)
    world.io.run_one();  // libFuzzer's -timeout ends a hang
  if (!answers.empty() && !answers.starts_with("HTTP/1.1 ")) std::abort();

  client.set_option(asio::socket_base::linger(true, 0));  // no TIME_WAIT: there are only so many ports
  return 0;
}
