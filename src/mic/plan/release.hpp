// SPDX-License-Identifier: Apache-2.0
// Identities that an assignment has, or had, on a VM or scale set and that may have to come off.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/resources.hpp"
#include "mic/world/node_directory.hpp"

namespace podid::mic {

// On an assignment whose identity or node was replaced: what the former one left attached, as JSON. It goes when that is
// detached, so that a controller that ends in between leaks nothing.
inline constexpr std::string_view kPendingDetachAnnotation = "aadpodidentity.k8s.io/pending-detach";
// More replacements than this in a row, without a single answer from Azure, lose the oldest.
inline constexpr std::size_t kMaxPendingDetach = 16;

struct Release {
  std::string target;        // core::ComputeTarget::key()
  std::string identity;      // core::resource_id_key()
  core::ClientId client_id;  // as written in the AzureIdentity
  auto operator<=>(const Release&) const = default;
};

// From the annotation; entries that cannot be read are left out. And back: "" for none.
std::vector<Release> pending_releases(const core::AzureAssignedIdentity& assigned);
std::string pending_releases_text(const std::vector<Release>& releases);

// What the assignment itself has on Azure: nothing for other types than 0, for an Unassigned one, without a usable
// resource id, when nobody knows its VM or scale set any more, or when that was a VM and its node has gone (MIC-13).
std::optional<Release> own_release(const core::AzureAssignedIdentity& assigned, const NodeDirectory& nodes);

// The Azure resource that the assignment was made for: the one it names itself, else its node's.
std::optional<core::ComputeTarget> target_of(const core::AzureAssignedIdentity& assigned, const NodeDirectory& nodes);

}  // namespace podid::mic
