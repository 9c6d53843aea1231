// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/door.hpp"

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>
#include <csignal>

#include "base/file.hpp"
#include "base/log.hpp"
#include "base/task_group.hpp"
#include "base/text.hpp"
#include "lab/cluster/namespaces.hpp"

namespace podid::lab::cluster {
namespace {

namespace asio = base::asio;
using asio::ip::tcp;
using Socket = asio::basic_stream_socket<tcp, base::Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, base::Executor>;

struct Pair {
  Socket outside;
  Socket inside;
};

base::Task<> pump(std::shared_ptr<Pair> pair, Socket& from, Socket& to) {
  std::array<char, 16384> chunk{};
  while (true) {
    const auto [read_error, n] = co_await from.async_read_some(asio::buffer(chunk), base::as_result);
    if (read_error) break;
    const auto [write_error, written] = co_await asio::async_write(to, asio::buffer(chunk.data(), n), base::as_result);
    static_cast<void>(written);
    if (write_error) break;
  }
  // A half-closed direction is passed on; the other one goes on until it ends too.
  boost::system::error_code ignored;
  to.shutdown(tcp::socket::shutdown_send, ignored);
}

base::Task<> serve(base::TaskGroup& pumps, std::shared_ptr<Pair> pair, tcp::endpoint target) {
  const auto [error] = co_await pair->inside.async_connect(target, base::as_result);
  // What arrives in pieces is passed on in pieces, at once: else the second waits 40 ms for the first one's late ACK.
  boost::system::error_code ignored;
  pair->inside.set_option(tcp::no_delay(true), ignored);
  pair->outside.set_option(tcp::no_delay(true), ignored);
  if (error) co_return;
  pumps.spawn("forward in", pump(pair, pair->outside, pair->inside));
  pumps.spawn("forward out", pump(pair, pair->inside, pair->outside));
}

base::Task<> accept_all(Acceptor& acceptor, base::TaskGroup& connections, tcp::endpoint target) {
  const base::Executor executor = co_await asio::this_coro::executor;
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(base::as_result);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      base::log::warning("cannot accept a connection", {{"error", error.message()}});
      base::SteadyTimer pause(executor, std::chrono::milliseconds(100));  // out of descriptors: let some end
      co_await pause.async_wait(base::use_task);
      continue;
    }
    if (connections.size() >= kMostForwarded) continue;
    auto pair = std::make_shared<Pair>(std::move(socket), Socket(executor));
    connections.spawn("forward", serve(connections, pair, target));
  }
}

base::Result<> listen(Acceptor& acceptor, std::uint16_t port) {
  boost::system::error_code error;
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (!error) return {};
  return base::fail(base::ErrorKind::unavailable,
                    "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + error.message());
}

}  // namespace

base::Result<> run_door(const Layout& layout) {
  const std::string port_file = layout.file("door.port");
  const auto written = base::read_file(port_file);
  const auto port = written ? base::parse_number<std::uint16_t>(base::trim(*written)).value_or(0) : std::uint16_t{0};
  asio::io_context io(1);
  Acceptor acceptor(io.get_executor());
  auto listening = listen(acceptor, port);
  if (!listening) return listening;
  auto saved = base::write_file(port_file, std::to_string(acceptor.local_endpoint().port()) + "\n");
  if (!saved) return saved;
  // The socket stays in the namespace in which it was made; connections from now on are made inside the lab.
  auto entered = enter_namespace(layout, layout.control_plane_namespace());
  if (!entered) return entered;
  const tcp::endpoint target(asio::ip::make_address(std::string(kControlPlaneAddress)), kApiServerPort);
  base::TaskGroup connections(io.get_executor());
  connections.spawn("accept", accept_all(acceptor, connections, target));
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](boost::system::error_code, int) { connections.stop(); });
  io.run();
  return {};
}

}  // namespace podid::lab::cluster
