// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/http/handler.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::chrono::seconds kBodyDeadline{30};

void send(net::ServerResponse& response, const Reply& reply) {
  response.header("Cache-Control", "no-cache, private");
  for (const std::string& warning : reply.warnings) {
    response.header("Warning", fmt::format("299 - {}", base::go_quote(warning)));
  }
  if (reply.status == 429 || reply.status == 504) response.header("Retry-After", "1");
  response.send(reply.status, reply.content_type, reply.body);
}

// The verb of RBAC, as refusals name it.
std::string_view verb_of(const Call& call, const ResourcePath& path) {
  if (call.method == "GET") return call.url.flag("watch") ? "watch" : path.name.empty() ? "list" : "get";
  if (call.method == "POST") return "create";
  if (call.method == "PUT") return "update";
  if (call.method == "PATCH") return "patch";
  return path.name.empty() ? "deletecollection" : "delete";
}

ApiStatus anonymous_refusal(const Call& call) {
  const auto path = parse_resource_path(call.url);
  if (!path) {
    ApiStatus status = forbidden({}, "", "");
    status.message = fmt::format("forbidden: User \"{}\" cannot {} path \"{}\"", call.user.name,
                                 base::to_lower(call.method), call.url.path);
    return status;
  }
  std::string where = path->ns.empty() ? "at the cluster scope" : fmt::format("in the namespace \"{}\"", path->ns);
  return forbidden({.group = path->group, .plural = path->plural, .kind = ""}, path->name,
                   fmt::format("User \"{}\" cannot {} resource \"{}\" in API group \"{}\" {}", call.user.name,
                               verb_of(call, *path), path->plural, path->group, where));
}

ApiStatus body_refusal(const base::Error& error, const Limits& limits) {
  if (error.http_status == 413) {
    return too_large(fmt::format("Request entity too large: limit is {}", limits.max_body_bytes));
  }
  return bad_request(error.message);
}

}  // namespace

std::optional<Reply> Handler::answer_without_resource(const Call& call) const {
  if (call.user.anonymous && !is_public_path(call.url)) return refusal(anonymous_refusal(call));
  return answer_meta(registry_, call);
}

base::Task<> Handler::handle(net::ServerRequest& request, net::ServerResponse& response) {
  ++requests_;
  const std::string target(request.target());
  auto url = RequestUrl::parse(target);
  if (!url) {
    send(response, refusal(bad_request("the request target cannot be decoded")));
    co_return;
  }
  const auto user = authenticator_.authenticate(request.header("Authorization"));
  if (!user) {
    send(response, refusal(unauthorized()));
    co_return;
  }
  const auto header = [&](std::string_view name) { return std::string(request.header(name).value_or("")); };
  Call call{.method = request.method() == "HEAD" ? "GET" : std::string(request.method()),
            .url = std::move(*url),
            .user = *user,
            .accept = header("Accept"),
            .content_type = header("Content-Type"),
            .host = header("Host"),
            .body = {}};
  if (const auto reply = answer_without_resource(call)) {
    send(response, *reply);
    co_return;
  }
  const auto path = parse_resource_path(call.url);
  if (!path) {
    send(response, page_not_found());
    co_return;
  }
  if (auto watched = api_.watch_request(call, *path)) {
    if (!*watched) {
      send(response, refusal(watched->error()));
      co_return;
    }
    co_await watch(std::move(**watched), *path, response);
    co_return;
  }
  if (request.has_body()) {
    auto body = co_await request.read_body(net::Deadline::in(clock_, kBodyDeadline));
    if (!body) {
      send(response, refusal(body_refusal(body.error(), limits_)));
      co_return;
    }
    call.body = std::move(*body);
  }
  send(response, api_.answer(call, *path));
}

base::Task<> Handler::watch(ResourceApi::WatchRequest request, const ResourcePath& path,
                            net::ServerResponse& response) {
  auto watcher = hub_.open(request.resource, path.ns, path.name, std::move(request.options));
  if (!watcher) {
    send(response, refusal(watcher.error()));
    co_return;
  }
  response.header("Content-Type", "application/json");
  response.header("Cache-Control", "no-cache, private");
  auto started = co_await response.start(200);
  if (!started) co_return;
  while (true) {
    const std::vector<WatchItem> items = co_await (*watcher)->next();
    if (items.empty()) break;
    std::string lines;
    for (const WatchItem& item : items) lines += request.renderer.watch_line(item, clock_.wall_now());
    const auto written = co_await response.write(lines);
    if (!written) co_return;
  }
  const auto finished = co_await response.finish();
  static_cast<void>(finished);  // the peer may have left: nothing is owed to it
}

}  // namespace podid::lab::apiserver
