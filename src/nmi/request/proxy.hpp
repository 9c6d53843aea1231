// SPDX-License-Identifier: Apache-2.0
// Passes requests on to the real endpoint (nmi.md §7, NMI-14).
#pragma once
#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/metrics/metrics.hpp"
#include "net/http_transport.hpp"
#include "net/server/http_server.hpp"
#include "nmi/request/answers.hpp"
#include "nmi/request/pod_limits.hpp"

namespace podid::nmi {

struct ProxyOptions {
  net::Url endpoint;                 // --metadata-ip and --metadata-port
  std::chrono::seconds timeout{60};  // until the head of the answer is there (scheduled events can take their time)
  std::chrono::seconds silence{30};  // between pieces of its body
  std::size_t max_body_bytes = 1024 * 1024;  // of a request; 413 beyond
  // Requests under way, each with a connection and some 50 KiB of pieces: 429 beyond.
  std::size_t max_forwarded = 256;  // the real endpoint answers a handful a second
  std::size_t max_forwarded_per_pod = 32;
  AnswerStyle style{};
};

// One worker's. The client outlives it. Headers of the connection alone are not passed on. No redirect is followed and no proxy is used. Bodies are streamed both ways.
class Proxy {
 public:
  Proxy(ProxyOptions options, net::HttpTransport& client, base::Clock& clock, base::MetricsRegistry& metrics);

  // The caller has checked that path and method may go there, and that no header Connection hides what the endpoint must
  // see (SEC-6, SEC-9). Answers with the endpoint's answer, or 500 and the error's text;
  // 400, 408 or 413 when it is the request's body that fails.
  base::Task<> forward(net::ServerRequest& request, net::ServerResponse& response);

 private:
  class PodBody;
  base::Task<base::Result<net::ResponseStream>> open(const net::ServerRequest& request, PodBody& body);
  base::Task<> pass_on(net::ResponseStream& answer, net::ServerResponse& response);

  const ProxyOptions options_;
  net::HttpTransport& client_;
  base::Clock& clock_;
  base::Family<base::Counter>& forwarded_;
  base::Family<base::Counter>& limit_hits_;
  WaitingRoom room_;
};

// The request for the endpoint, without its body. Pure.
net::Request forwarded_request(const net::ServerRequest& request, const net::Url& endpoint);

}  // namespace podid::nmi
