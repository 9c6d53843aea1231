// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/world/world.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace podid::lab::azure {
namespace {

// One '*' at most in patterns that people write; more are handled all the same.
bool matches_pattern(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return base::iequals(pattern, text);
  if (!base::istarts_with(text, pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t from = star; from <= text.size(); ++from) {
    if (matches_pattern(rest, text.substr(from))) return true;
  }
  return false;
}

bool is_within(std::string_view scope, std::string_view id) {
  while (scope.ends_with('/')) scope.remove_suffix(1);
  return base::istarts_with(id, scope) && (id.size() == scope.size() || id[scope.size()] == '/');
}

bool any_covers(const std::map<std::string, RoleAssignment>& assignments, std::string_view principal_id,
                std::string_view action, std::string_view scope) {
  for (const auto& [name, assignment] : assignments) {
    if (!base::iequals(assignment.principal_id, principal_id) || !is_within(assignment.scope, scope)) continue;
    for (const std::string& pattern : assignment.actions) {
      if (matches_pattern(pattern, action)) return true;
    }
  }
  return false;
}

std::string resource_id(std::string_view subscription, std::string_view group, std::string_view type,
                        std::string_view name) {
  return fmt::format("/subscriptions/{}/resourceGroups/{}/providers/{}/{}", subscription, group, type, name);
}

}  // namespace

std::optional<ResourceId> parse_resource_id(std::string_view id) {
  const std::vector<std::string_view> parts = base::split(id, '/');
  // "", subscriptions, S, resourceGroups, G, providers, P, T, N
  if (parts.size() != 9 || !parts[0].empty() || !base::iequals(parts[1], "subscriptions") ||
      !base::iequals(parts[3], "resourceGroups") || !base::iequals(parts[5], "providers")) {
    return std::nullopt;
  }
  if (std::any_of(parts.begin() + 1, parts.end(), [](std::string_view part) { return part.empty(); })) {
    return std::nullopt;
  }
  return ResourceId{.subscription_id = std::string(parts[2]),
                    .resource_group = std::string(parts[4]),
                    .provider = std::string(parts[6]),
                    .type = std::string(parts[7]),
                    .name = std::string(parts[8])};
}

bool is_scale_set(const ResourceId& id) { return base::iequals(id.type, "virtualMachineScaleSets"); }

std::string virtual_machine_id(std::string_view subscription, std::string_view group, std::string_view name) {
  return resource_id(subscription, group, "Microsoft.Compute/virtualMachines", name);
}

std::string scale_set_id(std::string_view subscription, std::string_view group, std::string_view name) {
  return resource_id(subscription, group, "Microsoft.Compute/virtualMachineScaleSets", name);
}

std::string user_assigned_identity_id(std::string_view subscription, std::string_view group, std::string_view name) {
  return resource_id(subscription, group, "Microsoft.ManagedIdentity/userAssignedIdentities", name);
}

std::optional<std::string> find_tenant(const World& world, std::string_view id_or_domain) {
  for (const auto& [id, tenant] : world.tenants) {
    if (base::iequals(id, id_or_domain) || base::iequals(tenant.domain, id_or_domain)) return id;
  }
  return std::nullopt;
}

bool is_allowed(const World& world, std::string_view principal_id, std::string_view action, std::string_view scope) {
  return any_covers(world.role_assignments, principal_id, action, scope) &&
         !any_covers(world.deny_assignments, principal_id, action, scope);
}

const TokenResource* find_token_resource(const World& world, std::string_view resource) {
  std::string_view uri = resource;
  if (uri.ends_with('/')) uri.remove_suffix(1);
  if (const auto found = world.token_resources.find(uri); found != world.token_resources.end()) {
    return &found->second;
  }
  for (const auto& [name, candidate] : world.token_resources) {
    if (!candidate.app_id.empty() && base::iequals(candidate.app_id, resource)) return &candidate;
  }
  return nullptr;
}

const Node* find_node_by_address(const World& world, std::string_view address) {
  for (const auto& [name, node] : world.nodes) {
    if (std::ranges::find(node.addresses, address) != node.addresses.end()) return &node;
  }
  return nullptr;
}

}  // namespace podid::lab::azure
