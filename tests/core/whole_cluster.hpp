// SPDX-License-Identifier: Apache-2.0
// Desired state and plan of a whole small cluster at once: what the MIC does pod by pod.
#pragma once
#include <span>
#include <vector>

#include "core/desired.hpp"
#include "core/plan.hpp"

namespace podid::test {

// Sorted by key.
std::vector<core::AzureAssignedIdentity> desired_assignments(std::span<const core::Pod> pods,
                                                             std::span<const core::AzureIdentityBinding> bindings,
                                                             std::span<const core::AzureIdentity> identities);

// Steps for everything, in the order of the keys; a name that a step creates is taken for those after it.
std::vector<core::Step> plan(std::span<const core::AzureAssignedIdentity> stored,
                             std::span<const core::AzureAssignedIdentity> desired);

}  // namespace podid::test
