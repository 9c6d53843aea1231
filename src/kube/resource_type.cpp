// SPDX-License-Identifier: Apache-2.0
#include "kube/resource_type.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/text.hpp"

namespace podid::kube {

std::string ResourceType::api_version() const {
  return group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
}

std::string ResourceType::collection_path(std::string_view ns) const {
  const std::string root = group.empty() ? fmt::format("/api/{}", version) : fmt::format("/apis/{}/{}", group, version);
  if (!namespaced || ns.empty()) return fmt::format("{}/{}", root, plural);
  return fmt::format("{}/namespaces/{}/{}", root, base::percent_encode(ns), plural);
}

std::string ResourceType::object_path(const ObjectKey& key, std::string_view subresource) const {
  std::string path = collection_path(key.ns) + "/" + base::percent_encode(key.name);
  if (!subresource.empty()) path.append("/").append(subresource);
  return path;
}

ObjectRef ResourceType::reference(ObjectKey key, std::string uid) const {
  return {.api_version = api_version(), .kind = std::string(kind), .key = std::move(key), .uid = std::move(uid)};
}

}  // namespace podid::kube
