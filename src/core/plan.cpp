// SPDX-License-Identifier: Apache-2.0
#include "core/plan.hpp"

#include <algorithm>
#include <optional>

#include "core/access/calendar.hpp"

namespace podid::core {
namespace {

// A stored object without a status was written by an old release and counts as Assigned.
bool is_assigned(const AzureAssignedIdentity& stored) { return stored.status == kAssigned || stored.status.empty(); }

bool is_leaving(const AzureAssignedIdentity& stored) { return stored.status == kUnassigned || stored.meta.deleting(); }

// Of several stored objects of one key the one to keep: in the right namespace, validly named, the plain name first.
const AzureAssignedIdentity* choose_partner(const AssignmentKey& key,
                                            std::span<const AzureAssignedIdentity* const> stored,
                                            const AzureAssignedIdentity& desired) {
  const AzureAssignedIdentity* chosen = nullptr;
  for (const AzureAssignedIdentity* candidate : stored) {
    if (candidate->meta.ns != desired.meta.ns || !is_assigned_identity_name(candidate->meta.name, key)) continue;
    if (chosen == nullptr || candidate->meta.name == desired.meta.name) chosen = candidate;
  }
  return chosen;
}

AzureAssignedIdentity named_for_creation(const AssignmentKey& key, const AzureAssignedIdentity& desired,
                                         const std::function<bool(const ObjectKey&)>& name_taken) {
  AzureAssignedIdentity made = desired;
  for (std::string& name : assigned_identity_names(key)) {
    made.meta.name = std::move(name);
    if (!name_taken(made.meta.key())) break;
  }
  return made;
}

// What a PUT over `stored` makes of it (resources_json.hpp, overwrite).
AzureAssignedIdentity replaced(const AzureAssignedIdentity& stored, const AzureAssignedIdentity& desired) {
  AzureAssignedIdentity after = desired;
  after.meta = stored.meta;
  after.unknown = stored.unknown;
  after.meta.labels = desired.meta.labels;
  for (const std::string_view key : {kAccessAnnotation, kHolidaysAnnotation}) {
    if (const auto stale = after.meta.annotations.find(key); stale != after.meta.annotations.end())
      after.meta.annotations.erase(stale);
  }
  for (const auto& [key, value] : desired.meta.annotations) after.meta.annotations.insert_or_assign(key, value);
  if (std::ranges::find(after.meta.finalizers, kAssignedIdentityFinalizer) == after.meta.finalizers.end()) {
    after.meta.finalizers.emplace_back(kAssignedIdentityFinalizer);
  }
  return after;
}

// Never by the resourceVersion: each write of a status changes it, and would have every assignment written anew.
bool same_object(const ObjectMeta& a, const ObjectMeta& b) {
  return a.name == b.name && (a.uid.empty() || b.uid.empty() || a.uid == b.uid);
}

// What is read of a copy, by us or by an NMI.
bool same_rule(const AzureIdentity& a, const AzureIdentity& b) {
  return a.type == b.type && a.client_id == b.client_id && a.resource_id == b.resource_id &&
         a.client_password == b.client_password && a.tenant_id == b.tenant_id &&
         a.auxiliary_tenant_ids == b.auxiliary_tenant_ids && a.ad_resource_id == b.ad_resource_id &&
         a.ad_endpoint == b.ad_endpoint && a.namespaced() == b.namespaced() &&
         a.object_id().text() == b.object_id().text();
}

bool same_rule(const AzureIdentityBinding& a, const AzureIdentityBinding& b) {
  return a.azure_identity == b.azure_identity && a.selector == b.selector && a.weight == b.weight;
}

std::optional<Step> step_for_partner(const AssignmentKey& key, const AzureAssignedIdentity& stored,
                                     const AzureAssignedIdentity& desired) {
  if (is_leaving(stored)) {
    AzureAssignedIdentity after = desired;
    after.meta.name = stored.meta.name;
    return Step{StepKind::recreate, key, stored, std::move(after)};
  }
  if (!matches(stored, desired)) return Step{StepKind::replace, key, stored, replaced(stored, desired)};
  if (!is_assigned(stored)) return Step{StepKind::confirm, key, stored, stored};
  return std::nullopt;
}

}  // namespace

bool matches(const AzureAssignedIdentity& stored, const AzureAssignedIdentity& desired) {
  const auto stored_uid = value_or_empty(stored.meta.annotations, kPodUidAnnotation);
  const auto desired_uid = value_or_empty(desired.meta.annotations, kPodUidAnnotation);
  return same_object(stored.identity.meta, desired.identity.meta) && same_rule(stored.identity, desired.identity) &&
         same_object(stored.binding.meta, desired.binding.meta) && same_rule(stored.binding, desired.binding) &&
         stored.pod == desired.pod && stored.pod_namespace == desired.pod_namespace &&
         stored.node_name == desired.node_name && stored.meta.ns == desired.meta.ns &&
         (stored_uid.empty() || desired_uid.empty() || stored_uid == desired_uid) &&
         is_node_label_value(value_or_empty(stored.meta.labels, kNodeNameLabel), desired.node_name) &&
         std::ranges::find(stored.meta.finalizers, kAssignedIdentityFinalizer) != stored.meta.finalizers.end() &&
         is_assigned_identity_name(stored.meta.name, key_of(desired));
}

std::vector<Step> plan_key(const AssignmentKey& key, std::span<const AzureAssignedIdentity* const> stored,
                           const AzureAssignedIdentity* desired,
                           const std::function<bool(const ObjectKey&)>& name_taken) {
  std::vector<Step> steps;
  const AzureAssignedIdentity* partner = desired == nullptr ? nullptr : choose_partner(key, stored, *desired);
  for (const AzureAssignedIdentity* object : stored) {
    if (object != partner) steps.push_back({StepKind::remove, key, *object, {}});
  }
  if (partner != nullptr) {
    if (auto step = step_for_partner(key, *partner, *desired)) steps.push_back(*std::move(step));
  } else if (desired != nullptr) {
    steps.push_back({StepKind::create, key, {}, named_for_creation(key, *desired, name_taken)});
  }
  return steps;
}

}  // namespace podid::core
