// SPDX-License-Identifier: Apache-2.0
// ARM's asynchronous operations on machines: they take their time on the simulator's clock and end without a timer of
// their own, the next time that someone looks.
#pragma once
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "lab/azure/world/served_identities.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

struct OperationFailure {
  std::string code;
  std::string message;
};

struct ArmOperation {
  std::string machine_id;
  base::WallTime started;
  base::SteadyTime finishes;
  base::WallTime finishes_wall;
  bool finished = false;
  std::optional<OperationFailure> failure;  // how it ends, when not well
  MachineIdentity before;                   // what a failure goes back to
};

class ArmOperations {
 public:
  ArmOperations(World& world, ServedIdentities& served, base::Clock& clock, base::Random& random)
      : world_(world), served_(served), clock_(clock), random_(random) {}

  // Ends what is due. Call before looking at the world or at an operation.
  void finish_due();
  bool is_running(std::string_view machine_id) const;
  // Puts `after` onto the machine and returns the operation's ID.
  std::string start(const std::string& machine_id, MachineIdentity after);
  const ArmOperation* find(std::string_view id) const;
  void fail_next(std::int64_t count, OperationFailure failure);

 private:
  static constexpr std::size_t kMaxOperations = 10'000;

  World& world_;
  ServedIdentities& served_;
  base::Clock& clock_;
  base::Random& random_;
  std::map<std::string, ArmOperation, std::less<>> operations_;
  std::deque<std::string> ids_;  // oldest first
  std::int64_t failures_left_ = 0;
  OperationFailure next_failure_;
};

}  // namespace podid::lab::azure
