// SPDX-License-Identifier: Apache-2.0
// Which assignments should exist (mic.md §4.2). Pure: the same objects give the same result in whatever order
// they came.
#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/identity_policy.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"

namespace podid::core {

// So many identities of one namespace does a pod get at most: who may create identities and bindings there must not keep
// the controller and Azure busy with any number of them (SEC-4).
inline constexpr std::size_t kMaxAssignmentsPerPod = 64;

struct AssignmentOptions {
  NamespacedMode namespaced = NamespacedMode::off;
  bool keep_finished_pods = false;  // --keep-identity-for-finished-pods (MIC-21)
  IdentityPolicyMode policy = IdentityPolicyMode::off;
};

// Something a person should know, about one object.
struct AssignmentWarning {
  enum class Kind {
    invalid_resource_id,  // an AzureIdentity is left out
    too_many_for_pod,     // an AzureIdentity is left out, with all of its namespace that would come after it
    binding_shadowed,     // an AzureIdentityBinding of another namespace than the pod's, whose own ones come first
    identity_denied,      // an AzureIdentity that the policy does not let be used
    binding_denied,       // an AzureIdentityBinding of such a one
  };
  Kind kind;
  ObjectKey object;
  std::string uid;
  std::string text;
  bool operator==(const AssignmentWarning&) const = default;
};

// What a binding's spec.access makes of one pod's assignment at the moment.
struct AssignmentAccess {
  std::string closed;    // not empty: it stays Created, its identity off the machine; kAccessAnnotation says this
  std::string holidays;  // of kHolidaysAnnotation
};
// Asked for bindings with spec.access alone.
using AccessOf = std::function<AssignmentAccess(const AzureIdentityBinding& binding, const Pod& pod)>;

// Whether the assignment, as it should be, is to stay Created.
bool is_held(const AzureAssignedIdentity& desired);

// The bindings and identities of the cluster, indexed, kept up to date one object at a time. Not thread-safe.
class AssignmentRules {
 public:
  // Without `access` no assignment is held.
  explicit AssignmentRules(AssignmentOptions options, AccessOf access = {})
      : options_(options), access_(std::move(access)) {}
  // Of use with --identity-policy=enforce alone.
  IdentityPermissions& permissions() { return permissions_; }
  const IdentityPermissions& permissions() const { return permissions_; }

  // Insert or replace.
  void put(AzureIdentityBinding binding);
  void put(AzureIdentity identity);
  void erase_binding(const ObjectKey& key);
  void erase_identity(const ObjectKey& key);
  const AzureIdentityBinding* find_binding(const ObjectKey& key) const;
  const AzureIdentity* find_identity(const ObjectKey& key) const;

  // The assignments that the pod should have: one per identity, those of the pod's own namespace first, then in the order
  // of their bindings; of several bindings of one identity the first that is not limited, else the first that is not held. Objects as they are created (status Created), named by the plain rule; plan_key() renames where
  // a name is taken. None for a pod without node or label, or a finished one. Warnings are added to `warnings`.
  std::vector<AzureAssignedIdentity> desired_for(const Pod& pod, std::vector<AssignmentWarning>& warnings) const;

  // The label values of the pods whose assignments an identity, or a binding of a namespace, takes part in.
  std::set<std::string> selectors_using(const ObjectKey& identity) const;
  std::set<std::string> selectors_of(std::string_view ns) const;

 private:
  // By the policy.
  PolicyVerdict judge(const AzureIdentityBinding& binding, const AzureIdentity& identity, const Pod& pod) const;
  void warn_denied(const AzureIdentityBinding& binding, const AzureIdentity& identity, const Pod& pod,
                   std::vector<AssignmentWarning>& warnings) const;

  AssignmentOptions options_;
  AccessOf access_;
  IdentityPermissions permissions_;
  std::map<ObjectKey, AzureIdentityBinding> bindings_;
  std::map<std::string, std::set<ObjectKey>, std::less<>> by_selector_;
  std::map<ObjectKey, AzureIdentity> identities_;
};

}  // namespace podid::core
