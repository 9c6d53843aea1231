// SPDX-License-Identifier: Apache-2.0
#include "azure/azure_resource.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace podid::azure {

std::string AzureResource::id() const {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute/{}/{}", subscription_id,
                     resource_group, kind == ResourceKind::vm ? "virtualMachines" : "virtualMachineScaleSets", name);
}

std::string AzureResource::key() const { return base::to_lower(id()); }

std::string_view to_string(IdentityType type) {
  switch (type) {
    case IdentityType::none:
      return "None";
    case IdentityType::user:
      return "UserAssigned";
    case IdentityType::system:
      return "SystemAssigned";
    case IdentityType::system_and_user:
      return "SystemAssigned, UserAssigned";
    case IdentityType::unknown:
      return "";
  }
  return "";
}

bool IdentityState::has(std::string_view identity_id) const {
  return user_assigned.contains(base::to_lower(identity_id));
}

}  // namespace podid::azure
