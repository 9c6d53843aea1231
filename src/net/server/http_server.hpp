// SPDX-License-Identifier: Apache-2.0
// HTTP/1.0 and 1.1 server: keep-alive, pipelining, chunked bodies both ways, TLS, limits on all that a peer can grow.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/deadline.hpp"
#include "net/http.hpp"
#include "net/tls.hpp"

namespace podid::net {

// A received request. Views are valid until the handler has answered.
class ServerRequest {
 public:
  virtual ~ServerRequest() = default;
  virtual std::string_view method() const = 0;
  virtual std::string_view target() const = 0;  // as received
  // The first field of that name, without case.
  virtual std::optional<std::string_view> header(std::string_view name) const = 0;
  // All fields in order.
  virtual void each_header(const std::function<void(std::string_view name, std::string_view value)>& visit) const = 0;
  virtual bool http_1_0() const = 0;
  virtual const boost::asio::ip::tcp::endpoint& peer() const = 0;
  virtual const boost::asio::ip::tcp::endpoint& local() const = 0;
  // Who has connected to a socket of listen_unix(); its peer() is 127.0.0.1. Nothing: it came by TCP.
  virtual std::optional<std::uint32_t> peer_uid() const { return std::nullopt; }
  virtual bool has_body() const = 0;
  // The whole body, at most the server's max_body_bytes (`invalid`, with http_status 413, beyond).
  virtual base::Task<base::Result<std::string>> read_body(Deadline deadline) = 0;
  // The next piece of the body; empty at its end.
  virtual base::Task<base::Result<std::string>> read_body_some(Deadline deadline) = 0;

  // What a handler has found out in try_handle() and needs in handle(), which takes it. It ends with the request.
  struct HandlerData {
    virtual ~HandlerData() = default;
  };
  void set_handler_data(std::unique_ptr<HandlerData> data) { handler_data_ = std::move(data); }
  std::unique_ptr<HandlerData> take_handler_data() { return std::move(handler_data_); }

 private:
  std::unique_ptr<HandlerData> handler_data_;
};

// The answer. Either send() once, or start() and then write()s and finish(). Content-Length or chunked framing,
// Date and Connection are the server's business; a HEAD request gets the head alone.
class ServerResponse {
 public:
  virtual ~ServerResponse() = default;
  // A field of the coming head. Valid before send() or start().
  virtual void header(std::string_view name, std::string_view value) = 0;
  // The complete answer, copied into the connection's buffer: allocates nothing once the buffer has grown, and is
  // written when the handler returns (pipelined answers in one write).
  virtual void send(int status, std::string_view content_type, std::string_view body) = 0;
  // A body of unknown length; each write() reaches the peer before it completes. `unavailable` when the peer has left.
  virtual base::Task<base::Result<>> start(int status) = 0;
  virtual base::Task<base::Result<>> write(std::string_view piece) = 0;
  virtual base::Task<base::Result<>> finish() = 0;
  virtual bool answered() const = 0;
  // The next request of this connection, and the first of each that the peer opens meanwhile, is read only about so long
  // after this answer (half to one and a half times, so that those who were refused together do not come back together):
  // a peer that asks too often is slowed down at no cost. A second at most in good use.
  virtual void pause_after(std::chrono::milliseconds pause) = 0;
  // Ask for the connection to be closed after this answer.
  virtual void close_after() = 0;
  // No answer, or no more of it: the connection is closed when the handler returns.
  virtual void drop() = 0;
};

// Called on the server's executor, one request per connection at a time. When the peer leaves while handle() waits, its
// task is cancelled. The end of what a peer sends counts as leaving: close() and a half-closed connection look the same
// until an answer is written, clients that half-close are rare, and what a waiting request occupies is needed. An
// exception, or no answer, becomes a 500 and is logged.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Answers at once and returns true, or touches nothing of the response and returns false: handle() follows, perhaps a
  // while later, when earlier answers have been written. The fast path of a request that needs no waiting: no coroutine is
  // made for it.
  virtual bool try_handle(ServerRequest& request, ServerResponse& response) {
    static_cast<void>(request);
    static_cast<void>(response);
    return false;
  }
  virtual base::Task<> handle(ServerRequest& request, ServerResponse& response) = 0;
};

// What a client is told, with status 429 and Retry-After: 1, when there is no room for its connection or its request.
struct BusyAnswer {
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = "too many connections, or too much unanswered data\n";
};

// Peers are told apart by address.
struct ServerLimits {
  std::size_t max_header_bytes = 64 * 1024;  // 431 beyond
  std::size_t max_body_bytes = 1024 * 1024;  // 413 beyond, in read_body()
  std::size_t max_connections = 16 * 1024;   // beyond: `busy` (with TLS just closed) at once, counted
  std::size_t max_connections_per_peer = 0;  // 0: no limit
  // Long heads, bodies, answers that are not read: what connections buffer beyond the 4 KiB that each of them may. Beyond:
  // `busy`, `throttled` for a handler that reads a body, or closed when it is too late to say so; counted.
  std::size_t max_buffered_bytes = 256 * 1024 * 1024;
  std::size_t max_buffered_bytes_per_peer = 0;  // 0: no limit
  BusyAnswer busy{};
  std::chrono::seconds idle_timeout{120};   // between requests
  std::chrono::seconds header_timeout{20};  // from the first byte of a head to its end (408 beyond)
  std::chrono::seconds write_timeout{30};   // a peer that does not read
};

struct ServerStatistics {
  std::uint64_t accepted = 0;
  std::uint64_t refused_connections = 0;
  std::uint64_t malformed_requests = 0;
  std::uint64_t requests = 0;
  std::uint64_t refused_buffers = 0;  // requests and answers that max_buffered_bytes(_per_peer) ended
  std::size_t open_connections = 0;
  std::size_t buffered_bytes = 0;
};

struct ListenOptions {
  std::string address = "127.0.0.1";  // an IP literal
  std::uint16_t port = 0;             // 0: chosen by the kernel
  bool reuse_port = false;            // SO_REUSEPORT: several servers, one per thread, share the port
  // With reuse_port, how many servers share it: all connections from one address then meet the same one, so that what one
  // address may occupy is counted in one place. 0: the kernel spreads connections.
  unsigned keep_peers_together = 0;
  TlsContext tls{};  // empty: plain
};

struct UnixListenOptions {
  std::string path;                 // a socket that is there already is replaced
  std::vector<std::uint32_t> uids;  // of the processes that may connect, whatever the file's mode
};

class ServerCore;

// Belongs to one executor. Await stop() before destroying a server whose handlers may still run. Malformed requests are
// answered 400 (431, 413, 408, 505 where they say more) by the server itself, without the handler, and the connection is
// closed.
class HttpServer {
 public:
  // `clock` and `handler` outlive the server and what runs on its executor.
  HttpServer(base::Executor executor, base::Clock& clock, HttpHandler& handler, ServerLimits limits);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Starts to accept. Errors name the address and what holds it. May be called for several addresses.
  base::Result<boost::asio::ip::tcp::endpoint> listen(const ListenOptions& options);
  // On a socket of the file system, which only its owner may open unless others are among the uids. It stays when the server
  // ends: a successor may have replaced it.
  base::Result<> listen_unix(const UnixListenOptions& options);
  // The same as listen() on a listening socket made elsewhere (inherited, or made in another network namespace). Takes ownership.
  base::Result<boost::asio::ip::tcp::endpoint> listen_on(int fd, TlsContext tls);
  // No new connections; idle ones close; requests in flight finish, at most until `deadline`, then are cancelled.
  base::Task<> stop(Deadline deadline);
  ServerStatistics statistics() const;

 private:
  std::shared_ptr<ServerCore> core_;
};

}  // namespace podid::net
