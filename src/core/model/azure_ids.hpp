// SPDX-License-Identifier: Apache-2.0
// Names that Azure gives: resource IDs of identities, provider IDs of nodes. Azure compares all of them
// without regard to case; so do we.
#pragma once
#include <string>
#include <string_view>

#include "core/model/ids.hpp"
#include "core/model/invalid.hpp"
#include "core/model/node.hpp"

namespace podid::core {

// Without the blanks around it and one slash at its end, which people write and Azure does not accept.
std::string_view trimmed_resource_id(std::string_view id);
// Exactly "/subscriptions/S/resourceGroups/G/providers/Microsoft.ManagedIdentity/userAssignedIdentities/N" in any case,
// where S, G and N consist of what Azure allows in names and are no dot segments: nothing else may reach Azure, where
// one malformed ID makes it refuse those beside it (SEC-4; api.md §2.2 has the laxer rule of aad-pod-identity).
bool is_valid_identity_resource_id(ResourceIdView id);
// Whether it may be S, G or N of that form.
bool is_azure_name(std::string_view text);
// aad-pod-identity's error text for an id that fails the rule.
std::string invalid_resource_id_text(ResourceIdView id);
// What identities are compared, counted and merged by (MIC-10, MIC-15).
std::string resource_id_key(ResourceIdView id);

// A node's provider ID taken apart; the parts keep their case. For a scale-set instance `name` is the scale
// set (mic.md §5.1).
struct ProviderId {
  std::string subscription;
  std::string resource_group;
  std::string provider;
  std::string type;
  std::string name;
  bool operator==(const ProviderId&) const = default;
};
// Each segment from "subscriptions" on consists of what Azure allows in names and is no dot segment.
Read<ProviderId> parse_provider_id(std::string_view id);

enum class ComputeKind { virtual_machine, scale_set };

// The Azure resource on which the identities of a node's pods are. Nodes of one scale set share one.
struct ComputeTarget {
  ComputeKind kind = ComputeKind::virtual_machine;
  std::string subscription;
  std::string resource_group;
  std::string name;

  // The full ARM id in lower case (MIC-17): equal for equal resources and only for those.
  std::string key() const;
  bool operator==(const ComputeTarget&) const = default;
};

// Where a node's provider ID is empty, subscription and group of the configuration and the node's name stand
// in.
struct ComputeDefaults {
  std::string subscription;
  std::string resource_group;
};
Read<ComputeTarget> compute_target(const Node& node, const ComputeDefaults& defaults);
// From a key made earlier (kept on an assignment whose node has gone, MIC-13).
Read<ComputeTarget> compute_target_from_key(std::string_view key);

}  // namespace podid::core
