// SPDX-License-Identifier: Apache-2.0
#include "core/desired.hpp"

#include <algorithm>

#include "core/azure_ids.hpp"
#include "core/matching.hpp"
#include "core/naming.hpp"

namespace podid::core {
namespace {

AzureAssignedIdentity make_assignment(const Pod& pod, const AzureIdentity& identity,
                                      const AzureIdentityBinding& binding, const AssignmentOptions& options) {
  AzureAssignedIdentity made;
  made.meta.name = assigned_identity_name({pod.ns, pod.name, identity.meta.name});
  made.meta.ns = assignment_namespace(identity, options.namespaced);
  made.meta.labels.emplace(kNodeNameLabel, node_label_value(pod.node_name));
  if (!pod.uid.empty()) made.meta.annotations.emplace(kPodUidAnnotation, pod.uid);
  made.meta.finalizers.emplace_back(kAssignedIdentityFinalizer);
  made.identity = copied(identity);
  made.binding = copied(binding);
  made.pod = pod.name;
  made.pod_namespace = pod.ns;
  made.node_name = pod.node_name;
  made.status = kCreated;
  made.available_replicas = 1;
  return made;
}

}  // namespace

void AssignmentRules::put(AzureIdentityBinding binding) {
  const ObjectKey key = binding.meta.key();
  erase_binding(key);
  by_selector_[binding.selector].insert(key);
  bindings_.emplace(key, std::move(binding));
}

void AssignmentRules::put(AzureIdentity identity) {
  const ObjectKey key = identity.meta.key();
  identities_.insert_or_assign(key, std::move(identity));
}

void AssignmentRules::erase_binding(const ObjectKey& key) {
  const auto it = bindings_.find(key);
  if (it == bindings_.end()) return;
  const auto selector = by_selector_.find(it->second.selector);
  selector->second.erase(key);
  if (selector->second.empty()) by_selector_.erase(selector);
  bindings_.erase(it);
}

void AssignmentRules::erase_identity(const ObjectKey& key) { identities_.erase(key); }

const AzureIdentityBinding* AssignmentRules::find_binding(const ObjectKey& key) const {
  const auto it = bindings_.find(key);
  return it == bindings_.end() ? nullptr : &it->second;
}

const AzureIdentity* AssignmentRules::find_identity(const ObjectKey& key) const {
  const auto it = identities_.find(key);
  return it == identities_.end() ? nullptr : &it->second;
}

std::vector<AzureAssignedIdentity> AssignmentRules::desired_for(const Pod& pod,
                                                                std::vector<AssignmentWarning>& warnings) const {
  std::vector<AzureAssignedIdentity> desired;
  const std::string_view label = pod.binding_label();
  if (label.empty() || pod.node_name.empty()) return desired;
  if (pod.finished() && !options_.keep_finished_pods) return desired;
  const auto matching = by_selector_.find(label);
  if (matching == by_selector_.end()) return desired;

  for (const ObjectKey& binding_key : matching->second) {
    const AzureIdentityBinding& binding = bindings_.at(binding_key);
    const AzureIdentity* identity = find_identity({binding.meta.ns, binding.azure_identity});
    if (identity == nullptr) continue;
    if (!namespaces_allow(*identity, binding.meta.ns, pod.ns, options_.namespaced)) continue;
    if (identity->user_assigned() && !is_valid_identity_resource_id(identity->resource_id)) {
      warnings.push_back({AssignmentWarning::Kind::invalid_resource_id, identity->meta.key(),
                          "ignoring azure identity " + identity->meta.key().text() +
                              ", error: " + invalid_resource_id_text(identity->resource_id)});
      continue;
    }
    const auto earlier = std::ranges::find(desired, identity->meta.name,
                                           [](const AzureAssignedIdentity& made) { return made.identity.meta.name; });
    if (earlier == desired.end()) {
      desired.push_back(make_assignment(pod, *identity, binding, options_));
    } else if (earlier->identity.meta.ns != identity->meta.ns) {
      const std::string& name = identity->meta.name;
      const std::string& kept = earlier->identity.meta.ns;
      warnings.push_back({AssignmentWarning::Kind::identity_in_two_namespaces, identity->meta.key(),
                          "AzureIdentity " + name + " exists in both " + kept + " and " + identity->meta.ns +
                              " namespace. Pod " + pod.key().text() + " gets the one of " + kept +
                              "; give one of them another name"});
    }
  }
  return desired;
}

std::set<std::string> AssignmentRules::selectors_using(const ObjectKey& identity) const {
  std::set<std::string> selectors;
  for (auto it = bindings_.lower_bound({identity.ns, ""}); it != bindings_.end() && it->first.ns == identity.ns; ++it) {
    if (it->second.azure_identity == identity.name) selectors.insert(it->second.selector);
  }
  return selectors;
}

}  // namespace podid::core
