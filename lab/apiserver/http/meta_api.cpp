// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/http/meta_api.hpp"

#include "lab/apiserver/show/discovery.hpp"
#include "lab/apiserver/show/openapi.hpp"
#include "lab/apiserver/wire/media_type.hpp"

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

bool is_health(std::string_view segment) { return segment == "healthz" || segment == "livez" || segment == "readyz"; }

bool accepts_json(std::string_view accept) {
  if (accept.empty()) return true;
  for (const MediaType& type : parse_accept(accept)) {
    if (type.type == "application/json" || type.type == "*/*" || type.type == "application/*") return true;
  }
  return false;
}

std::optional<Reply> answer_openapi(const Registry& registry, const Call& call) {
  const auto& path = call.url.segments;
  if (!accepts_json(call.accept)) return refusal(unroutable_media_type(406));
  if (path.size() == 2 && path[1] == "v2") {
    return json_reply(200, json::object{{"swagger", "2.0"},
                                        {"info", {{"title", "Kubernetes"}, {"version", "v1.35.0"}}},
                                        {"paths", json::object{}},
                                        {"definitions", json::object{}}});
  }
  if (path.size() < 2 || path[1] != "v3") return std::nullopt;
  if (path.size() == 2) return json_reply(200, openapi_index(registry));
  const bool core = path.size() == 4 && path[2] == "api";
  const bool grouped = path.size() == 5 && path[2] == "apis";
  if (!core && !grouped) return std::nullopt;
  const std::string group = core ? "" : path[3];
  const std::string& version = core ? path[3] : path[4];
  if (!registry.has_group_version(group, version)) return std::nullopt;
  return json_reply(200, openapi_document(registry, group, version));
}

std::optional<Reply> answer_discovery(const Registry& registry, const Call& call) {
  const auto& path = call.url.segments;
  const bool core = path[0] == "api";
  if (path.size() == 1) {
    if (wants_aggregated_discovery(call.accept)) {
      Reply reply = json_reply(200, aggregated_discovery(registry, core ? Groups::core : Groups::named));
      reply.content_type = kAggregatedDiscoveryType;
      return reply;
    }
    return json_reply(200, core ? core_versions(call.host) : api_groups(registry));
  }
  const std::string group = core ? "" : path[1];
  if (!core && path.size() == 2 && !registry.versions(group).empty())
    return json_reply(200, api_group(registry, group));
  if (path.size() != (core ? 2 : 3)) return std::nullopt;
  const std::string& version = path.back();
  if (!registry.has_group_version(group, version)) return page_not_found();
  return json_reply(200, api_resources(registry, group, version));
}

}  // namespace

bool is_public_path(const RequestUrl& url) {
  return !url.segments.empty() &&
         (is_health(url.segments[0]) || (url.segments.size() == 1 && url.segments[0] == "version"));
}

std::optional<Reply> answer_meta(const Registry& registry, const Call& call) {
  const auto& path = call.url.segments;
  const bool known =
      path.empty() || is_public_path(call.url) || path[0] == "openapi" || path[0] == "api" || path[0] == "apis";
  if (!known) return page_not_found();
  if (path.empty()) {
    return json_reply(200, json::object{{"paths", json::array{"/api", "/api/v1", "/apis", "/healthz", "/livez",
                                                              "/openapi/v2", "/openapi/v3", "/readyz", "/version"}}});
  }
  if (is_public_path(call.url)) {
    if (call.method != "GET") return refusal(method_not_allowed());
    return path[0] == "version" ? json_reply(200, version_info()) : text_reply(200, "ok");
  }
  if (path[0] == "openapi") return answer_openapi(registry, call).value_or(page_not_found());
  std::optional<Reply> found = answer_discovery(registry, call);
  if (found && call.method != "GET") return refusal(method_not_allowed());
  return found;
}

}  // namespace podid::lab::apiserver
