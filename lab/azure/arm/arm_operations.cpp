// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/arm/arm_operations.hpp"

#include "base/text.hpp"

namespace podid::lab::azure {

void ArmOperations::finish_due() {
  const base::SteadyTime now = clock_.steady_now();
  for (auto& [id, operation] : operations_) {
    if (operation.finished || operation.finishes > now) continue;
    operation.finished = true;
    const auto machine = world_.machines.find(operation.machine_id);
    if (machine == world_.machines.end()) continue;
    machine->second.provisioning_state = operation.failure ? "Failed" : "Succeeded";
    if (operation.failure) {
      machine->second.identity = operation.before;
      served_.cancel(operation.machine_id);
    }
  }
}

bool ArmOperations::is_running(std::string_view machine_id) const {
  return std::ranges::any_of(operations_, [&](const auto& entry) {
    return !entry.second.finished && base::iequals(entry.second.machine_id, machine_id);
  });
}

std::string ArmOperations::start(const std::string& machine_id, MachineIdentity after) {
  const Settings& settings = world_.settings;
  Machine& machine = world_.machines.find(machine_id)->second;
  ArmOperation operation{.machine_id = machine_id,
                         .started = clock_.wall_now(),
                         .finishes = clock_.steady_now() + settings.operation_duration,
                         .finishes_wall = clock_.wall_now() + settings.operation_duration,
                         .finished = false,
                         .failure = std::nullopt,
                         .before = machine.identity};
  if (failures_left_ != 0) {
    if (failures_left_ > 0) --failures_left_;
    operation.failure = next_failure_;
  }
  served_.change_at(machine_id, machine.identity, operation.finishes + settings.propagation_delay, after);
  machine.identity = std::move(after);
  machine.provisioning_state = "Updating";
  std::string id = random_.uuid();
  operations_.emplace(id, std::move(operation));
  ids_.push_back(id);
  if (ids_.size() > kMaxOperations) {
    operations_.erase(ids_.front());
    ids_.pop_front();
  }
  return id;
}

const ArmOperation* ArmOperations::find(std::string_view id) const {
  const auto found = operations_.find(id);
  return found == operations_.end() ? nullptr : &found->second;
}

void ArmOperations::fail_next(std::int64_t count, OperationFailure failure) {
  failures_left_ = count;
  next_failure_ = std::move(failure);
}

}  // namespace podid::lab::azure
