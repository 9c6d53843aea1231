// SPDX-License-Identifier: Apache-2.0
#include "nmi/proxy.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace podid::nmi {
namespace {

// RFC 9110 §7.6.1, and the framing that each side of us does for itself.
constexpr std::array<std::string_view, 10> kConnectionHeaders{
    "connection",          "keep-alive",       "proxy-authenticate",
    "proxy-authorization", "proxy-connection", "te",
    "transfer-encoding",   "trailer",          "upgrade",
    "content-length"};

bool is_connection_header(std::string_view name, std::string_view named_by_connection) {
  if (std::ranges::any_of(kConnectionHeaders, [name](std::string_view known) { return base::iequals(known, name); })) {
    return true;
  }
  for (const std::string_view named : base::split(named_by_connection, ',')) {
    if (base::iequals(base::trim(named), name)) return true;
  }
  return false;
}

}  // namespace

net::Request forwarded_request(const net::ServerRequest& request, const net::Url& endpoint) {
  net::Request forwarded;
  forwarded.method = request.method();
  std::string_view target = request.target();
  // The absolute form names a host that is not the endpoint's business.
  if (const std::size_t scheme = target.find("://"); !target.starts_with('/') && scheme != std::string_view::npos) {
    const std::size_t path = target.find('/', scheme + 3);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  forwarded.target = target;
  std::string named;
  request.each_header([&named](std::string_view name, std::string_view value) {
    if (base::iequals(name, "connection")) named.append(value).append(",");
  });
  request.each_header([&forwarded, &named](std::string_view name, std::string_view value) {
    if (base::iequals(name, "host") || is_connection_header(name, named)) return;
    forwarded.headers.add(name, value);
  });
  forwarded.headers.set("Host", endpoint.authority());
  return forwarded;
}

Proxy::Proxy(ProxyOptions options, net::HttpClient& client, base::MetricsRegistry& metrics)
    : options_(std::move(options)), client_(client), forwarded_(metrics.counter(base::metric::kNmiProxiedRequests)) {}

base::Task<> Proxy::forward(net::ServerRequest& request, net::ServerResponse& response) {
  net::Request forwarded = forwarded_request(request, options_.endpoint);
  const net::Deadline deadline = net::deadline_in(options_.timeout);
  if (request.has_body()) {
    base::Result<std::string> body = co_await request.read_body(deadline);
    if (!body) {
      response.send(body.error().http_status == 413 ? 413 : 400, "text/plain; charset=utf-8",
                    body.error().message + "\n");
      co_return;
    }
    forwarded.body = std::move(*body);
  }
  base::Result<net::ResponseStream> answer = co_await client_.open(options_.endpoint, std::move(forwarded), deadline);
  if (!answer) {
    forwarded_.increment({"error"});
    response.send(500, "text/plain; charset=utf-8", answer.error().message + "\n");
    co_return;
  }
  forwarded_.increment({"success"});
  co_await pass_on(*answer, response);
}

base::Task<> Proxy::pass_on(net::ResponseStream& answer, net::ServerResponse& response) {
  std::string named;
  for (const net::Header& header : answer.headers()) {
    if (base::iequals(header.name, "connection")) named.append(header.value).append(",");
  }
  for (const net::Header& header : answer.headers()) {
    if (!is_connection_header(header.name, named)) response.header(header.name, header.value);
  }
  const base::Result<> started = co_await response.start(answer.status());
  if (!started) co_return;
  for (;;) {
    const base::Result<std::string> piece = co_await answer.read_some(net::deadline_in(options_.silence));
    if (!piece) {
      // The head has gone out: only a connection that breaks off can say that the body is not whole.
      response.drop();
      co_return;
    }
    if (piece->empty()) break;
    const base::Result<> written = co_await response.write(*piece);
    if (!written) co_return;
  }
  const base::Result<> finished = co_await response.finish();
  static_cast<void>(finished);  // the pod has left: nobody is there to be told
}

}  // namespace podid::nmi
