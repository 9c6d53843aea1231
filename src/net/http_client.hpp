// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 client with keep-alive pools. Never uses a proxy, never follows a redirect, never decompresses.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/async.hpp"
#include "base/error.hpp"
#include "net/deadline.hpp"
#include "net/http.hpp"
#include "net/tls.hpp"

namespace podid::net {

// How soon a peer that vanished without a word is noticed (a node that lost power, a connection that a firewall forgot):
// it stays silent to probes, or acknowledges nothing of what was sent.
struct KeepAlive {
  std::chrono::seconds idle{10};  // before the first probe
  std::chrono::seconds interval{5};
  int probes = 3;
  std::chrono::milliseconds unacknowledged{20'000};
};

struct HttpClientOptions {
  TlsClientOptions tls{};
  std::string user_agent{};  // sent where a request has none
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds idle_timeout{60'000};  // a pooled connection older than this is closed, not reused
  KeepAlive keep_alive{};
  std::size_t max_idle_per_origin = 16;
  std::size_t max_header_bytes = 64 * 1024;
  std::size_t max_body_bytes = 64 * 1024 * 1024;  // of send(); streams are unbounded, their reader is not
};

// A request's body, handed over piece by piece, so that nobody has to hold the whole.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Its size in bytes; without one it is sent in chunks.
  virtual std::optional<std::uint64_t> length() const = 0;
  // The next piece; empty at the end.
  virtual base::Task<base::Result<std::string>> read_some(Deadline deadline) = 0;
};

// A response whose body is read piece by piece (watches, proxied bodies). Closing it early closes its connection.
class ResponseStream {
 public:
  class Impl;
  explicit ResponseStream(std::unique_ptr<Impl> impl);
  ResponseStream(ResponseStream&&) noexcept;
  ResponseStream& operator=(ResponseStream&&) noexcept;
  ~ResponseStream();

  int status() const;
  const Headers& headers() const;
  // The next bytes of the body as they arrive (chunk framing removed); an empty text is the regular end, after which the
  // connection goes back to the pool. A connection that ends inside the body is `unavailable`.
  base::Task<base::Result<std::string>> read_some(Deadline deadline);
  // The rest of the body; `invalid` when it is larger than max_bytes.
  base::Task<base::Result<std::string>> read_all(std::size_t max_bytes, Deadline deadline);

 private:
  std::unique_ptr<Impl> impl_;
};

// One executor's client: all calls on that thread; any number of requests at once. Destroy after every request ended.
//
// Errors: `unavailable` (cannot resolve, connect, or the peer broke off), `timeout` (the deadline passed; says during
// what), `invalid` (the answer is not HTTP or breaks a limit; or a bad CA), `cancelled`. An HTTP error status is a
// response, not an error. A request on a pooled connection that the peer had closed is sent once more on a new one if
// no byte of the answer had come and the method is idempotent.
class HttpClient {
 public:
  static base::Result<std::unique_ptr<HttpClient>> create(base::Executor executor, HttpClientOptions options);
  ~HttpClient();

  // Sends the request to url's origin with request.target (url.target is not used) and reads the whole answer.
  base::Task<base::Result<Response>> send(Url origin, Request request, Deadline deadline);
  // Completes when the head of the answer is there. `deadline` covers everything up to that.
  base::Task<base::Result<ResponseStream>> open(Url origin, Request request, Deadline deadline);
  // The same with a body that comes piece by piece (request.body is not used), on a connection of its own and never sent
  // twice. An error of the source comes back as it is; the peer sees that the body is not whole.
  base::Task<base::Result<ResponseStream>> open(Url origin, Request request, BodySource& body, Deadline deadline);
  // New TLS settings (a re-read client certificate or CA) for connections made from now on; idle ones are closed.
  base::Result<> replace_tls(const TlsClientOptions& tls);
  void close_idle();

 private:
  friend class ResponseStream;
  class Impl;
  explicit HttpClient(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;  // shared with open streams, which may outlive a call but not the client
};

}  // namespace podid::net
