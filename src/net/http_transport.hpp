// SPDX-License-Identifier: Apache-2.0
// How a request gets to a server and its answer back. Clients of APIs work through this, so that something else can stand
// in for sockets.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/async.hpp"
#include "base/error.hpp"
#include "net/deadline.hpp"
#include "net/http.hpp"
#include "net/tls.hpp"

namespace podid::net {

// A request's body, handed over piece by piece, so that nobody has to hold the whole.
class BodySource {
 public:
  virtual ~BodySource() = default;
  // Its size in bytes; without one it is sent in chunks.
  virtual std::optional<std::uint64_t> length() const = 0;
  // The next piece; empty at the end.
  virtual base::Task<base::Result<std::string>> read_some(Deadline deadline) = 0;
};

// An answer's body, as a transport gives it. Destroying it early gives the rest up.
class ResponseBody {
 public:
  virtual ~ResponseBody() = default;
  // The next bytes as they arrive, without framing; an empty text is the regular end, and comes again when asked again.
  // A body that breaks off is `unavailable`; after an error there is only that error.
  virtual base::Task<base::Result<std::string>> read_some(Deadline deadline) = 0;
};

// A response whose body is read piece by piece (watches, proxied bodies). Closing it early gives the rest up.
class ResponseStream {
 public:
  ResponseStream(int status, Headers headers, std::unique_ptr<ResponseBody> body)
      : status_(status), headers_(std::move(headers)), body_(std::move(body)) {}

  int status() const { return status_; }
  const Headers& headers() const { return headers_; }
  // See ResponseBody.
  base::Task<base::Result<std::string>> read_some(Deadline deadline) { return body_->read_some(deadline); }
  // The rest of the body; `invalid` when it is larger than max_bytes.
  base::Task<base::Result<std::string>> read_all(std::size_t max_bytes, Deadline deadline);

 private:
  int status_;
  Headers headers_;
  std::unique_ptr<ResponseBody> body_;
};

// One executor's: all calls on that thread; any number of requests at once. Destroy after every request ended.
//
// Errors: `unavailable` (cannot reach the peer, or it broke off), `timeout` (the deadline passed; says during what),
// `invalid` (the answer is not HTTP or breaks a limit; or a bad CA), `cancelled`. An HTTP error status is a response,
// not an error.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;

  // Sends the request to url's origin with request.target (url.target is not used). Completes when the head of the answer
  // is there. `deadline` covers everything up to that.
  virtual base::Task<base::Result<ResponseStream>> open(Url origin, Request request, Deadline deadline) = 0;
  // The same with a body that comes piece by piece (request.body is not used). An error of the source comes back as it
  // is; the peer sees that the body is not whole.
  virtual base::Task<base::Result<ResponseStream>> open(Url origin, Request request, BodySource& body,
                                                        Deadline deadline) = 0;
  // Reads the whole answer, which is `invalid` beyond max_body_bytes().
  base::Task<base::Result<Response>> send(Url origin, Request request, Deadline deadline);
  virtual std::size_t max_body_bytes() const = 0;
};

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

// Makes each client its transport. Thread-safe. Errors are about the options (a CA or certificate that is none).
using HttpTransportFactory =
    std::function<base::Result<std::unique_ptr<HttpTransport>>(base::Executor executor, HttpClientOptions options)>;

}  // namespace podid::net
