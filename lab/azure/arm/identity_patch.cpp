// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/arm/identity_patch.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.hpp"

namespace podid::lab::azure {

namespace json = boost::json;

namespace {

std::unexpected<ArmError> bad_content(std::string message) {
  return std::unexpected(ArmError{.status = 400, .code = "InvalidRequestContent", .message = std::move(message)});
}

std::unexpected<ArmError> bad_parameter(std::string code, std::string message) {
  return std::unexpected(ArmError{
      .status = 400, .code = std::move(code), .message = std::move(message), .target = "resourceIdentity.identityIds"});
}

bool is_user_assigned_identity_id(std::string_view id) {
  const auto parsed = parse_resource_id(id);
  return parsed && base::iequals(parsed->provider, "Microsoft.ManagedIdentity") &&
         base::iequals(parsed->type, "userAssignedIdentities") && base::trim(parsed->name) == parsed->name;
}

// Only an empty object, null, or what a GET shows may be a value of the map.
bool is_identity_value(const json::value& value) {
  if (value.is_null()) return true;
  const json::object* object = value.if_object();
  return object != nullptr && std::ranges::all_of(*object, [](const json::key_value_pair& member) {
           return member.key() == "clientId" || member.key() == "principalId";
         });
}

// False for a type that does not exist.
bool read_type(std::string_view type, IdentityPatch& patch) {
  if (base::iequals(type, "None")) return true;
  for (const std::string_view part : base::split(type, ',')) {
    const std::string_view name = base::trim(part);
    if (base::iequals(name, "SystemAssigned")) {
      patch.system = true;
    } else if (base::iequals(name, "UserAssigned")) {
      patch.user_assigned = true;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

std::expected<std::optional<IdentityPatch>, ArmError> read_identity_patch(std::string_view body) {
  boost::system::error_code error;
  const json::value document = json::parse(body, error);
  if (error || !document.is_object()) {
    return bad_content("The request content was invalid and could not be deserialized.");
  }
  const json::value* identity = document.get_object().if_contains("identity");
  if (identity == nullptr) return std::optional<IdentityPatch>();
  const json::value* type = identity->is_object() ? identity->get_object().if_contains("type") : nullptr;
  if (type == nullptr || !type->is_string()) {
    return bad_content(
        "The request content was invalid and could not be deserialized: 'Required property 'type' not found in JSON. "
        "Path 'identity'.'.");
  }
  IdentityPatch patch;
  if (!read_type(type->get_string(), patch)) {
    return bad_content(
        fmt::format("The request content was invalid and could not be deserialized: 'Error converting "
                    "value \"{}\" to type 'ResourceIdentityType'. Path 'identity.type'.'.",
                    type->get_string().c_str()));
  }
  const json::value* map = identity->get_object().if_contains("userAssignedIdentities");
  if (map == nullptr || map->is_null()) return patch;
  if (!map->is_object()) {
    return bad_content("The request content was invalid. Path 'identity.userAssignedIdentities'.");
  }
  if (!patch.user_assigned) {
    return bad_parameter("InvalidIdentityValues",
                         fmt::format("A resource with identity type '{}' should not contain userAssignedIdentities: a "
                                     "non-UserAssigned identity type does not take them.",
                                     type->get_string().c_str()));
  }
  CaselessSet seen;
  for (const auto& [key, value] : map->get_object()) {
    const std::string id(key);
    if (!base::istarts_with(id, "/subscriptions/") && !base::istarts_with(id, "/providers/")) {
      // The resource manager's own check, before the provider sees it: other code, no target, the ID as it came.
      return std::unexpected(ArmError{
          .status = 400,
          .code = "LinkedInvalidPropertyId",
          .message = fmt::format("Property id '{}' at path 'identity.userAssignedIdentities' is invalid. Expect fully "
                                 "qualified resource Id that start with '/subscriptions/{{subscriptionId}}' or "
                                 "'/providers/{{resourceProviderNamespace}}/'.",
                                 id)});
    }
    if (!is_user_assigned_identity_id(id)) {
      return bad_parameter("InvalidParameter", fmt::format("The resource identity ID '{}' is malformed.", id));
    }
    if (!seen.insert(id).second) {
      return bad_parameter("InvalidParameter", fmt::format("The resource identity ID '{}' cannot be duplicated.", id));
    }
    if (!is_identity_value(value)) {
      return bad_parameter("InvalidIdentityValues",
                           fmt::format("Invalid value for the identities '{}'. The 'UserAssignedIdentities' property "
                                       "keys should only be empty json objects, null or the resource existing "
                                       "property.",
                                       id));
    }
    (value.is_null() ? patch.remove : patch.add).push_back(id);
  }
  return patch;
}

PatchedIdentity apply_identity_patch(const MachineIdentity& before, const IdentityPatch& patch) {
  PatchedIdentity out;
  if (patch.system) {
    out.identity.system = before.system;
    out.wants_system = !before.system;
  }
  if (!patch.user_assigned) return out;
  out.identity.user_assigned = before.user_assigned;
  out.identity.user_assigned.insert(patch.add.begin(), patch.add.end());
  for (const std::string& id : patch.remove) out.identity.user_assigned.erase(id);
  return out;
}

std::optional<json::object> write_identity(const MachineIdentity& identity, const World& world,
                                           std::string_view tenant_id) {
  const bool has_user_assigned = !identity.user_assigned.empty();
  if (!identity.system && !has_user_assigned) return std::nullopt;
  json::object out;
  out["type"] = !identity.system    ? "UserAssigned"
                : has_user_assigned ? "SystemAssigned, UserAssigned"
                                    : "SystemAssigned";
  if (identity.system) {
    out["principalId"] = identity.system->principal_id;
    out["tenantId"] = tenant_id;
  }
  if (has_user_assigned) {
    json::object& map = out["userAssignedIdentities"].emplace_object();
    for (const std::string& id : identity.user_assigned) {
      const auto known = world.user_assigned_identities.find(id);
      json::object& entry = map[id].emplace_object();
      // A deleted identity keeps its entry, emptied.
      entry["principalId"] = nullptr;
      entry["clientId"] = nullptr;
      if (known != world.user_assigned_identities.end()) {
        entry["principalId"] = known->second.principal_id;
        entry["clientId"] = known->second.client_id;
      }
    }
  }
  return out;
}

}  // namespace podid::lab::azure
