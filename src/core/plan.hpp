// SPDX-License-Identifier: Apache-2.0
// From the assignments that exist to those that should: steps as values, applied by the MIC (mic.md §4.3,
// §4.4 with MIC-11, MIC-12, MIC-27 and MIC-29). Pure.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/model/naming.hpp"
#include "core/model/resources.hpp"

namespace podid::core {

enum class StepKind : std::uint8_t {
  create,    // POST `after`; attach; Assigned
  replace,   // PUT `after` over `before`; attach the new identity, detach the old one; Assigned
  confirm,   // the stored object is as desired, but not yet Assigned: attach; Assigned. Nothing to write before Azure
  remove,    // detach; Unassigned; delete `before`
  recreate,  // `before` is on its way out (Unassigned or being deleted): finish its removal, then as create
};

struct Step {
  StepKind kind;
  AssignmentKey key;
  AzureAssignedIdentity before;  // the stored object; empty for create
  AzureAssignedIdentity after;  // the object as it should be, status Created; empty for remove; for confirm as `before`
  bool operator==(const Step&) const = default;
};

// The stored object needs no write: same identity and binding (names, uids where both are known, and what is read of
// their specs), pod, node and namespace; the pod uid, where the stored object names one; label, finalizer and a valid
// name are in place.
bool matches(const AzureAssignedIdentity& stored, const AzureAssignedIdentity& desired);

// Steps for one key: `stored` are all objects of that key (normally none or one), `desired` is null when
// there should be none. `name_taken` tells whether another key's object has that name (API-3). An up-to-date
// object gives no step.
std::vector<Step> plan_key(const AssignmentKey& key, std::span<const AzureAssignedIdentity* const> stored,
                           const AzureAssignedIdentity* desired,
                           const std::function<bool(const ObjectKey&)>& name_taken);

}  // namespace podid::core
