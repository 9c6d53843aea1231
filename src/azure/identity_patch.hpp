// SPDX-License-Identifier: Apache-2.0
// Which PATCH requests turn one identity state into another: pure (mic.md §7.3, MIC-1, MIC-14, MIC-15).
#pragma once
#include <cstddef>
#include <string>
#include <vector>

#include "azure/azure_resource.hpp"
#include "base/error.hpp"

namespace podid::azure {

inline constexpr std::size_t kMaxIdentitiesPerPatch = 150;

// One PATCH. Ids in lower case and sorted; each id is in exactly one step of a plan.
struct IdentityPatch {
  IdentityType type = IdentityType::none;  // after this step
  std::vector<std::string> remove;
  std::vector<std::string> add;

  // The request body. Without a user-assigned identity afterwards the map is left out: the type says it all.
  std::string body() const;
};

// The steps that apply `change` to a resource in `state`, removals first; none when nothing would differ.
// Identities that the change does not name are left alone and a system-assigned identity is never removed.
// `unsupported` for a resource whose identity type is unknown.
base::Result<std::vector<IdentityPatch>> plan_patches(const IdentityState& state, const IdentityChange& change);

// The state after `patch`, as far as it is known without asking (client ids of added identities are empty).
IdentityState apply(IdentityState state, const IdentityPatch& patch);

}  // namespace podid::azure
