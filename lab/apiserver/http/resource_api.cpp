// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/http/resource_api.hpp"

#include <fmt/format.h>

#include "lab/apiserver/http/write_options.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

bool is_pods(const Resource& resource) { return resource.group.empty() && resource.plural == "pods"; }
// Kinds whose delete is answered with the object instead of a Status.
bool returns_deleted_object(const Resource& resource) {
  return !resource.custom && (resource.kind == "Pod" || resource.kind == "ServiceAccount");
}

}  // namespace

Answer<Target> ResourceApi::target_of(const Call& call, const ResourcePath& path) const {
  Target out{.resource = registry_.find(path.group, path.version, path.plural), .ns = path.ns, .name = path.name};
  if (out.resource == nullptr) return std::unexpected(unknown_resource());  // of a group that exists
  const Resource& resource = *out.resource;
  const bool collection_of_all = path.ns.empty() && path.name.empty() && call.method == "GET";
  const bool scope_fits = resource.namespaced ? !path.ns.empty() || collection_of_all : path.ns.empty();
  if (!scope_fits) {
    // A namespaced resource without a namespace: the path exists for lists, but has no other methods.
    if (resource.namespaced && path.name.empty()) return std::unexpected(method_not_allowed());
    return std::unexpected(unknown_resource());
  }
  if (path.subresource == "status" && resource.status_subresource) {
    out.subresource = Subresource::status;
  } else if (!path.subresource.empty() && !is_pods(resource)) {
    return std::unexpected(resource.custom ? not_found(resource.subject(), path.name) : unknown_resource());
  }
  return out;
}

Answer<Renderer> ResourceApi::renderer_for(const Call& call, const ResourcePtr& resource) const {
  const auto form = negotiate(call.accept);
  if (!form) return std::unexpected(unroutable_media_type(406));
  const auto include = parse_include_object(call.url.parameter_or_empty("includeObject"));
  if (!include) {
    return std::unexpected(bad_request(
        fmt::format("unrecognized includeObject value: \"{}\"", call.url.parameter_or_empty("includeObject"))));
  }
  return Renderer(resource, *form, *include);
}

std::optional<Answer<ResourceApi::WatchRequest>> ResourceApi::watch_request(const Call& call,
                                                                            const ResourcePath& path) const {
  if (call.method != "GET" || !call.url.flag("watch") || !path.subresource.empty()) return std::nullopt;
  auto target = target_of(call, path);
  if (!target) return std::nullopt;
  if (!target->resource->stored) return std::nullopt;
  auto renderer = renderer_for(call, target->resource);
  if (!renderer) return std::unexpected(std::move(renderer.error()));
  auto options = ListOptions::parse(call.url, *target->resource);
  if (!options) return std::unexpected(std::move(options.error()));
  return WatchRequest{
      .resource = std::move(target->resource), .options = std::move(*options), .renderer = std::move(*renderer)};
}

Reply ResourceApi::answer(const Call& call, const ResourcePath& path) {
  if (!registry_.has_built_in(path.group, path.version) && !registry_.find(path.group, path.version, path.plural)) {
    return page_not_found();
  }
  const auto target = target_of(call, path);
  if (!target) return refusal(target.error());
  Reply reply = dispatch(call, path, *target);
  if (!target->resource->deprecation.empty()) reply.warnings.push_back(target->resource->deprecation);
  return reply;
}

Reply ResourceApi::dispatch(const Call& call, const ResourcePath& path, const Target& target) {
  if (!target.resource->stored) return review(call, *target.resource);
  const bool named = !path.name.empty();
  if (!path.subresource.empty() && target.subresource == Subresource::none) {
    return pod_action(call, target, path.subresource);
  }
  if (call.method == "GET") return named ? get(call, target) : list(call, target);
  if (call.method == "POST" && !named) return create(call, target);
  if (call.method == "PUT" && named) return update(call, target);
  if (call.method == "PATCH" && named) return patch(call, target);
  if (call.method == "DELETE" && target.subresource == Subresource::none) {
    return named ? remove(call, target) : remove_collection(call, target);
  }
  return refusal(method_not_allowed());
}

Reply ResourceApi::get(const Call& call, const Target& target) const {
  const auto renderer = renderer_for(call, target.resource);
  if (!renderer) return refusal(renderer.error());
  const auto object = service_.get(target);
  if (!object) return refusal(object.error());
  return {.body = renderer->object(**object, clock_.wall_now()) + "\n"};
}

Reply ResourceApi::list(const Call& call, const Target& target) const {
  const auto renderer = renderer_for(call, target.resource);
  if (!renderer) return refusal(renderer.error());
  const auto options = ListOptions::parse(call.url, *target.resource);
  if (!options) return refusal(options.error());
  const auto page = list_objects(store_, *target.resource, target.ns, *options);
  if (!page) return refusal(page.error());
  return {.body = renderer->list(*page, clock_.wall_now()) + "\n"};
}

Reply ResourceApi::written(const Call& call, const Target& target, Answer<Written> result) const {
  if (!result) return refusal(result.error());
  const auto renderer = renderer_for(call, target.resource);
  if (!renderer) return refusal(renderer.error());
  return {.status = result->created ? 201 : 200,
          .body = renderer->object(*result->object, clock_.wall_now()) + "\n",
          .warnings = std::move(result->warnings)};
}

Reply ResourceApi::create(const Call& call, const Target& target) {
  const auto options = parse_write_options(call.url, "CreateOptions");
  if (!options) return refusal(options.error());
  auto body = parse_object_body(call);
  if (!body) return refusal(body.error());
  return written(call, target, service_.create(target, std::move(*body), *options));
}

Reply ResourceApi::update(const Call& call, const Target& target) {
  const auto options = parse_write_options(call.url, "UpdateOptions");
  if (!options) return refusal(options.error());
  auto body = parse_object_body(call);
  if (!body) return refusal(body.error());
  return written(call, target, service_.update(target, std::move(*body), *options));
}

Reply ResourceApi::patch(const Call& call, const Target& target) {
  const auto type = parse_patch_type(call);
  if (!type) return refusal(type.error());
  const auto options = parse_write_options(call.url, "PatchOptions");
  if (!options) return refusal(options.error());
  const auto body = parse_patch_body(call, *type);
  if (!body) return refusal(body.error());
  return written(call, target, service_.patch(target, *type, *body, *options));
}

Reply ResourceApi::remove(const Call& call, const Target& target) {
  const auto options = parse_delete_options(call);
  if (!options) return refusal(options.error());
  const auto removed = service_.remove(target, *options);
  if (!removed) return refusal(removed.error());
  if (removed->gone && !returns_deleted_object(*target.resource)) {
    return json_reply(200, success_status(target.resource->subject(), target.name, removed->object->uid()));
  }
  return {.body =
              Renderer(target.resource, Form::object, IncludeObject::none).object(*removed->object, clock_.wall_now()) +
              "\n"};
}

Reply ResourceApi::remove_collection(const Call& call, const Target& target) {
  const auto options = parse_delete_options(call);
  if (!options) return refusal(options.error());
  const auto selection = ListOptions::parse(call.url, *target.resource);
  if (!selection) return refusal(selection.error());
  const auto page = list_objects(store_, *target.resource, target.ns, *selection);
  if (!page) return refusal(page.error());
  for (const ObjectPtr& object : page->items) {
    const auto removed =
        service_.remove({.resource = target.resource, .ns = object->ns(), .name = object->name()}, *options);
    if (!removed && removed.error().code != 404) return refusal(removed.error());
  }
  return {.body = Renderer(target.resource, Form::object, IncludeObject::none).list(*page, clock_.wall_now()) + "\n"};
}

// Access reviews: whoever has a token may do everything.
Reply ResourceApi::review(const Call& call, const Resource& resource) const {
  if (call.method != "POST") return refusal(method_not_allowed());
  const auto body = parse_object_body(call);
  if (!body) return refusal(body.error());
  json::object answer{{"kind", resource.kind}, {"apiVersion", resource.api_version()}, {"metadata", json::object{}}};
  if (resource.kind == "SelfSubjectReview") {
    json::array groups;
    for (const std::string& group : call.user.groups) groups.emplace_back(group);
    answer["status"] = json::object{{"userInfo", {{"username", call.user.name}, {"groups", std::move(groups)}}}};
  } else {
    const json::value* spec = find_path(*body, {"spec"});
    answer["spec"] = spec == nullptr ? json::value(json::object{}) : *spec;
    answer["status"] = json::object{{"allowed", true}};
  }
  return json_reply(201, answer);
}

Reply ResourceApi::pod_action(const Call& call, const Target& target, std::string_view action) {
  if (action != "binding" && action != "eviction") return refusal(unknown_resource());
  if (call.method != "POST") return refusal(method_not_allowed());
  const auto body = parse_object_body(call);
  if (!body) return refusal(body.error());
  if (action == "eviction") {
    const auto removed = service_.remove(target, {});
    if (!removed) return refusal(removed.error());
  } else {
    const auto bound = service_.bind_pod(target, text_at(*body, {"target", "name"}));
    if (!bound) return refusal(bound.error());
  }
  return json_reply(201, json::object{{"kind", "Status"},
                                      {"apiVersion", "v1"},
                                      {"metadata", json::object{}},
                                      {"status", "Success"},
                                      {"code", 201}});
}

}  // namespace podid::lab::apiserver
