// SPDX-License-Identifier: Apache-2.0
#include "azure/identity_patch.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "base/text.hpp"

namespace podid::azure {
namespace {

using IdSet = std::set<std::string, std::less<>>;

IdSet lower_case_set(const std::vector<std::string>& ids) {
  IdSet set;
  for (const std::string& id : ids) set.insert(base::to_lower(id));
  return set;
}

// The type of a resource that keeps its system-assigned identity, if it has one (MIC-1).
IdentityType type_with(IdentityType current, bool has_user_assigned) {
  const bool system = current == IdentityType::system || current == IdentityType::system_and_user;
  if (has_user_assigned) return system ? IdentityType::system_and_user : IdentityType::user;
  return system ? IdentityType::system : IdentityType::none;
}

}  // namespace

std::string IdentityPatch::body() const {
  boost::json::object identity;
  identity["type"] = to_string(type);
  if (type == IdentityType::user || type == IdentityType::system_and_user) {
    boost::json::object map;
    for (const std::string& id : remove) map[id] = nullptr;
    for (const std::string& id : add) map[id] = boost::json::object();
    identity["userAssignedIdentities"] = std::move(map);
  }
  boost::json::object body;
  body["identity"] = std::move(identity);
  return boost::json::serialize(body);
}

IdentityState apply(IdentityState state, const IdentityPatch& patch) {
  for (const std::string& id : patch.remove) state.user_assigned.erase(id);
  for (const std::string& id : patch.add) state.user_assigned.try_emplace(id);
  state.type = patch.type;
  state.type_text = to_string(patch.type);
  return state;
}

base::Result<std::vector<IdentityPatch>> plan_patches(const IdentityState& state, const IdentityChange& change) {
  if (state.type == IdentityType::unknown) {
    return base::fail(
        base::ErrorKind::unsupported,
        fmt::format("the resource's identity type \"{}\" is unknown; it is left as it is", state.type_text));
  }
  const IdSet wanted = lower_case_set(change.add);
  IdSet remove;
  for (const std::string& id : lower_case_set(change.remove)) {
    if (!wanted.contains(id) && state.has(id)) remove.insert(id);
  }
  IdSet add;
  for (const std::string& id : wanted) {
    if (!state.has(id)) add.insert(id);
  }

  std::vector<IdentityPatch> plan;
  if (remove.empty() && add.empty()) return plan;
  if (add.empty() && remove.size() == state.user_assigned.size()) {
    // Nothing stays: the type alone says so, whatever the number.
    plan.push_back({.type = type_with(state.type, false), .remove = {remove.begin(), remove.end()}, .add = {}});
    return plan;
  }
  std::size_t attached = state.user_assigned.size();
  auto next_remove = remove.begin();
  auto next_add = add.begin();
  while (next_remove != remove.end() || next_add != add.end()) {
    IdentityPatch patch;
    for (; next_remove != remove.end() && patch.remove.size() < kMaxIdentitiesPerPatch; ++next_remove) {
      patch.remove.push_back(*next_remove);
    }
    for (; next_add != add.end() && patch.remove.size() + patch.add.size() < kMaxIdentitiesPerPatch; ++next_add) {
      patch.add.push_back(*next_add);
    }
    attached += patch.add.size();
    attached -= patch.remove.size();
    patch.type = type_with(state.type, attached != 0);
    plan.push_back(std::move(patch));
  }
  return plan;
}

}  // namespace podid::azure
