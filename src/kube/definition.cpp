// SPDX-License-Identifier: Apache-2.0
#include "kube/definition.hpp"

#include <fmt/format.h>

#include <boost/json/value.hpp>

#include "base/json.hpp"

namespace podid::kube {

ObjectKey definition_of(const ResourceType& type) {
  return {.ns = {}, .name = fmt::format("{}.{}", type.plural, type.group)};
}

bool keeps_spec_member(const boost::json::value& definition, const ResourceType& type, std::string_view member) {
  const boost::json::value* versions = base::find_path(definition, {"spec", "versions"});
  if (versions == nullptr || !versions->is_array()) return false;
  for (const boost::json::value& version : versions->get_array()) {
    if (base::text_at(version, {"name"}) != type.version) continue;
    const auto* spec = base::find_path(version, {"schema", "openAPIV3Schema", "properties", "spec"});
    if (spec == nullptr) return false;
    const auto* open = base::find_path(*spec, {"x-kubernetes-preserve-unknown-fields"});
    return base::find_path(*spec, {"properties", member}) != nullptr ||
           (open != nullptr && open->is_bool() && open->get_bool());
  }
  return false;
}

}  // namespace podid::kube
