// SPDX-License-Identifier: Apache-2.0
#include "mic/upgrade/legacy_fields.hpp"

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "base/text.hpp"

namespace podid::mic {
namespace json = boost::json;
namespace {

constexpr std::string_view kTopLevel[] = {"spec", "status"};
constexpr std::string_view kFields[] = {"type",           "resourceID",   "clientID",          "clientPassword",
                                        "tenantID",       "adResourceID", "adEndpoint",        "auxiliaryTenantIDs",
                                        "replicas",       "metadata",     "azureIdentity",     "selector",
                                        "weight",         "pod",          "podNamespace",      "nodename",
                                        "podLabels",      "status",       "availableReplicas", "azureIdentityRef",
                                        "azureBindingRef"};
constexpr std::string_view kSecretReference[] = {"name", "namespace"};

template <class Names>
void rename(json::object& object, const Names& names) {
  std::vector<std::pair<std::string, std::string_view>> renames;
  for (const auto& member : object) {
    for (const std::string_view name : names) {
      if (member.key() != name && base::iequals(member.key(), name))
        renames.emplace_back(std::string(member.key()), name);
    }
  }
  for (const auto& [old_name, name] : renames) {
    json::value value = std::move(object[old_name]);
    object.erase(old_name);
    if (!object.contains(name)) object.emplace(name, std::move(value));
  }
}

json::object* object_at(json::object& parent, std::string_view name) {
  json::value* value = parent.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

void modernise(json::object& object) {
  rename(object, kTopLevel);
  for (const std::string_view part : kTopLevel) {
    json::object* fields = object_at(object, part);
    if (fields == nullptr) continue;
    rename(*fields, kFields);
    if (json::object* secret = object_at(*fields, "clientPassword")) rename(*secret, kSecretReference);
    for (const std::string_view embedded : {"azureIdentityRef", "azureBindingRef"}) {
      if (json::object* copy = object_at(*fields, embedded)) modernise(*copy);
    }
  }
}

}  // namespace

void modernise_field_names(json::value& object) {
  if (json::object* members = object.if_object()) modernise(*members);
}

}  // namespace podid::mic
