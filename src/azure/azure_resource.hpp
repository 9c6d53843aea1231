// SPDX-License-Identifier: Apache-2.0
// A virtual machine or scale set, and the identities attached to it.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace podid::azure {

enum class ResourceKind { vm, vmss };

struct AzureResource {
  std::string subscription_id;
  std::string resource_group;
  ResourceKind kind = ResourceKind::vm;
  std::string name;

  // "/subscriptions/.../providers/Microsoft.Compute/virtualMachines/<name>", names as given.
  std::string id() const;
  // id() in lower case: the key under which resources compare.
  std::string key() const;
};

enum class IdentityType {
  none,             // absent or "None"
  user,             // "UserAssigned"
  system,           // "SystemAssigned"
  system_and_user,  // "SystemAssigned, UserAssigned"
  unknown,          // anything else: never changed by us
};

// As ARM spells it in requests; "" for unknown.
std::string_view to_string(IdentityType type);

struct UserIdentity {
  std::string client_id;
  std::string principal_id;
};

struct IdentityState {
  IdentityType type = IdentityType::none;
  std::string type_text;     // as received
  std::string principal_id;  // of the system-assigned identity
  std::string tenant_id;
  std::map<std::string, UserIdentity> user_assigned;  // by resource id in lower case
  std::string provisioning_state;

  bool has(std::string_view identity_id) const;
};

// When Azure refuses a PATCH because of some of its identities: how many further ones may follow. Additions and removals
// are always tried apart.
enum class OnRefusal {
  find_culprits,  // without those that Azure names, and where it names none in ever smaller parts
  drop_named,     // without those that Azure names
  stop,           // none
};

// Resource ids in any case. An id in both lists is added (MIC-15).
struct IdentityChange {
  std::vector<std::string> add;
  std::vector<std::string> remove;
  OnRefusal on_refusal = OnRefusal::find_culprits;

  bool empty() const { return add.empty() && remove.empty(); }
};

}  // namespace podid::azure
