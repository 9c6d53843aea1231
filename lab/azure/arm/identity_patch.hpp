// SPDX-License-Identifier: Apache-2.0
// The `identity` member of a PATCH on a machine: what it asks for, and what a machine carries afterwards. Pure.
#pragma once
#include <boost/json/value.hpp>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lab/azure/arm/arm_error.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

struct IdentityPatch {
  bool system = false;         // the type names SystemAssigned
  bool user_assigned = false;  // the type names UserAssigned
  std::vector<std::string> add;
  std::vector<std::string> remove;  // keys whose value is null
};

// Nothing when the body has no `identity`; the compute service then changes something else, or nothing.
std::expected<std::optional<IdentityPatch>, ArmError> read_identity_patch(std::string_view body);

// A system-assigned identity that the patch switches on is left for the caller to make: `wants_system`.
struct PatchedIdentity {
  MachineIdentity identity;
  bool wants_system = false;
};
PatchedIdentity apply_identity_patch(const MachineIdentity& before, const IdentityPatch& patch);

// As a GET shows it; nothing (the member is then left out) when there is none.
std::optional<boost::json::object> write_identity(const MachineIdentity& identity, const World& world,
                                                  std::string_view tenant_id);

}  // namespace podid::lab::azure
