// SPDX-License-Identifier: Apache-2.0
// When an identity may be taken off a VM or scale set (mic.md §6.3, §6.4 with MIC-9, MIC-10, MIC-14, MIC-15,
// MIC-18).
#pragma once
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/naming.hpp"
#include "core/resources.hpp"

namespace podid::core {

// Which desired assignments use which identity on which Azure resource (ComputeTarget::key()). Not
// thread-safe.
class IdentityUsage {
 public:
  // The assignment uses `identity` on `target`, and nothing else any more. Identities other than type 0 use
  // nothing.
  void set(const AssignmentKey& key, std::string_view target, const AzureIdentity& identity);
  void erase(const AssignmentKey& key);

  // Whether any assignment still needs `identity` on `target`: by resource ID; as a second safety, by the
  // client ID of another pod's assignment.
  bool in_use(std::string_view target, const AssignmentKey& asking, const AzureIdentity& identity) const;
  // The resource IDs (lower case) that should be on `target`.
  std::set<std::string> wanted(std::string_view target) const;

 private:
  struct Use {
    std::string target;
    std::string resource_id;
    std::string client_id;
  };
  struct Target {
    std::map<std::string, std::set<AssignmentKey>, std::less<>> by_resource_id;
    std::map<std::string, std::set<AssignmentKey>, std::less<>> by_client_id;
  };
  std::map<AssignmentKey, Use> uses_;
  std::map<std::string, Target, std::less<>> targets_;
};

// Identities that are attached normally and never detached: --immutable-user-msis (client IDs or resource
// IDs) and the cluster's own identity. A value; replaced whole when the configuration is read again.
class ImmutableIdentities {
 public:
  ImmutableIdentities() = default;
  // Items are trimmed; empty ones are dropped.
  ImmutableIdentities(std::span<const std::string> configured, std::string_view cluster_identity);
  bool contains(const AzureIdentity& identity) const;

 private:
  std::set<std::string, std::less<>> ids_;
};

// What to do to one Azure resource; ids in lower case. An id that is both added and removed is added
// (MIC-15).
struct IdentityChanges {
  std::set<std::string> add;
  std::set<std::string> remove;

  void to_add(std::string_view resource_id);
  void to_remove(std::string_view resource_id);
  bool empty() const { return add.empty() && remove.empty(); }
  bool operator==(const IdentityChanges&) const = default;
};

// ARM's limit of identities in one PATCH.
inline constexpr std::size_t kMostChangesPerPatch = 150;
// The changes in PATCH-sized parts, each id in exactly one: removals first, then in order of the ids
// (MIC-14).
std::vector<IdentityChanges> in_batches(const IdentityChanges& changes, std::size_t most = kMostChangesPerPatch);

}  // namespace podid::core
