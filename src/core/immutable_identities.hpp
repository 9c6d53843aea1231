// SPDX-License-Identifier: Apache-2.0
// Identities that are never taken off a VM or scale set (mic.md §6.4, MIC-18).
#pragma once
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "core/model/resources.hpp"

namespace podid::core {

// --immutable-user-msis (client IDs or resource IDs) and the cluster's own identity: attached normally, never detached.
// A value; replaced whole when the configuration is read again.
class ImmutableIdentities {
 public:
  ImmutableIdentities() = default;
  // Items are trimmed; empty ones are dropped. Comparison is without regard to case.
  ImmutableIdentities(std::span<const std::string> configured, std::string_view cluster_identity);
  bool contains(const AzureIdentity& identity) const;

 private:
  std::set<std::string, std::less<>> ids_;
};

}  // namespace podid::core
