// SPDX-License-Identifier: Apache-2.0
#include "kube/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"
#include "kube/rate_limiter.hpp"
#include "kube/status.hpp"
#include "kube/token_source.hpp"

namespace podid::kube {
namespace {

using base::Error;
using base::ErrorKind;
using base::Result;
using base::Task;

constexpr std::uint32_t kCautiousPage = 16;
// Some five of the largest objects that a server takes (etcd's limit is 1.5 MiB). Read and taken apart, an answer needs
// several times as much: whoever may write objects must not decide how much (SEC-7).
constexpr std::size_t kMaxAnswerBytes = 8 << 20;
constexpr std::size_t kMaxRefusalBytes = 64 << 10;
constexpr std::chrono::milliseconds kShortestRepeat{100};
constexpr std::chrono::seconds kRepeatWithoutAdvice{1};
constexpr double kRepeatJitter = 0.25;

class Query {
 public:
  void add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    text_ += fmt::format("{}{}={}", text_.empty() ? '?' : '&', name, base::percent_encode(value));
  }
  void add_number(std::string_view name, std::uint32_t value) {
    if (value != 0) add(name, std::to_string(value));
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string_view content_type(PatchType type) {
  switch (type) {
    case PatchType::json:
      return "application/json-patch+json";
    case PatchType::merge:
      return "application/merge-patch+json";
    case PatchType::strategic:
      return "application/strategic-merge-patch+json";
    case PatchType::apply:
      return "application/apply-patch+yaml";  // JSON is YAML
  }
  return "application/json";
}

// Method and path, without the query: what messages call a request.
std::string description(const net::Request& request) {
  return fmt::format("{} {}", request.method, std::string_view(request.target).substr(0, request.target.find('?')));
}

bool is_idempotent(std::string_view method) { return method == "GET" || method == "PUT" || method == "DELETE"; }

// How long to wait before the same request may be sent again; nothing when it must not be.
std::optional<std::chrono::seconds> repeat_after(std::string_view method, const Error& error) {
  if (error.http_status == 429) return error.retry_after.value_or(kRepeatWithoutAdvice);
  if (error.http_status >= 500 && is_idempotent(method)) return error.retry_after;
  return std::nullopt;
}

net::Request make_request(std::string_view method, std::string target) {
  net::Request request;
  request.method = method;
  request.target = std::move(target);
  return request;
}

net::Request make_request(std::string_view method, std::string target, const json::value& body,
                          std::string_view type = "application/json") {
  net::Request request = make_request(method, std::move(target));
  request.body = json::serialize(body);
  request.headers.set("Content-Type", type);
  return request;
}

std::string_view type_name(const ResourceType& type) { return type.plural; }

// The object as it is sent: a JSON object with a name or generateName, and a namespace where its type has one.
Result<> check_object(const ResourceType& type, const json::value& object) {
  const ObjectKey key = key_of(object);
  if (key.name.empty() && base::text_at(object, {"metadata", "generateName"}).empty()) {
    return base::fail(ErrorKind::invalid, fmt::format("an object of {} without metadata.name", type_name(type)));
  }
  if (type.namespaced && key.ns.empty()) {
    return base::fail(ErrorKind::invalid,
                      fmt::format("{} {} has no metadata.namespace", type_name(type), base::go_quote(key.name)));
  }
  return {};
}

void fill_type(const ResourceType& type, json::value& value) {
  json::object& object = value.get_object();
  if (!object.contains("apiVersion")) object["apiVersion"] = type.api_version();
  if (!object.contains("kind")) object["kind"] = type.kind;
}

json::value delete_options(const RemoveOptions& options) {
  json::object body{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  json::object preconditions;
  if (!options.uid.empty()) preconditions["uid"] = options.uid;
  if (!options.resource_version.empty()) preconditions["resourceVersion"] = options.resource_version;
  if (!preconditions.empty()) body["preconditions"] = std::move(preconditions);
  if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
  if (options.grace_period_seconds) body["gracePeriodSeconds"] = *options.grace_period_seconds;
  return body;
}

}  // namespace

class Client::Impl {
 public:
  Impl(base::Executor executor, const ClusterConfig& config, ClientOptions options, base::Clock& clock,
       base::Random& random, std::unique_ptr<net::HttpTransport> http)
      : executor_(executor),
        clock_(clock),
        random_(random),
        origin_(config.server),
        prefix_(config.server.target == "/" ? std::string() : config.server.target),
        tokens_(config.token, config.token_file, clock, config.read_token_file),
        limiter_(options.qps, options.burst, clock),
        http_(std::move(http)) {}

  Task<Result<net::Response>> send(net::Request request, net::Deadline deadline) {
    const std::string what = description(request);
    request.target.insert(0, prefix_);
    bool renewed = false;
    for (int repeats = 0;; ++repeats) {
      co_await limiter_.acquire();
      Result<> authorized = authorize(request);
      if (!authorized) co_return std::unexpected(std::move(authorized.error()));
      Result<net::Response> response = co_await http_->send(origin_, request, deadline);
      if (!response) co_return base::fail(std::move(response.error()), what);
      if (response->status < 300) co_return response;
      if (response->status == 401 && !renewed && tokens_.renew_after_refusal()) {
        renewed = true;
        continue;
      }
      Error error = error_from_response(*response, what, clock_.wall_now());
      const std::optional<std::chrono::seconds> after = repeat_after(request.method, error);
      if (!after || repeats >= kMaxRepeats) co_return std::unexpected(std::move(error));
      const std::chrono::milliseconds delay = repeat_delay(*after);
      if (!deadline.is_never() && net::Deadline::in(clock_, delay) >= deadline) {
        co_return std::unexpected(std::move(error));
      }
      co_await clock_.sleep_for(delay);
    }
  }

  // Not repeated when refused: whoever watches has a back-off of its own.
  Task<Result<net::ResponseStream>> open(net::Request request, net::Deadline deadline) {
    const std::string what = description(request);
    request.target.insert(0, prefix_);
    bool renewed = false;
    while (true) {
      co_await limiter_.acquire();
      Result<> authorized = authorize(request);
      if (!authorized) co_return std::unexpected(std::move(authorized.error()));
      Result<net::ResponseStream> stream = co_await http_->open(origin_, request, deadline);
      if (!stream) co_return base::fail(std::move(stream.error()), what);
      if (stream->status() < 300) co_return stream;
      if (stream->status() == 401 && !renewed && tokens_.renew_after_refusal()) {
        renewed = true;
        continue;
      }
      Result<std::string> body = co_await stream->read_all(kMaxRefusalBytes, deadline);
      const net::Response refusal{stream->status(), stream->headers(), body.value_or(std::string())};
      co_return std::unexpected(error_from_response(refusal, what, clock_.wall_now()));
    }
  }

  Task<Result<json::value>> call(net::Request request, net::Deadline deadline, std::size_t* answer_bytes = nullptr) {
    request.headers.set("Accept", "application/json");
    const std::string what = description(request);
    Result<net::Response> response = co_await send(std::move(request), deadline);
    if (!response) co_return std::unexpected(std::move(response.error()));
    if (answer_bytes != nullptr) *answer_bytes = response->body.size();
    co_return parse_json(response->body, "the answer to " + what);
  }

  base::Executor executor() const { return executor_; }
  base::Clock& clock() const { return clock_; }
  base::Random& random() const { return random_; }

 private:
  Result<> authorize(net::Request& request) {
    Result<base::Secret> token = tokens_.current();
    if (!token) return std::unexpected(std::move(token.error()));
    if (!token->empty()) request.headers.set("Authorization", fmt::format("Bearer {}", token->reveal()));
    return {};
  }

  // Never earlier than the server asks for; a little later at random, so that clients refused together come back
  // apart.
  std::chrono::milliseconds repeat_delay(std::chrono::seconds asked) {
    const double milliseconds = std::chrono::duration<double, std::milli>(asked).count();
    const auto stretched = static_cast<std::int64_t>(milliseconds * (1 + kRepeatJitter * random_.unit()));
    return std::max(kShortestRepeat, std::chrono::milliseconds(stretched));
  }

  // constant
  const base::Executor executor_;
  base::Clock& clock_;
  base::Random& random_;
  const net::Url origin_;
  const std::string prefix_;
  // state
  TokenSource tokens_;
  RateLimiter limiter_;
  std::unique_ptr<net::HttpTransport> http_;
};

Result<std::unique_ptr<Client>> Client::make(base::Executor executor, const net::HttpTransportFactory& http,
                                             const ClusterConfig& config, ClientOptions options, base::Clock& clock,
                                             base::Random& random) {
  net::HttpClientOptions wanted;
  wanted.tls = config.tls;
  wanted.user_agent = options.user_agent;
  wanted.max_body_bytes = kMaxAnswerBytes;
  Result<std::unique_ptr<net::HttpTransport>> made = http(executor, std::move(wanted));
  if (!made) return base::fail(std::move(made.error()), config.origin);
  return std::unique_ptr<Client>(
      new Client(std::make_unique<Impl>(executor, config, std::move(options), clock, random, std::move(*made))));
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Task<Result<json::value>> Client::get(ResourceType type, ObjectKey key, net::Deadline deadline) {
  net::Request request = make_request("GET", type.object_path(key));
  return impl_->call(std::move(request), deadline);
}

Task<Result<json::value>> Client::list(ResourceType type, ListOptions options, net::Deadline deadline) {
  Query query;
  query.add("labelSelector", options.label_selector);
  query.add("fieldSelector", options.field_selector);
  query.add_number("limit", options.limit);
  query.add("continue", options.continue_token);
  query.add("resourceVersion", options.resource_version);
  query.add("resourceVersionMatch", options.resource_version_match);
  return impl_->call(make_request("GET", type.collection_path(options.ns) + query.text()), deadline,
                     options.answer_bytes);
}

Task<Result<json::value>> list_page(Client& client, ResourceType type, ListOptions& page, net::Deadline deadline) {
  for (;;) {
    Result<json::value> answer = co_await client.list(type, page, deadline);
    // Perhaps it was too large to be read.
    if (answer || answer.error().kind != ErrorKind::invalid) co_return answer;
    if (page.limit == 1) co_return base::fail(std::move(answer.error()), fmt::format("one of the {}", type.plural));
    page.limit = page.limit == 0 ? kCautiousPage : page.limit / 2;
  }
}

Task<Result<json::value>> Client::create(ResourceType type, json::value object, net::Deadline deadline) {
  Result<> checked = check_object(type, object);
  if (!checked) co_return std::unexpected(std::move(checked.error()));
  fill_type(type, object);
  Result<json::value> answer =
      co_await impl_->call(make_request("POST", type.collection_path(key_of(object).ns), object), deadline);
  co_return answer;
}

Task<Result<json::value>> Client::replace(ResourceType type, json::value object, std::string subresource,
                                          net::Deadline deadline) {
  Result<> checked = check_object(type, object);
  if (!checked) co_return std::unexpected(std::move(checked.error()));
  fill_type(type, object);
  net::Request request = make_request("PUT", type.object_path(key_of(object), subresource), object);
  Result<json::value> answer = co_await impl_->call(std::move(request), deadline);
  co_return answer;
}

Task<Result<json::value>> Client::patch(ResourceType type, ObjectKey key, Patch patch, net::Deadline deadline) {
  Query query;
  query.add("fieldManager", patch.field_manager);
  if (patch.force) query.add("force", "true");
  const std::string target = type.object_path(key, patch.subresource) + query.text();
  return impl_->call(make_request("PATCH", target, patch.body, content_type(patch.type)), deadline);
}

Task<Result<json::value>> Client::remove(ResourceType type, ObjectKey key, RemoveOptions options,
                                         net::Deadline deadline) {
  const json::value body = delete_options(options);
  const bool has_options = body.get_object().size() > 2;
  const std::string path = type.object_path(key);
  return impl_->call(has_options ? make_request("DELETE", path, body) : make_request("DELETE", path), deadline);
}

Task<Result<net::ResponseStream>> Client::watch(ResourceType type, WatchOptions options, net::Deadline deadline) {
  Query query;
  query.add("watch", "true");
  query.add("allowWatchBookmarks", "true");
  query.add("labelSelector", options.label_selector);
  query.add("fieldSelector", options.field_selector);
  query.add("resourceVersion", options.resource_version);
  query.add_number("timeoutSeconds", options.timeout_seconds);
  net::Request request = make_request("GET", type.collection_path(options.ns) + query.text());
  request.headers.set("Accept", "application/json");
  return impl_->open(std::move(request), deadline);
}

Task<Result<net::Response>> Client::send(net::Request request, net::Deadline deadline) {
  return impl_->send(std::move(request), deadline);
}

base::Executor Client::executor() const { return impl_->executor(); }
base::Clock& Client::clock() const { return impl_->clock(); }
base::Random& Client::random() const { return impl_->random(); }

}  // namespace podid::kube
