// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/show/openapi.hpp"

#include <fmt/format.h>

#include <functional>

namespace podid::lab::apiserver {

namespace json = boost::json;

namespace {

constexpr std::string_view kKindExtension = "x-kubernetes-group-version-kind";

std::string document_path(std::string_view group, std::string_view version) {
  return group.empty() ? fmt::format("api/{}", version) : fmt::format("apis/{}/{}", group, version);
}

json::object kind_of(const Resource& resource) {
  return json::object{{"group", resource.group}, {"version", resource.version}, {"kind", resource.kind}};
}

std::string schema_name(const Resource& resource) {
  return fmt::format("{}.{}.{}", resource.group.empty() ? "io.k8s.api.core" : resource.group, resource.version,
                     resource.kind);
}

json::object query_parameter(std::string_view name, std::string_view description) {
  return json::object{{"name", name},
                      {"in", "query"},
                      {"description", description},
                      {"schema", {{"type", "string"}, {"uniqueItems", true}}}};
}

// Strategic merge patches are left out on purpose: kubectl would look for merge keys in these schemas, which
// do not go deep enough, instead of using the ones that it was built with.
json::object patch_operation(const Resource& resource) {
  json::object content;
  for (const std::string_view type :
       {"application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"}) {
    content[type] = json::object{{"schema", json::object{}}};
  }
  return json::object{
      {"operationId", fmt::format("patch{}", resource.kind)},
      {"parameters",
       json::array{query_parameter("dryRun", "When present, the modification is not persisted."),
                   query_parameter("fieldManager", "Who makes the change."),
                   query_parameter("fieldValidation", "What to do with unknown fields: Ignore, Warn or Strict.")}},
      {"requestBody", {{"content", std::move(content)}, {"required", true}}},
      {"responses", {{"200", {{"description", "OK"}}}}},
      {"x-kubernetes-action", "patch"},
      {kKindExtension, kind_of(resource)}};
}

json::value kind_schema(const Resource& resource) {
  json::value schema = resource.schema.is_object() ? resource.schema : json::value(json::object{{"type", "object"}});
  json::object& members = schema.get_object();
  json::value& properties = members["properties"];
  if (!properties.is_object()) properties.emplace_object();
  for (const std::string_view name : {"apiVersion", "kind"}) {
    properties.get_object()[name] = json::object{{"type", "string"}};
  }
  properties.get_object()["metadata"] = json::object{{"type", "object"}};
  members[kKindExtension] = json::array{kind_of(resource)};
  return schema;
}

}  // namespace

json::object openapi_index(const Registry& registry) {
  json::object paths;
  const auto add = [&](std::string_view group) {
    for (const std::string& version : registry.versions(group)) {
      const std::string path = document_path(group, version);
      // The hash changes with the content, because clients may keep a document for ever.
      const std::size_t hash = std::hash<std::string>{}(json::serialize(openapi_document(registry, group, version)));
      paths[path] = json::object{{"serverRelativeURL", fmt::format("/openapi/v3/{}?hash={:016X}", path, hash)}};
    }
  };
  add("");
  for (const std::string& group : registry.groups()) add(group);
  return json::object{{"paths", std::move(paths)}};
}

json::object openapi_document(const Registry& registry, std::string_view group, std::string_view version) {
  json::object paths;
  json::object schemas;
  for (const ResourcePtr& resource : registry.resources(group, version)) {
    schemas[schema_name(*resource)] = kind_schema(*resource);
    const std::string base =
        resource->namespaced
            ? fmt::format("/{}/namespaces/{{namespace}}/{}", document_path(group, version), resource->plural)
            : fmt::format("/{}/{}", document_path(group, version), resource->plural);
    if (resource->stored) paths[base + "/{name}"] = json::object{{"patch", patch_operation(*resource)}};
  }
  return json::object{{"openapi", "3.0.0"},
                      {"info", {{"title", "Kubernetes"}, {"version", "v1.35.0"}}},
                      {"paths", std::move(paths)},
                      {"components", {{"schemas", std::move(schemas)}}}};
}

}  // namespace podid::lab::apiserver
