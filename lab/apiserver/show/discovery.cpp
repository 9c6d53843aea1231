// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/show/discovery.hpp"

#include <fmt/format.h>

namespace podid::lab::apiserver {

namespace json = boost::json;

namespace {

json::array texts(const std::vector<std::string>& values) {
  json::array out;
  for (const std::string& value : values) out.emplace_back(value);
  return out;
}

json::array verbs_of(const Resource& resource) {
  if (!resource.stored) return {"create"};
  return {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"};
}

// The subresources that are served, with their verbs and kinds.
struct Subresource {
  std::string name;
  std::string group;
  std::string version;
  std::string kind;
  json::array verbs;
};

std::vector<Subresource> subresources_of(const Resource& resource) {
  std::vector<Subresource> out;
  if (resource.group.empty() && resource.plural == "pods") {
    out.push_back({"binding", "", "v1", "Binding", {"create"}});
    out.push_back({"eviction", "policy", "v1", "Eviction", {"create"}});
  }
  if (resource.status_subresource) {
    out.push_back({"status", resource.group, resource.version, resource.kind, {"get", "patch", "update"}});
  }
  return out;
}

json::object group_entry(const Registry& registry, std::string_view group) {
  json::array versions;
  for (const std::string& version : registry.versions(group)) {
    versions.push_back(json::object{{"groupVersion", fmt::format("{}/{}", group, version)}, {"version", version}});
  }
  json::value preferred = versions.front();
  return json::object{{"name", group}, {"versions", std::move(versions)}, {"preferredVersion", std::move(preferred)}};
}

json::object aggregated_resource(const Resource& resource) {
  json::object out{
      {"resource", resource.plural},
      {"responseKind", {{"group", resource.group}, {"version", resource.version}, {"kind", resource.kind}}},
      {"scope", resource.namespaced ? "Namespaced" : "Cluster"},
      {"singularResource", resource.singular},
      {"verbs", verbs_of(resource)}};
  if (!resource.short_names.empty()) out["shortNames"] = texts(resource.short_names);
  if (!resource.categories.empty()) out["categories"] = texts(resource.categories);
  json::array below;
  for (Subresource& subresource : subresources_of(resource)) {
    below.push_back(json::object{
        {"subresource", subresource.name},
        {"responseKind", {{"group", subresource.group}, {"version", subresource.version}, {"kind", subresource.kind}}},
        {"verbs", std::move(subresource.verbs)}});
  }
  if (!below.empty()) out["subresources"] = std::move(below);
  return out;
}

}  // namespace

json::object core_versions(std::string_view server_address) {
  return json::object{{"kind", "APIVersions"},
                      {"versions", json::array{"v1"}},
                      {"serverAddressByClientCIDRs",
                       json::array{json::object{{"clientCIDR", "0.0.0.0/0"}, {"serverAddress", server_address}}}}};
}

json::object api_groups(const Registry& registry) {
  json::array groups;
  for (const std::string& group : registry.groups()) groups.push_back(group_entry(registry, group));
  return json::object{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", std::move(groups)}};
}

json::object api_group(const Registry& registry, std::string_view group) {
  json::object out{{"kind", "APIGroup"}, {"apiVersion", "v1"}};
  for (auto& member : group_entry(registry, group)) out[member.key()] = std::move(member.value());
  return out;
}

json::object api_resources(const Registry& registry, std::string_view group, std::string_view version) {
  json::array resources;
  for (const ResourcePtr& resource : registry.resources(group, version)) {
    json::object entry{{"name", resource->plural},
                       {"singularName", resource->singular},
                       {"namespaced", resource->namespaced},
                       {"kind", resource->kind},
                       {"verbs", verbs_of(*resource)}};
    if (!resource->short_names.empty()) entry["shortNames"] = texts(resource->short_names);
    if (!resource->categories.empty()) entry["categories"] = texts(resource->categories);
    resources.push_back(std::move(entry));
    for (Subresource& below : subresources_of(*resource)) {
      json::object sub{{"name", fmt::format("{}/{}", resource->plural, below.name)},
                       {"singularName", ""},
                       {"namespaced", resource->namespaced},
                       {"kind", below.kind},
                       {"verbs", std::move(below.verbs)}};
      if (below.group != resource->group) {
        sub["group"] = below.group;
        sub["version"] = below.version;
      }
      resources.push_back(std::move(sub));
    }
  }
  const std::string group_version = group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
  return json::object{{"kind", "APIResourceList"},
                      {"apiVersion", "v1"},
                      {"groupVersion", group_version},
                      {"resources", std::move(resources)}};
}

json::object aggregated_discovery(const Registry& registry, Groups which) {
  json::array items;
  const std::vector<std::string> groups = which == Groups::core ? std::vector<std::string>{""} : registry.groups();
  for (const std::string& group : groups) {
    json::array versions;
    for (const std::string& version : registry.versions(group)) {
      json::array resources;
      for (const ResourcePtr& resource : registry.resources(group, version)) {
        resources.push_back(aggregated_resource(*resource));
      }
      versions.push_back(
          json::object{{"version", version}, {"resources", std::move(resources)}, {"freshness", "Current"}});
    }
    json::object metadata{{"creationTimestamp", nullptr}};
    if (!group.empty()) metadata["name"] = group;
    items.push_back(json::object{{"metadata", std::move(metadata)}, {"versions", std::move(versions)}});
  }
  return json::object{{"kind", "APIGroupDiscoveryList"},
                      {"apiVersion", "apidiscovery.k8s.io/v2"},
                      {"metadata", json::object{}},
                      {"items", std::move(items)}};
}

json::object version_info() {
  return json::object{{"major", "1"},    {"minor", "35"},           {"gitVersion", "v1.35.0+podid-lab"},
                      {"gitCommit", ""}, {"gitTreeState", "clean"}, {"buildDate", "1970-01-01T00:00:00Z"},
                      {"goVersion", ""}, {"compiler", ""},          {"platform", "linux/amd64"}};
}

}  // namespace podid::lab::apiserver
