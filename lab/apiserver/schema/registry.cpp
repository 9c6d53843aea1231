// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/registry.hpp"

#include <algorithm>

#include "lab/apiserver/schema/builtin_resources.hpp"

namespace podid::lab::apiserver {

std::size_t type_prefix_length(const Resource& resource) {
  constexpr std::string_view kFrame = R"({"apiVersion":"","kind":"",)";
  return kFrame.size() + resource.api_version().size() + resource.kind.size();
}

Registry::Registry() : resources_(builtin_resources()) {}

void Registry::install(ResourcePtr resource) {
  for (ResourcePtr& existing : resources_) {
    if (existing->bucket() == resource->bucket()) {
      existing = std::move(resource);
      return;
    }
  }
  resources_.push_back(std::move(resource));
}

void Registry::uninstall(std::string_view bucket) {
  std::erase_if(resources_, [&](const ResourcePtr& resource) { return resource->bucket() == bucket; });
}

ResourcePtr Registry::find(std::string_view group, std::string_view version, std::string_view plural) const {
  for (const ResourcePtr& resource : resources_) {
    if (resource->plural == plural && resource->group == group && resource->version == version) return resource;
  }
  return nullptr;
}

ResourcePtr Registry::find_bucket(std::string_view bucket) const {
  for (const ResourcePtr& resource : resources_) {
    if (resource->bucket() == bucket) return resource;
  }
  return nullptr;
}

bool Registry::has_built_in(std::string_view group, std::string_view version) const {
  return std::ranges::any_of(resources_, [&](const ResourcePtr& resource) {
    return resource->group == group && resource->version == version && !resource->custom;
  });
}

bool Registry::has_group_version(std::string_view group, std::string_view version) const {
  return std::ranges::any_of(resources_, [&](const ResourcePtr& resource) {
    return resource->group == group && resource->version == version;
  });
}

std::vector<std::string> Registry::groups() const {
  std::vector<std::string> out;
  for (const ResourcePtr& resource : resources_) {
    if (!resource->group.empty() && std::ranges::find(out, resource->group) == out.end())
      out.push_back(resource->group);
  }
  return out;
}

std::vector<std::string> Registry::versions(std::string_view group) const {
  std::vector<std::string> out;
  for (const ResourcePtr& resource : resources_) {
    if (resource->group == group && std::ranges::find(out, resource->version) == out.end())
      out.push_back(resource->version);
  }
  return out;
}

std::vector<ResourcePtr> Registry::resources(std::string_view group, std::string_view version) const {
  std::vector<ResourcePtr> out;
  std::ranges::copy_if(resources_, std::back_inserter(out), [&](const ResourcePtr& resource) {
    return resource->group == group && resource->version == version;
  });
  return out;
}

}  // namespace podid::lab::apiserver
