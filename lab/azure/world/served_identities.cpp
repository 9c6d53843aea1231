// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/world/served_identities.hpp"

namespace podid::lab::azure {

void ServedIdentities::change_at(const std::string& machine_id, const MachineIdentity& before, base::SteadyTime when,
                                 const MachineIdentity& after) {
  const auto [entry, added] = machines_.try_emplace(machine_id);
  if (added) entry->second.current = before;
  entry->second.changes.push_back({.when = when, .identity = after});
}

void ServedIdentities::cancel(const std::string& machine_id) { machines_.erase(machine_id); }

const MachineIdentity& ServedIdentities::at(const World& world, std::string_view machine_id, base::SteadyTime now) {
  static const MachineIdentity kNone;
  const auto machine = world.machines.find(machine_id);
  if (machine == world.machines.end()) return kNone;
  const auto entry = machines_.find(machine_id);
  if (entry == machines_.end()) return machine->second.identity;
  Pending& pending = entry->second;
  while (!pending.changes.empty() && pending.changes.front().when <= now) {
    pending.current = std::move(pending.changes.front().identity);
    pending.changes.erase(pending.changes.begin());
  }
  if (!pending.changes.empty()) return pending.current;
  machines_.erase(entry);
  return machine->second.identity;
}

}  // namespace podid::lab::azure
