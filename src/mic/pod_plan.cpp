// SPDX-License-Identifier: Apache-2.0
#include "mic/pod_plan.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "core/azure_ids.hpp"
#include "core/naming.hpp"
#include "core/plan.hpp"

namespace podid::mic {
namespace {

using Stored = std::shared_ptr<const core::AzureAssignedIdentity>;

// Everything about one assignment key of the pod.
struct Subject {
  std::vector<Stored> stored;
  const core::AzureAssignedIdentity* desired = nullptr;
};

class Planner {
 public:
  explicit Planner(const PlanInputs& inputs) : in_(inputs) {}

  void plan(const core::AssignmentKey& key, const Subject& subject) {
    std::vector<const core::AzureAssignedIdentity*> stored;
    for (const Stored& object : subject.stored) stored.push_back(object.get());
    const auto name_taken = [this, &key](const core::ObjectKey& name) { return in_.name_taken(name, key); };
    std::set<core::ObjectKey> handled;
    for (core::Step& step : core::plan_key(key, stored, subject.desired, name_taken)) {
      handled.insert(step.before.meta.key());
      const Stored before = find(subject, step.before.meta.key());
      if (step.kind == core::StepKind::confirm && is_elsewhere(*before)) {
        replace(*subject.desired, before);
      } else {
        take(step, before);
      }
    }
    for (const Stored& object : subject.stored) {
      if (handled.contains(object->meta.key())) continue;
      if (subject.desired != nullptr && is_elsewhere(*object)) {
        replace(*subject.desired, object);
      } else {
        settle(object);
      }
    }
  }

  PodPlan take_result() { return std::move(plan_); }

 private:
  static Stored find(const Subject& subject, const core::ObjectKey& key) {
    const auto found = std::ranges::find_if(subject.stored, [&key](const Stored& s) { return s->meta.key() == key; });
    return found == subject.stored.end() ? nullptr : *found;
  }

  void take(core::Step& step, const Stored& stored) {
    switch (step.kind) {
      case core::StepKind::create:
        return create(step);
      case core::StepKind::replace:
        return replace(std::move(step.after), stored);
      case core::StepKind::confirm:
        return confirm(stored);
      case core::StepKind::remove:
      case core::StepKind::recreate:  // its second half follows when the old object is gone
        return remove(stored);
    }
  }

  void create(core::Step& step) {
    const NodeAnswer node = in_.nodes.find(step.after.node_name);
    if (!node.exists) return;  // the node's appearance or the pod's end brings it up again
    name_target(step.after, node);
    plan_.actions.push_back({.kind = ActionKind::create, .stored = nullptr, .wanted = std::move(step.after)});
  }

  // Its node is another machine by now: a node object made anew under the same name.
  bool is_elsewhere(const core::AzureAssignedIdentity& stored) const {
    const std::string_view noted = core::value_or_empty(stored.meta.annotations, core::kComputeAnnotation);
    const NodeAnswer node = in_.nodes.find(stored.node_name);
    return !noted.empty() && node.exists && node.target && node.target->key() != noted;
  }

  void replace(core::AzureAssignedIdentity wanted, const Stored& stored) {
    const NodeAnswer node = in_.nodes.find(wanted.node_name);
    if (!node.exists) return;
    name_target(wanted, node);
    // Written with the replacement, before anything is detached: what was attached for the old copy is not forgotten.
    std::vector<Release> left = pending_releases(*stored);
    if (const std::optional<Release> own = own_release(*stored, in_.nodes)) left.push_back(*own);
    set_pending(wanted, still_attached(*stored, std::move(left)));
    plan_.actions.push_back({.kind = ActionKind::replace, .stored = stored, .wanted = std::move(wanted)});
  }

  void confirm(const Stored& stored) {
    const std::vector<Release> left = still_attached(*stored, pending_releases(*stored));
    for (const Release& release : left) wait_for_absence(release);
    core::AzureAssignedIdentity wanted = *stored;
    set_pending(wanted, left);
    wanted.status = core::kAssigned;
    bool after_failure = false;
    if (stored->identity.user_assigned()) {
      const NodeAnswer node = in_.nodes.find(stored->node_name);
      if (!node.exists) return;
      if (!node.target) {
        plan_.problems.push_back({.stored = stored, .text = node.problem});
        return;
      }
      std::string identity = core::resource_id_key(stored->identity.resource_id);
      if (!in_.azure.attached(node.target->key(), identity)) {
        plan_.waits.push_back({.what = Wait::For::attached, .target = *node.target, .identity = std::move(identity)});
        return;
      }
      after_failure = in_.azure.last_change_failed(node.target->key());
      name_target(wanted, node);
    }
    plan_.actions.push_back(
        {.kind = ActionKind::assign, .stored = stored, .wanted = std::move(wanted), .after_failure = after_failure});
  }

  void remove(const Stored& stored) {
    if (only_others_keep(*stored)) return;  // the watch tells when it is gone
    std::vector<Release> held = pending_releases(*stored);
    if (const std::optional<Release> own = own_release(*stored, in_.nodes)) held.push_back(*own);
    held = still_attached(*stored, std::move(held));
    for (const Release& release : held) wait_for_absence(release);
    if (!held.empty()) return;
    plan_.actions.push_back({.kind = ActionKind::remove,
                             .stored = stored,
                             .wanted = {},
                             .node_gone = !in_.nodes.find(stored->node_name).exists});
  }

  static bool only_others_keep(const core::AzureAssignedIdentity& stored) {
    const auto& finalizers = stored.meta.finalizers;
    return stored.meta.deleting() && stored.status == core::kUnassigned &&
           std::ranges::find(finalizers, core::kAssignedIdentityFinalizer) == finalizers.end();
  }

  // An object that needs nothing else may still remember something to detach.
  void settle(const Stored& stored) {
    std::vector<Release> before = pending_releases(*stored);
    if (before.empty()) return;
    const std::vector<Release> left = still_attached(*stored, before);
    for (const Release& release : left) wait_for_absence(release);
    if (left.size() == before.size()) return;
    core::AzureAssignedIdentity wanted = *stored;
    set_pending(wanted, left);
    plan_.actions.push_back({.kind = ActionKind::settle, .stored = stored, .wanted = std::move(wanted)});
  }

  // Those that have to come off and are not known to be off.
  std::vector<Release> still_attached(const core::AzureAssignedIdentity& assigned,
                                      std::vector<Release> releases) const {
    const std::string source = assigned.identity.meta.key().text();
    std::ranges::sort(releases);
    const auto same = std::ranges::unique(releases);
    releases.erase(same.begin(), same.end());
    std::erase_if(releases, [&](const Release& release) {
      return is_kept(in_.claims, in_.immutable, release, source) || in_.azure.absent(release.target, release.identity);
    });
    return releases;
  }

  void wait_for_absence(const Release& release) {
    auto target = core::compute_target_from_key(release.target);
    if (!target) return;
    plan_.waits.push_back({.what = Wait::For::absent, .target = std::move(*target), .identity = release.identity});
  }

  static void name_target(core::AzureAssignedIdentity& assigned, const NodeAnswer& node) {
    if (assigned.identity.user_assigned() && node.target) {
      assigned.meta.annotations[std::string(core::kComputeAnnotation)] = node.target->key();
    }
  }

  static void set_pending(core::AzureAssignedIdentity& assigned, const std::vector<Release>& releases) {
    std::string text = pending_releases_text(releases);
    if (text.empty()) {
      assigned.meta.annotations.erase(std::string(kPendingDetachAnnotation));
    } else {
      assigned.meta.annotations[std::string(kPendingDetachAnnotation)] = std::move(text);
    }
  }

  const PlanInputs& in_;
  PodPlan plan_;
};

}  // namespace

bool is_kept(const Claims& claims, const core::ImmutableIdentities& immutable, const Release& release,
             std::string_view source) {
  core::AzureIdentity identity;
  identity.resource_id = release.identity;
  identity.client_id = release.client_id;
  return immutable.contains(identity) || claims.in_use(release.target, release.identity) ||
         claims.client_in_use(release.target, base::to_lower(release.client_id), source);
}

std::vector<Claim> claims_of(const NodeDirectory& nodes, const std::vector<core::AzureAssignedIdentity>& desired) {
  std::vector<Claim> claims;
  for (const core::AzureAssignedIdentity& assigned : desired) {
    if (!assigned.identity.user_assigned()) continue;
    const NodeAnswer node = nodes.find(assigned.node_name);
    if (!node.exists || !node.target) continue;
    claims.push_back({.target = node.target->key(),
                      .identity = core::resource_id_key(assigned.identity.resource_id),
                      .client_id = base::to_lower(assigned.identity.client_id),
                      .source = assigned.identity.meta.key().text()});
  }
  return claims;
}

PodPlan plan_pod(const PlanInputs& inputs, const std::vector<core::AzureAssignedIdentity>& desired,
                 const std::vector<Stored>& stored) {
  std::map<core::AssignmentKey, Subject> subjects;
  for (const core::AzureAssignedIdentity& assigned : desired) subjects[core::key_of(assigned)].desired = &assigned;
  for (const Stored& object : stored) subjects[core::key_of(*object)].stored.push_back(object);
  Planner planner(inputs);
  for (const auto& [key, subject] : subjects) planner.plan(key, subject);
  return planner.take_result();
}

}  // namespace podid::mic
