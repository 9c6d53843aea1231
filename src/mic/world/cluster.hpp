// SPDX-License-Identifier: Apache-2.0
// Pods, bindings, identities and nodes as the watches tell them, with the indexes that say whom a change concerns (MIC-2).
#pragma once
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/desired.hpp"
#include "core/identity_policy.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"
#include "mic/world/access_book.hpp"
#include "mic/world/binding_terms.hpp"
#include "mic/world/key_index.hpp"
#include "mic/world/node_directory.hpp"

namespace podid::mic {

// Keys of pods ("ns/name") that may have to be planned anew.
using PodKeys = std::vector<std::string>;

// Each change answers whom it concerns; changes of fields that no rule reads concern nobody. Not thread-safe.
class Cluster {
 public:
  explicit Cluster(core::AssignmentOptions options, AccessTiming timing = {}, core::ZoneLookup zones = {});
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  PodKeys put(std::shared_ptr<const core::Pod> pod);
  PodKeys erase_pod(const core::ObjectKey& key);
  PodKeys put(core::AzureIdentityBinding binding);
  PodKeys erase_binding(const core::ObjectKey& key);
  PodKeys put(core::AzureIdentity identity);
  PodKeys erase_identity(const core::ObjectKey& key);
  // Of use with --identity-policy=enforce alone. Null: there is none. `problem`: of one that cannot be read.
  PodKeys put(std::shared_ptr<const core::IdentityPolicy> policy);
  PodKeys put_unreadable_policy(std::string problem);
  PodKeys put(core::PolicyLabels labels);
  PodKeys erase_namespace(const std::string& name);
  PodKeys put(const core::ObjectKey& config_map, ConfigMapTexts texts) {
    return renew(terms_.put(config_map, std::move(texts)));
  }
  PodKeys put(core::AzureIdentityGrant grant) { return renew(terms_.put(std::move(grant))); }
  PodKeys put(core::AzureIdentityGrantApproval approval) { return renew(terms_.put(std::move(approval))); }
  PodKeys put(core::GrantPolicies policies) { return renew(terms_.put(std::move(policies))); }
  PodKeys erase_grant(const core::ObjectKey& key) { return renew(terms_.erase_grant(key)); }
  PodKeys erase(const core::AzureIdentityGrantApproval& approval) { return renew(terms_.erase_approval(approval)); }

  // It is `now` by the clock on the wall. Bindings: those of which access().moment() may be another.
  struct AccessChanges {
    PodKeys pods;
    std::vector<core::ObjectKey> bindings;
  };
  AccessChanges advance(core::Instant now);
  const AccessBook& access() const { return access_; }
  const BindingTerms& terms() const { return terms_; }
  const core::AzureIdentityBinding* find_binding(const core::ObjectKey& key) const { return rules_.find_binding(key); }

  // What the pod should have; nothing for a pod that is not there.
  std::vector<core::AzureAssignedIdentity> desired_for(const std::string& pod,
                                                       std::vector<core::AssignmentWarning>& warnings) const;
  const core::Pod* find_pod(const std::string& key) const;
  PodKeys all_pods() const;
  PodKeys pods_on(const std::string& node) const;
  const NodeDirectory& nodes() const { return nodes_; }
  NodeDirectory& nodes() { return nodes_; }

 private:
  void append(PodKeys& keys, const KeyIndex::Keys& more) const { keys.insert(keys.end(), more.begin(), more.end()); }
  // Bindings of which terms_ says something else.
  PodKeys renew(const std::vector<core::ObjectKey>& bindings);
  void put_access(const core::AzureIdentityBinding& binding);
  PodKeys with_selectors(const std::set<std::string>& selectors) const;
  // Of its labels: its own pods, and those that its bindings select.
  PodKeys concerned_by_namespace(const std::string& name) const;

  const AccessTiming timing_;
  BindingTerms terms_;
  AccessBook access_;
  core::AssignmentRules rules_;
  NodeDirectory nodes_;
  std::unordered_map<std::string, std::shared_ptr<const core::Pod>> pods_;  // shared with the cache that feeds us
  KeyIndex by_label_;
  KeyIndex by_node_;
};

}  // namespace podid::mic
