// SPDX-License-Identifier: Apache-2.0
#include "core/desired.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <utility>

#include "core/access/calendar.hpp"
#include "core/matching.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/naming.hpp"

namespace podid::core {
namespace {

// The lower, the more the binding gives of an identity at the moment.
enum class Limit { none, open, held };

Limit limit_of(const AzureIdentityBinding& binding, const AssignmentAccess& access) {
  if (!binding.access) return Limit::none;
  return access.closed.empty() ? Limit::open : Limit::held;
}

void set_binding(AzureAssignedIdentity& made, const AzureIdentityBinding& binding, const AssignmentAccess& access) {
  made.binding = copied(binding);
  for (const auto& [annotation, value] :
       {std::pair(kAccessAnnotation, &access.closed), std::pair(kHolidaysAnnotation, &access.holidays)}) {
    if (value->empty()) {
      made.meta.annotations.erase(std::string(annotation));
    } else {
      made.meta.annotations.insert_or_assign(std::string(annotation), *value);
    }
  }
}

AzureAssignedIdentity make_assignment(const Pod& pod, const AzureIdentity& identity,
                                      const AzureIdentityBinding& binding, const AssignmentAccess& access,
                                      const AssignmentOptions& options) {
  AzureAssignedIdentity made;
  made.meta.ns = assignment_namespace(identity, options.namespaced);
  made.meta.labels.emplace(kNodeNameLabel, node_label_value(pod.node_name));
  if (!pod.uid.empty()) made.meta.annotations.emplace(kPodUidAnnotation, pod.uid);
  made.meta.finalizers.emplace_back(kAssignedIdentityFinalizer);
  made.identity = copied(identity);
  set_binding(made, binding, access);
  made.pod = pod.name;
  made.pod_namespace = pod.ns;
  made.node_name = pod.node_name;
  made.status = kCreated;
  made.available_replicas = 1;
  made.meta.name = assigned_identity_name(key_of(made));
  return made;
}

AssignmentWarning shadowed(const AzureIdentityBinding& binding, const Pod& pod) {
  return {AssignmentWarning::Kind::binding_shadowed, binding.meta.key(), binding.meta.uid,
          "AzureIdentityBinding " + binding.meta.key().text() + " selects pods of namespace " + pod.ns +
              " that bindings of their own namespace select too: those come first, and a request that names no "
              "identity gets theirs"};
}

}  // namespace

bool is_held(const AzureAssignedIdentity& desired) {
  return !value_or_empty(desired.meta.annotations, kAccessAnnotation).empty();
}

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

PolicyVerdict AssignmentRules::judge(const AzureIdentityBinding& binding, const AzureIdentity& identity,
                                     const Pod& pod) const {
  if (options_.policy == IdentityPolicyMode::off) return {};
  return permissions_.judge(identity, pod.ns, binding.access ? &*binding.access : nullptr);
}

void AssignmentRules::warn_denied(const AzureIdentityBinding& binding, const AzureIdentity& identity, const Pod& pod,
                                  std::vector<AssignmentWarning>& warnings) const {
  const PolicyVerdict verdict = judge(binding, identity, pod);
  if (verdict.denial == PolicyVerdict::Denial::labels_unknown) return;  // the watch will tell them in a moment
  const std::string why =
      permissions_.denial_text(verdict, &identity) + "; " + permissions_.remedy_text(verdict, &identity);
  // The same for all pods of a namespace.
  warnings.push_back({AssignmentWarning::Kind::identity_denied, identity.meta.key(), identity.meta.uid,
                      "not assigned to pods of namespace " + pod.ns + ": " + why});
  warnings.push_back({AssignmentWarning::Kind::binding_denied, binding.meta.key(), binding.meta.uid,
                      "AzureIdentityBinding " + binding.meta.key().text() + " has no effect on pods of namespace " +
                          pod.ns + ": " + why});
}

std::vector<AzureAssignedIdentity> AssignmentRules::desired_for(const Pod& pod,
                                                                std::vector<AssignmentWarning>& warnings) const {
  std::vector<AzureAssignedIdentity> desired;
  const std::string_view label = pod.binding_label();
  if (label.empty() || pod.node_name.empty()) return desired;
  if (pod.finished() && !options_.keep_finished_pods) return desired;
  const auto matching = by_selector_.find(label);
  if (matching == by_selector_.end()) return desired;

  std::size_t malformed = 0;
  std::size_t denied = 0;
  std::vector<Limit> limits;  // of those in `desired`
  std::map<std::string_view, std::size_t> made_for_namespace;
  const auto is_own = [&pod](const ObjectKey& key) { return key.ns == pod.ns; };
  std::vector<ObjectKey> binding_keys;
  std::ranges::copy_if(matching->second, std::back_inserter(binding_keys), is_own);
  std::ranges::copy_if(matching->second, std::back_inserter(binding_keys), std::not_fn(is_own));
  for (const ObjectKey& binding_key : binding_keys) {
    const AzureIdentityBinding& binding = bindings_.at(binding_key);
    const AzureIdentity* identity = find_identity({binding.meta.ns, binding.azure_identity});
    if (identity == nullptr) continue;
    if (!namespaces_allow(*identity, binding.meta.ns, pod.ns, options_.namespaced)) continue;
    if (identity->user_assigned() && !is_valid_identity_resource_id(identity->resource_id)) {
      if (++malformed > kMaxAssignmentsPerPod) continue;
      warnings.push_back({AssignmentWarning::Kind::invalid_resource_id, identity->meta.key(), identity->meta.uid,
                          "ignoring azure identity " + identity->meta.key().text() +
                              ", error: " + invalid_resource_id_text(identity->resource_id)});
      continue;
    }
    if (!judge(binding, *identity, pod).allowed()) {
      if (++denied <= kMaxAssignmentsPerPod) warn_denied(binding, *identity, pod, warnings);
      continue;
    }
    const bool first_is_own = !desired.empty() && desired.front().identity.meta.ns == pod.ns;
    if (first_is_own && identity->meta.ns != pod.ns) warnings.push_back(shadowed(binding, pod));
    const AssignmentAccess access = binding.access && access_ ? access_(binding, pod) : AssignmentAccess{};
    const Limit limit = limit_of(binding, access);
    const auto known = std::ranges::find_if(desired, [identity](const AzureAssignedIdentity& made) {
      return made.identity.meta.name == identity->meta.name && made.identity.meta.ns == identity->meta.ns;
    });
    if (known != desired.end()) {
      Limit& its_limit = limits[static_cast<std::size_t>(known - desired.begin())];
      if (limit < its_limit) {
        its_limit = limit;
        set_binding(*known, binding, access);
      }
      continue;
    }
    // Counted by namespace: whoever fills one must not push out what others bind to the pod.
    std::size_t& of_namespace = made_for_namespace[identity->meta.ns];
    if (of_namespace > kMaxAssignmentsPerPod) continue;
    if (++of_namespace > kMaxAssignmentsPerPod) {
      warnings.push_back({AssignmentWarning::Kind::too_many_for_pod, identity->meta.key(), identity->meta.uid,
                          "pod " + pod.key().text() + " is bound to more than " +
                              std::to_string(kMaxAssignmentsPerPod) + " identities of namespace " + identity->meta.ns +
                              "; AzureIdentity " + identity->meta.key().text() + " and those after it are left out"});
      continue;
    }
    desired.push_back(make_assignment(pod, *identity, binding, access, options_));
    limits.push_back(limit);
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

std::set<std::string> AssignmentRules::selectors_of(std::string_view ns) const {
  std::set<std::string> selectors;
  for (auto it = bindings_.lower_bound({std::string(ns), ""}); it != bindings_.end() && it->first.ns == ns; ++it) {
    selectors.insert(it->second.selector);
  }
  return selectors;
}

}  // namespace podid::core
