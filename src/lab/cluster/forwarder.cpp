// SPDX-License-Identifier: Apache-2.0
#include "lab/cluster/forwarder.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <array>

#include "base/log.hpp"
#include "base/task_group.hpp"

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
  if (error) co_return;
  pumps.spawn("forward in", pump(pair, pair->outside, pair->inside));
  pumps.spawn("forward out", pump(pair, pair->inside, pair->outside));
}

}  // namespace

base::Result<LoopbackListener> listen_on_loopback(std::uint16_t port) {
  asio::io_context io;
  boost::system::error_code error;
  Acceptor acceptor(io.get_executor());
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), port);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) {
    return base::fail(base::ErrorKind::unavailable, "cannot listen on 127.0.0.1:" + std::to_string(port) + ": " + error.message());
  }
  LoopbackListener listener;
  listener.port = acceptor.local_endpoint().port();
  listener.fd = acceptor.release(error);
  return listener;
}

base::Task<> forward(int listening_fd, std::string address, std::uint16_t port) {
  const base::Executor executor = co_await asio::this_coro::executor;
  Acceptor acceptor(executor, tcp::v4(), listening_fd);
  const tcp::endpoint target(asio::ip::make_address(address), port);
  base::TaskGroup connections(executor);
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(base::as_result);
    if (error == asio::error::operation_aborted) break;
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
  connections.stop();
  co_await asio::this_coro::reset_cancellation_state();
  co_await connections.join();
}

}  // namespace podid::lab::cluster
