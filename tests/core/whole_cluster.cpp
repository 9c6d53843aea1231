// SPDX-License-Identifier: Apache-2.0
#include "core/whole_cluster.hpp"

#include <algorithm>
#include <map>

namespace podid::test {

using core::AssignmentKey;
using core::AzureAssignedIdentity;
using core::ObjectKey;

std::vector<AzureAssignedIdentity> desired_assignments(std::span<const core::Pod> pods,
                                                       std::span<const core::AzureIdentityBinding> bindings,
                                                       std::span<const core::AzureIdentity> identities) {
  core::AssignmentRules rules{core::AssignmentOptions{}};
  for (const auto& binding : bindings) rules.put(binding);
  for (const auto& identity : identities) rules.put(identity);
  std::vector<core::AssignmentWarning> warnings;
  std::vector<AzureAssignedIdentity> desired;
  for (const auto& pod : pods) std::ranges::move(rules.desired_for(pod, warnings), std::back_inserter(desired));
  std::ranges::sort(desired, {}, core::key_of);
  return desired;
}

std::vector<core::Step> plan(std::span<const AzureAssignedIdentity> stored,
                             std::span<const AzureAssignedIdentity> desired) {
  struct Pair {
    std::vector<const AzureAssignedIdentity*> stored;
    const AzureAssignedIdentity* desired = nullptr;
  };
  std::map<AssignmentKey, Pair, core::OwnNamespaceFirst> pairs;
  std::map<ObjectKey, AssignmentKey> owners;
  for (const AzureAssignedIdentity& object : stored) {
    const AssignmentKey key = core::key_of(object);
    pairs[key].stored.push_back(&object);
    owners.emplace(object.meta.key(), key);
  }
  for (const AzureAssignedIdentity& object : desired) pairs[core::key_of(object)].desired = &object;

  std::vector<core::Step> steps;
  for (auto& [key, pair] : pairs) {
    const auto name_taken = [&owners, &key](const ObjectKey& name) {
      const auto owner = owners.find(name);
      return owner != owners.end() && owner->second != key;
    };
    for (core::Step& step : core::plan_key(key, pair.stored, pair.desired, name_taken)) {
      if (step.kind == core::StepKind::create) owners.emplace(step.after.meta.key(), key);
      steps.push_back(std::move(step));
    }
  }
  return steps;
}

}  // namespace podid::test
