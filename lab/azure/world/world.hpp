// SPDX-License-Identifier: Apache-2.0
// What exists in the simulated Azure: tenants, machines, identities, permissions, a vault. Plain data: the
// services (imds_service.hpp, entra_service.hpp, ...) read and change it, tests and the control API do so
// between requests.
#pragma once
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/secret.hpp"
#include "lab/azure/world/caseless.hpp"

namespace podid::lab::azure {

struct Tenant {
  std::string domain;  // a verified domain; URLs may name the tenant by it
};

struct Subscription {
  std::string tenant_id;
  CaselessSet resource_groups;
};

struct UserAssignedIdentity {
  std::string client_id;
  std::string principal_id;
  std::string tenant_id;
  std::string location = "westeurope";
};

struct SystemAssignedIdentity {
  std::string client_id;
  std::string principal_id;
  friend bool operator==(const SystemAssignedIdentity&, const SystemAssignedIdentity&) = default;
};

// What a machine carries.
struct MachineIdentity {
  std::optional<SystemAssignedIdentity> system;
  CaselessSet user_assigned;  // resource IDs, each in the spelling of its first assignment
  friend bool operator==(const MachineIdentity&, const MachineIdentity&) = default;
};

// A virtual machine or a scale set; which of the two its resource ID tells.
struct Machine {
  std::string location = "westeurope";
  std::string size = "Standard_D2s_v5";
  std::string provisioning_state = "Succeeded";
  std::string scale_set_id;  // of a VM that belongs to a flexible scale set
  MachineIdentity identity;
};

// A running computer: a VM, or one instance of a scale set. IMDS tells nodes apart by the address that asks.
struct Node {
  std::string machine_id;
  std::string instance_id;  // of a scale set's instance, else empty
  std::string vm_id;
  std::vector<std::string> addresses;
};

struct ClientSecret {
  base::Secret value;
  std::optional<base::WallTime> expires;  // absent: never
};

// An application and its service principal in one tenant.
struct Application {
  std::string tenant_id;
  std::string object_id;  // of the service principal
  std::string name;
  bool enabled = true;
  std::map<std::string, ClientSecret> secrets;      // by a name of the test's choice
  std::map<std::string, std::string> certificates;  // PEM, by a name of the test's choice
};

// Who may do what where. Denials win, as Azure's deny assignments do.
struct RoleAssignment {
  std::string principal_id;
  std::string scope;                 // a resource ID; holds for everything below it
  std::vector<std::string> actions;  // "Microsoft.Compute/virtualMachines/*": one '*' stands for any text
};

// Something that tokens can be asked for, known to every tenant.
struct TokenResource {
  std::string app_id;
  int token_version = 1;
};

struct Vault {
  std::string tenant_id;
  std::map<std::string, base::Secret> secrets;
  CaselessSet readers;  // object IDs
};

// How ARM refuses every update that names a certain identity, to add or to remove it.
struct IdentityRefusal {
  int status = 400;
  std::string code;
  std::string message;
};

struct Settings {
  std::chrono::milliseconds operation_duration{200};  // of an ARM update, until its operation says Succeeded
  std::chrono::milliseconds propagation_delay{0};     // from then until IMDS serves the identity
  std::optional<std::chrono::seconds> retry_after;    // sent with a PATCH answer and with each poll
  std::chrono::seconds managed_identity_lifetime{86'400};
  std::chrono::seconds application_lifetime{3'600};
  std::int64_t list_page_size = 100;  // items per page of an ARM list
  bool imds_resource_ids = true;      // false: a cloud whose IMDS ignores msi_res_id and mi_res_id
  bool token_resource_ids = true;     // false: a cloud whose tokens name no resource ID (xms_mirid)
};

struct World {
  CaselessMap<Tenant> tenants;                                 // by tenant ID
  CaselessMap<Subscription> subscriptions;                     // by subscription ID
  CaselessMap<UserAssignedIdentity> user_assigned_identities;  // by resource ID
  CaselessMap<IdentityRefusal> refused_identities;             // by resource ID
  CaselessMap<Machine> machines;                               // by resource ID
  std::map<std::string, Node, std::less<>> nodes;              // by node name
  CaselessMap<Application> applications;                       // by client ID
  std::map<std::string, RoleAssignment> role_assignments;      // by a name of the test's choice
  std::map<std::string, RoleAssignment> deny_assignments;
  CaselessMap<TokenResource> token_resources;  // by identifier URI without a trailing slash
  CaselessMap<Vault> vaults;                   // by host name
  Settings settings;
};

// The pieces of "/subscriptions/S/resourceGroups/G/providers/P/T/N"; nothing for any other shape.
struct ResourceId {
  std::string subscription_id;
  std::string resource_group;
  std::string provider;  // "Microsoft.Compute"
  std::string type;      // "virtualMachines"
  std::string name;
};
std::optional<ResourceId> parse_resource_id(std::string_view id);
bool is_scale_set(const ResourceId& id);
// With canonical spelling of the fixed parts.
std::string virtual_machine_id(std::string_view subscription, std::string_view group, std::string_view name);
std::string scale_set_id(std::string_view subscription, std::string_view group, std::string_view name);
std::string user_assigned_identity_id(std::string_view subscription, std::string_view group, std::string_view name);

// The tenant's ID for an ID or a domain.
std::optional<std::string> find_tenant(const World& world, std::string_view id_or_domain);
// Whether role assignments allow, and no deny assignment forbids, `action` at `scope`.
bool is_allowed(const World& world, std::string_view principal_id, std::string_view action, std::string_view scope);
// The token resource that `resource` (an identifier URI, with or without its trailing slash, or an app ID)
// names.
const TokenResource* find_token_resource(const World& world, std::string_view resource);
// The node that has this address.
const Node* find_node_by_address(const World& world, std::string_view address);

}  // namespace podid::lab::azure
