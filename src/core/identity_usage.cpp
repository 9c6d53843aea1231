// SPDX-License-Identifier: Apache-2.0
#include "core/identity_usage.hpp"

#include <algorithm>

#include "core/ascii.hpp"
#include "core/azure_ids.hpp"

namespace podid::core {
namespace {

using Users = std::map<std::string, std::set<AssignmentKey>, std::less<>>;

void remove_user(Users& users, const std::string& id, const AssignmentKey& key) {
  const auto it = users.find(id);
  if (it == users.end()) return;
  it->second.erase(key);
  if (it->second.empty()) users.erase(it);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

void IdentityUsage::set(const AssignmentKey& key, std::string_view target, const AzureIdentity& identity) {
  erase(key);
  if (!identity.user_assigned()) return;
  const Use use{std::string(target), resource_id_key(identity.resource_id), ascii_lower(identity.client_id)};
  Target& entry = targets_[use.target];
  entry.by_resource_id[use.resource_id].insert(key);
  if (!use.client_id.empty()) entry.by_client_id[use.client_id].insert(key);
  uses_.emplace(key, use);
}

void IdentityUsage::erase(const AssignmentKey& key) {
  const auto it = uses_.find(key);
  if (it == uses_.end()) return;
  const Use& use = it->second;
  const auto target = targets_.find(use.target);
  remove_user(target->second.by_resource_id, use.resource_id, key);
  remove_user(target->second.by_client_id, use.client_id, key);
  if (target->second.by_resource_id.empty()) targets_.erase(target);
  uses_.erase(it);
}

bool IdentityUsage::in_use(std::string_view target, const AssignmentKey& asking, const AzureIdentity& identity) const {
  const auto entry = targets_.find(target);
  if (entry == targets_.end()) return false;
  if (entry->second.by_resource_id.contains(resource_id_key(identity.resource_id))) return true;
  const auto users = entry->second.by_client_id.find(ascii_lower(identity.client_id));
  if (users == entry->second.by_client_id.end()) return false;
  return std::ranges::any_of(users->second, [&asking](const AssignmentKey& user) {
    return user.pod != asking.pod || user.pod_namespace != asking.pod_namespace;
  });
}

std::set<std::string> IdentityUsage::wanted(std::string_view target) const {
  std::set<std::string> ids;
  const auto entry = targets_.find(target);
  if (entry == targets_.end()) return ids;
  for (const auto& [id, users] : entry->second.by_resource_id) ids.insert(id);
  return ids;
}

ImmutableIdentities::ImmutableIdentities(std::span<const std::string> configured, std::string_view cluster_identity) {
  const auto insert = [this](std::string_view id) {
    if (const auto text = trimmed(id); !text.empty()) ids_.insert(ascii_lower(text));
  };
  for (const std::string& id : configured) insert(id);
  insert(cluster_identity);
}

bool ImmutableIdentities::contains(const AzureIdentity& identity) const {
  return ids_.contains(ascii_lower(identity.client_id)) || ids_.contains(resource_id_key(identity.resource_id));
}

void IdentityChanges::to_add(std::string_view resource_id) {
  const std::string id = resource_id_key(resource_id);
  remove.erase(id);
  add.insert(id);
}

void IdentityChanges::to_remove(std::string_view resource_id) {
  const std::string id = resource_id_key(resource_id);
  if (!add.contains(id)) remove.insert(id);
}

std::vector<IdentityChanges> in_batches(const IdentityChanges& changes, std::size_t most) {
  std::vector<IdentityChanges> batches;
  std::size_t in_last = most;
  const auto room = [&]() -> IdentityChanges& {
    if (in_last == most) {
      batches.emplace_back();
      in_last = 0;
    }
    ++in_last;
    return batches.back();
  };
  for (const std::string& id : changes.remove) room().remove.insert(id);
  for (const std::string& id : changes.add) room().add.insert(id);
  return batches;
}

}  // namespace podid::core
