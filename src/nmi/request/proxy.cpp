// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/proxy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"
#include "nmi/request/path.hpp"
#include "nmi/request/send_answer.hpp"

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
  forwarded.target =
      split_target(request.target()).path;  // the host of the absolute form is not the endpoint's business
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

// The body of a pod's request on its way to the endpoint, up to a limit.
class Proxy::PodBody final : public net::BodySource {
 public:
  PodBody(net::ServerRequest& request, std::size_t limit) : request_(request), limit_(limit) {}

  // The server has refused requests with a bad length, or with several.
  std::optional<std::uint64_t> length() const override {
    return base::parse_number<std::uint64_t>(request_.header("Content-Length").value_or(""));
  }
  base::Task<base::Result<std::string>> read_some(net::Deadline deadline) override {
    base::Result<std::string> piece = co_await request_.read_body_some(deadline);
    if (piece && piece->size() > limit_ - passed_) piece = too_large();
    if (piece) {
      passed_ += piece->size();
    } else {
      failure_ = piece.error();
    }
    co_return piece;
  }
  std::unexpected<base::Error> too_large() const {
    return std::unexpected(base::Error{.kind = base::ErrorKind::invalid,
                                       .message = fmt::format("request body is larger than {} bytes", limit_),
                                       .http_status = 413,
                                       .code = {},
                                       .retry_after = {}});
  }
  bool is_too_large() const { return length().value_or(0) > limit_; }
  // What was wrong with the pod's side.
  const std::optional<base::Error>& failure() const { return failure_; }

 private:
  net::ServerRequest& request_;
  const std::size_t limit_;
  std::size_t passed_ = 0;
  std::optional<base::Error> failure_;
};

Proxy::Proxy(ProxyOptions options, net::HttpTransport& client, base::Clock& clock, base::MetricsRegistry& metrics)
    : options_(std::move(options)),
      client_(client),
      clock_(clock),
      forwarded_(metrics.counter(base::metric::kNmiProxiedRequests)),
      limit_hits_(metrics.counter(base::metric::kNmiLimitHits)),
      room_(options_.max_forwarded, options_.max_forwarded_per_pod) {}

base::Task<base::Result<net::ResponseStream>> Proxy::open(const net::ServerRequest& request, PodBody& body) {
  const net::Deadline deadline = net::Deadline::in(clock_, options_.timeout);
  net::Request forwarded = forwarded_request(request, options_.endpoint);
  if (!request.has_body()) {
    auto answer = co_await client_.open(options_.endpoint, std::move(forwarded), deadline);
    co_return answer;
  }
  auto answer = co_await client_.open(options_.endpoint, std::move(forwarded), body, deadline);
  co_return answer;
}

base::Task<> Proxy::forward(net::ServerRequest& request, net::ServerResponse& response) {
  const WaitingRoom::Slot slot = room_.enter(AddressKey::of(request.peer().address()));
  if (!slot) {
    limit_hits_.increment({"forwarded_requests"});
    send_answer(response, at_limit(options_.style, "too many requests to the metadata endpoint at once"));
    co_return;
  }
  PodBody body(request, options_.max_body_bytes);
  if (body.is_too_large()) {
    send_answer(response, text_answer(413, body.too_large().error().message));
    co_return;
  }
  base::Result<net::ResponseStream> answer = co_await open(request, body);
  if (!answer && body.failure()) {
    const int status = body.failure()->http_status;
    const int otherwise = body.failure()->kind == base::ErrorKind::timeout ? 408 : 400;
    send_answer(response, text_answer(status != 0 ? status : otherwise, body.failure()->message));
    co_return;
  }
  if (!answer) {
    forwarded_.increment({"error"});
    send_answer(response, text_answer(500, answer.error().message));
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
    const base::Result<std::string> piece = co_await answer.read_some(net::Deadline::in(clock_, options_.silence));
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
