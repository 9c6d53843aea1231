// SPDX-License-Identifier: Apache-2.0
#include "net/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "net/client_connection.hpp"

namespace podid::net {

using base::ErrorKind;

namespace {

bool is_idempotent(std::string_view method) {  // RFC 9110 §9.2.2
  constexpr std::array<std::string_view, 6> kMethods = {"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"};
  return std::ranges::find(kMethods, method) != kMethods.end();
}

bool announces_empty_body(std::string_view method) {  // RFC 9110 §8.6
  return method == "POST" || method == "PUT" || method == "PATCH";
}

// The request's bytes, without its body where that comes from `source`. Refuses what would not arrive as the caller means
// it.
base::Result<std::string> render(const Url& origin, const Request& request, const std::string& user_agent,
                                 const BodySource* source) {
  const auto bad = [](std::string_view problem) {
    return base::fail(ErrorKind::invalid, fmt::format("request {}", problem));
  };
  if (!is_field_name(request.method)) return bad("has a bad method");
  const bool target_is_clean =
      std::ranges::none_of(request.target, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; });
  if (request.target.empty() || !target_is_clean) return bad("has a bad target");
  std::string bytes;
  bytes.reserve(256 + request.target.size() + request.body.size());
  bytes.append(request.method).append(" ").append(request.target).append(" HTTP/1.1\r\n");
  const auto field = [&bytes](std::string_view name, std::string_view value) {
    bytes.append(name).append(": ").append(value).append("\r\n");
  };
  if (!request.headers.find("Host")) field("Host", origin.authority());
  for (const Header& header : request.headers) {
    if (!is_field_name(header.name)) return bad("has a bad field name " + base::go_quote(header.name));
    if (!is_field_value(header.value)) return bad("has a control character in field " + header.name);
    // The framing follows from the body that is sent; a second opinion would be an attack or a mistake.
    if (base::iequals(header.name, "Transfer-Encoding")) continue;
    if (base::iequals(header.name, "Content-Length")) continue;
    field(header.name, header.value);
  }
  if (!user_agent.empty() && !request.headers.find("User-Agent")) field("User-Agent", user_agent);
  if (source != nullptr) {
    const std::optional<std::uint64_t> length = source->length();
    if (length) {
      field("Content-Length", std::to_string(*length));
    } else {
      field("Transfer-Encoding", "chunked");
    }
    bytes.append("\r\n");
    return bytes;
  }
  if (!request.body.empty() || announces_empty_body(request.method)) {
    field("Content-Length", std::to_string(request.body.size()));
  }
  bytes.append("\r\n").append(request.body);
  return bytes;
}

// A piece as it goes out in a body of unknown length; the empty one ends it.
std::string chunk(std::string_view piece) { return fmt::format("{:x}\r\n{}\r\n", piece.size(), piece); }

// The system's trust store is large, so it is read when the first https request needs it. What the caller gives is
// checked at once.
base::Result<TlsContext> early_context(const TlsClientOptions& tls) {
  if (tls.ca_pem.empty() && tls.client_certificate_pem.empty() && tls.client_key_pem.empty()) return TlsContext{};
  return make_client_context(tls);
}

std::string pool_key(const Url& origin) {
  return fmt::format("{}|{}|{}", origin.tls ? "https" : "http", origin.host, origin.port);
}

}  // namespace

class HttpClient::Impl {
 public:
  Impl(base::Executor runs_on, base::Clock& its_clock, HttpClientOptions settings, TlsContext context)
      : executor(runs_on),
        clock(its_clock),
        options(std::move(settings)),
        tls(std::move(context)),
        on_executor_(runs_on) {}

  // A pooled connection that still stands, or nothing.
  std::unique_ptr<ClientConnection> take_idle(const Url& origin) {
    on_executor_.check();
    drop_old();
    const auto at = idle.find(pool_key(origin));
    while (at != idle.end() && !at->second.empty()) {
      auto connection = std::move(at->second.back());  // the one used last: the others may grow old
      at->second.pop_back();
      if (!connection->is_stale()) return connection;
    }
    return nullptr;
  }

  void give_back(std::unique_ptr<ClientConnection> connection) {
    on_executor_.check();
    const bool old_settings = connection->origin().tls && connection->tls() != tls;
    if (!connection->is_reusable() || old_settings) return;
    connection->idle_since = clock.steady_now();
    auto& connections = idle[pool_key(connection->origin())];
    if (connections.size() < options.max_idle_per_origin) connections.push_back(std::move(connection));
    drop_old();
  }

  base::Task<base::Result<std::unique_ptr<ClientConnection>>> exchange(Url origin, const Request& request,
                                                                       Deadline deadline);
  base::Task<base::Result<std::unique_ptr<ClientConnection>>> exchange(Url origin, const Request& request,
                                                                       BodySource& body, Deadline deadline);

  void replace_tls(const TlsClientOptions& settings, TlsContext context) {
    on_executor_.check();
    options.tls = settings;
    tls = std::move(context);
    idle.clear();
  }

  base::Executor executor;
  base::Clock& clock;
  HttpClientOptions options;
  TlsContext tls;
  std::map<std::string, std::vector<std::unique_ptr<ClientConnection>>> idle;

 private:
  base::Task<base::Result<std::unique_ptr<ClientConnection>>> connect(Url origin, Deadline deadline);

  void drop_old() {
    const auto oldest = clock.steady_now() - options.idle_timeout;
    for (auto& [key, connections] : idle) {
      std::erase_if(connections, [oldest](const auto& connection) { return connection->idle_since < oldest; });
    }
    std::erase_if(idle, [](const auto& entry) { return entry.second.empty(); });
  }

  [[no_unique_address]] base::OnExecutor on_executor_;
};

base::Task<base::Result<std::unique_ptr<ClientConnection>>> HttpClient::Impl::connect(Url origin, Deadline deadline) {
  on_executor_.check();
  if (origin.tls && !tls) {
    auto context = make_client_context(options.tls);
    if (!context) co_return std::unexpected(std::move(context.error()));
    tls = std::move(*context);
  }
  ConnectOptions how{.tls = tls,
                     .server_name = options.tls.server_name,
                     .peer_check = options.tls.insecure_skip_verify ? PeerCheck::off : PeerCheck::on,
                     .connect_timeout = options.connect_timeout,
                     .keep_alive = options.keep_alive};
  auto fresh = co_await ClientConnection::connect(executor, clock, std::move(origin), std::move(how), deadline);
  co_return fresh;
}

base::Task<base::Result<std::unique_ptr<ClientConnection>>> HttpClient::Impl::exchange(Url origin,
                                                                                       const Request& request,
                                                                                       Deadline deadline) {
  const auto bytes = render(origin, request, options.user_agent, nullptr);
  if (!bytes) co_return std::unexpected(bytes.error());
  const AnswerTo answer_to = request.method == "HEAD" ? AnswerTo::head_request : AnswerTo::other_request;
  auto connection = take_idle(origin);
  while (true) {
    const bool pooled = connection != nullptr;
    if (!pooled) {
      auto fresh = co_await connect(origin, deadline);
      if (!fresh) co_return std::unexpected(std::move(fresh.error()));
      connection = std::move(*fresh);
    }
    auto written = co_await connection->write(*bytes, deadline);
    base::Result<> answered;
    const bool worth_reading = written || written.error().kind == ErrorKind::unavailable;
    if (worth_reading) answered = co_await connection->read_head(answer_to, options.max_header_bytes, deadline);
    if (worth_reading && answered) co_return connection;
    base::Error failure = written ? std::move(answered.error()) : std::move(written.error());
    const bool stale = pooled && !connection->got_some() && failure.kind == ErrorKind::unavailable;
    if (!stale || !is_idempotent(request.method)) co_return std::unexpected(std::move(failure));
    connection.reset();
  }
}

base::Task<base::Result<std::unique_ptr<ClientConnection>>> HttpClient::Impl::exchange(Url origin,
                                                                                       const Request& request,
                                                                                       BodySource& body,
                                                                                       Deadline deadline) {
  const auto head = render(origin, request, options.user_agent, &body);
  if (!head) co_return std::unexpected(head.error());
  auto connection = co_await connect(std::move(origin), deadline);
  if (!connection) co_return connection;
  ClientConnection& peer = **connection;
  const std::optional<std::uint64_t> length = body.length();
  std::uint64_t sent = 0;
  auto written = co_await peer.write(*head, deadline);
  for (bool more = true; written && more;) {
    auto piece = co_await body.read_some(deadline);
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    more = !piece->empty();
    sent += piece->size();
    if (length && (more ? sent > *length : sent != *length)) {
      co_return base::fail(ErrorKind::invalid, "request body is not as long as it was said to be");
    }
    if (length && !more) break;
    const std::string bytes = length ? std::move(*piece) : chunk(*piece);
    written = co_await peer.write(bytes, deadline);
  }
  // A peer that wants no more of the body may have said why.
  if (!written && written.error().kind != ErrorKind::unavailable) co_return std::unexpected(written.error());
  const AnswerTo answer_to = request.method == "HEAD" ? AnswerTo::head_request : AnswerTo::other_request;
  auto answered = co_await peer.read_head(answer_to, options.max_header_bytes, deadline);
  if (!answered) co_return std::unexpected(written ? std::move(answered.error()) : std::move(written.error()));
  co_return connection;
}

// The body of an answer; from its end on without the connection.
class HttpClient::Body final : public ResponseBody {
 public:
  Body(std::shared_ptr<Impl> owner, std::unique_ptr<ClientConnection> answering)
      : client_(std::move(owner)), connection_(std::move(answering)) {
    release_if_complete();
  }

  base::Task<base::Result<std::string>> read_some(Deadline deadline) override {
    if (failure_) co_return std::unexpected(*failure_);
    if (!connection_) co_return std::string();
    auto piece = co_await connection_->read_body_some(deadline);
    if (piece) {
      release_if_complete();
    } else {
      failure_ = piece.error();
      connection_.reset();
    }
    co_return piece;
  }

 private:
  void release_if_complete() {
    if (connection_->body_complete()) client_->give_back(std::move(connection_));
  }

  std::shared_ptr<Impl> client_;
  std::unique_ptr<ClientConnection> connection_;  // until the body is complete or broken
  std::optional<base::Error> failure_;
};

ResponseStream HttpClient::stream(std::shared_ptr<Impl> impl, std::unique_ptr<ClientConnection> answering) {
  const MessageHead& head = answering->head();
  const int status = head.status;
  Headers headers;
  for (const FieldView& field : head.fields) headers.add(field.name, field.value);
  return {status, std::move(headers), std::make_unique<Body>(std::move(impl), std::move(answering))};
}

base::Result<std::unique_ptr<HttpClient>> HttpClient::create(base::Executor executor, base::Clock& clock,
                                                             HttpClientOptions options) {
  auto tls = early_context(options.tls);
  if (!tls) return std::unexpected(std::move(tls.error()));
  auto impl = std::make_shared<Impl>(executor, clock, std::move(options), std::move(*tls));
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(impl)));
}

HttpTransportFactory http_over_sockets(base::Clock& clock) {
  return [&clock](base::Executor executor, HttpClientOptions options) -> base::Result<std::unique_ptr<HttpTransport>> {
    return HttpClient::create(executor, clock, std::move(options));
  };
}

HttpClient::HttpClient(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() { close_idle(); }

base::Task<base::Result<ResponseStream>> HttpClient::open(Url origin, Request request, Deadline deadline) {
  const auto impl = impl_;
  auto connection = co_await impl->exchange(std::move(origin), request, deadline);
  if (!connection) co_return std::unexpected(std::move(connection.error()));
  co_return stream(impl, std::move(*connection));
}

base::Task<base::Result<ResponseStream>> HttpClient::open(Url origin, Request request, BodySource& body,
                                                          Deadline deadline) {
  const auto impl = impl_;
  auto connection = co_await impl->exchange(std::move(origin), request, body, deadline);
  if (!connection) co_return std::unexpected(std::move(connection.error()));
  co_return stream(impl, std::move(*connection));
}

std::size_t HttpClient::max_body_bytes() const { return impl_->options.max_body_bytes; }

base::Result<> HttpClient::replace_tls(const TlsClientOptions& tls) {
  auto context = early_context(tls);
  if (!context) return std::unexpected(std::move(context.error()));
  impl_->replace_tls(tls, std::move(*context));
  return {};
}

void HttpClient::close_idle() { impl_->idle.clear(); }

}  // namespace podid::net
