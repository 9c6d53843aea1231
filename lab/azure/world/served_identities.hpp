// SPDX-License-Identifier: Apache-2.0
// What IMDS serves on a machine: its identities, changes to them with a delay behind ARM.
#pragma once
#include <vector>

#include "base/clock.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

class ServedIdentities {
 public:
  // The machine's identity was `before` until now and stays so for IMDS until `when`.
  void change_at(const std::string& machine_id, const MachineIdentity& before, base::SteadyTime when,
                 const MachineIdentity& after);
  // Forgets what is still to come: IMDS follows the world at once (an update failed, or the world was rewritten).
  void cancel(const std::string& machine_id);

  // What IMDS serves at `now`.
  const MachineIdentity& at(const World& world, std::string_view machine_id, base::SteadyTime now);

 private:
  struct Change {
    base::SteadyTime when;
    MachineIdentity identity;
  };
  struct Pending {
    MachineIdentity current;
    std::vector<Change> changes;  // in order of time
  };
  CaselessMap<Pending> machines_;  // those with changes to come; the others are as the world says
};

}  // namespace podid::lab::azure
