// SPDX-License-Identifier: Apache-2.0
// Everything the request path knows about the cluster, at one moment.
#pragma once
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "core/access/binding_access.hpp"
#include "core/decide.hpp"
#include "core/identity_policy.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"
#include "core/serving.hpp"
#include "nmi/pods/address.hpp"
#include "nmi/token/credential.hpp"

namespace podid::nmi {

using CredentialPtr = std::shared_ptr<const Credential>;

// Identities with what each needs for its tokens.
using Credentials = std::vector<std::pair<const core::AzureIdentity*, CredentialPtr>>;

// A limited binding that selects the pod, as decide() names it (core::AccessOfBinding::binding).
struct LimitedBinding {
  const core::AzureIdentityBinding* binding = nullptr;
  core::BindingAccess access;
};

// Managed mode: the bindings and identities of one namespace.
struct NamespaceObjects {
  std::vector<std::shared_ptr<const core::AzureIdentityBinding>> owned_bindings;
  std::vector<std::shared_ptr<const core::AzureIdentity>> owned_identities;
  std::vector<const core::AzureIdentityBinding*> bindings;
  std::vector<const core::AzureIdentity*> identities;
  Credentials credentials;
};

// One pod of this node with what belongs to it. Immutable, and kept from snapshot to snapshot while nothing about it
// changes: two entries of one pod are equal exactly when they are the same object.
struct PodEntry {
  std::shared_ptr<const core::Pod> pod;
  core::ServingTerms serving;  // of requests from its address
  // Standard mode: the assignments of this pod.
  std::vector<std::shared_ptr<const core::AzureAssignedIdentity>> owned_assigned;
  std::vector<const core::AzureAssignedIdentity*> assigned;
  std::vector<core::DoubtedAssignment> doubts;  // of these: DecisionInput::doubts
  std::vector<LimitedBinding> limited;
  Credentials credentials;
  // Managed mode; else null.
  std::shared_ptr<const NamespaceObjects> objects;
  bool unread = false;  // `objects` is not what there is: the API server has not told all of it yet

  // What `limited` say at `now`, into `out`, instead of what is there: DecisionInput::access, in this entry's keeping.
  void access_at(base::WallTime now, std::vector<core::AccessOfBinding>& out) const;
  // Of an identity that decide() granted on this entry.
  CredentialPtr credential_of(const core::AzureIdentity* identity) const;
};
using PodEntryPtr = std::shared_ptr<const PodEntry>;

enum class Whose {
  nobody,     // no pod of this node has the address
  pod,        // exactly one has
  ambiguous,  // several claim it: none of them is served
};

struct PodAtAddress {
  Whose whose = Whose::nobody;
  PodEntryPtr entry;                   // of `pod`
  std::vector<std::string> claimants;  // of `ambiguous`: "ns/name"
};

// A pod without an assignment, as far as bindings go by it.
struct LookKey {
  std::string ns;
  std::string label;  // its binding label
  auto operator<=>(const LookKey&) const = default;
};
// A look that is older is followed by another,
inline constexpr std::chrono::seconds kLookAge{2};
// and believed so much longer while that is on its way, but for what refuses at once.
inline constexpr std::chrono::seconds kLookGrace{2};
// What was bound to such a pod: all bindings with the label, those of its namespace last, and the identities that they name.
struct Look : NamespaceObjects {
  base::SteadyTime at{};
};
using Looks = std::map<LookKey, std::shared_ptr<const Look>>;

class Snapshot {
 public:
  // True once every cache has been filled.
  bool complete() const { return complete_; }
  // A pod of this node is being started: the kubelet has told no address of it yet.
  bool awaits_address() const { return awaits_address_; }
  // Never null. Valid while the snapshot lives.
  const PodAtAddress& at(const AddressKey& address) const;
  // Null when the node has no such pod.
  const PodEntryPtr& named(std::string_view ns, std::string_view name) const;
  std::size_t pods() const { return by_name_.size(); }
  // Null with --identity-policy=off. Valid while the snapshot lives.
  const core::IdentityPermissions* permissions() const { return permissions_.get(); }
  // Of a pod that has asked lately and had no assignment; null: there was none. Valid while the snapshot lives.
  const Look* look(const LookKey& key) const {
    if (!looks_) return nullptr;
    const auto found = looks_->find(key);
    return found == looks_->end() ? nullptr : found->second.get();
  }
  // Whether `matches(pod)` for a pod of this node. Looks at each.
  template <class Matches>
  bool has_pod(const Matches& matches) const {
    return std::ranges::any_of(by_name_, [&matches](const auto& named) { return matches(*named.second->pod); });
  }

 private:
  friend class SnapshotBuilder;
  bool complete_ = false;
  std::shared_ptr<const core::IdentityPermissions> permissions_;
  std::shared_ptr<const Looks> looks_;
  bool awaits_address_ = false;
  std::unordered_map<AddressKey, PodAtAddress, AddressHash> by_address_;
  std::unordered_map<std::string, PodEntryPtr> by_name_;  // "ns/name"
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace podid::nmi
