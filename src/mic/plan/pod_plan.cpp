// SPDX-License-Identifier: Apache-2.0
#include "mic/plan/pod_plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/text.hpp"
#include "core/access/calendar.hpp"
#include "core/desired.hpp"
#include "core/model/azure_ids.hpp"
#include "core/model/naming.hpp"
#include "core/model/redact.hpp"
#include "core/plan.hpp"

namespace podid::mic {
namespace {

using Stored = std::shared_ptr<const core::AzureAssignedIdentity>;

constexpr std::size_t kMaxShownId = 64;  // a client ID has 36 characters

// Nothing is contradicted where one of them is not known.
bool contradicts(std::string_view named, std::string_view of_azure) {
  named = base::trim(named);
  of_azure = base::trim(of_azure);
  return !named.empty() && !of_azure.empty() && !base::iequals(named, of_azure);
}

std::string mismatch_text(const core::AzureIdentity& identity, std::string_view of_azure) {
  return fmt::format(
      "AzureIdentity {}: spec.clientID is not the client ID of the identity that spec.resourceID names, "
      "which is {}; nothing is assigned until the AzureIdentity is corrected",
      identity.meta.key().text(), core::redact(of_azure.substr(0, kMaxShownId)));
}

bool is_of_cluster(const ClusterIdentities& cluster, core::AzureIdentity identity, std::string_view of_azure) {
  if (cluster.identities.contains(identity)) return true;
  identity.client_id = core::ClientId(std::string(base::trim(of_azure)));
  return !of_azure.empty() && cluster.identities.contains(identity);
}

std::string cluster_text(const core::AzureIdentity& identity, ClusterIdentities::Use use) {
  return fmt::format(
      "AzureIdentity {} names an identity that the cluster itself runs under (userAssignedIdentityID): {}",
      identity.meta.key().text(),
      use == ClusterIdentities::Use::refused ? "it is given to no pod (--allow-cluster-identity=false)"
                                             : "pods that get its tokens can do what the cluster's own components can");
}

struct Objection {
  Problem::Kind kind;
  std::string text;
};

// Why the AzureIdentity's identity must not be given to pods; nothing when it may, as far as is known. `of_azure`: the
// client ID under which it is attached; empty when that is not known.
std::optional<Objection> objection_to(const core::AzureIdentity& identity, const ClusterIdentities& cluster,
                                      std::string_view of_azure) {
  if (cluster.use == ClusterIdentities::Use::refused && is_of_cluster(cluster, identity, of_azure)) {
    return Objection{Problem::Kind::cluster_identity_refused, cluster_text(identity, cluster.use)};
  }
  // Else whoever may write an AzureIdentity would get the tokens of any identity on the machine (SEC-1).
  if (contradicts(identity.client_id.text(), of_azure)) {
    return Objection{Problem::Kind::client_id_mismatch, mismatch_text(identity, of_azure)};
  }
  return std::nullopt;
}

bool is_assigned(const core::AzureAssignedIdentity& stored) {
  return stored.status == core::kAssigned || stored.status.empty();
}

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
    const auto name_taken = [this, &key](const core::ObjectKey& name) {
      return created_.contains(name) || in_.name_taken(name, key);
    };
    if (subject.desired != nullptr) report_use_of_cluster_identity(*subject.desired);
    std::set<core::ObjectKey> handled;
    for (core::Step& step : core::plan_key(key, stored, subject.desired, name_taken)) {
      handled.insert(step.before.meta.key());
      const Stored before = find(subject, step.before.meta.key());
      if (step.kind == core::StepKind::confirm && is_elsewhere(*before)) {
        replace(*subject.desired, before);
      } else {
        take(step, before, subject.desired);
      }
    }
    for (const Stored& object : subject.stored) {
      if (handled.contains(object->meta.key())) continue;
      if (subject.desired != nullptr && is_elsewhere(*object)) {
        replace(*subject.desired, object);
      } else if (subject.desired != nullptr && core::is_held(*subject.desired)) {
        close(object, *subject.desired);
      } else if (subject.desired == nullptr || !withdraw(object)) {
        annotate(object, subject.desired);
      }
    }
  }

  PodPlan take_result() { return std::move(plan_); }

 private:
  static Stored find(const Subject& subject, const core::ObjectKey& key) {
    const auto found = std::ranges::find_if(subject.stored, [&key](const Stored& s) { return s->meta.key() == key; });
    return found == subject.stored.end() ? nullptr : *found;
  }

  void take(core::Step& step, const Stored& stored, const core::AzureAssignedIdentity* desired) {
    switch (step.kind) {
      case core::StepKind::create:
        return create(step);
      case core::StepKind::replace:
        return replace(std::move(step.after), stored);
      case core::StepKind::confirm:
        return core::is_held(*desired) ? hold(stored, *desired) : confirm(stored, *desired);
      case core::StepKind::remove:
        return remove(stored, std::nullopt);
      case core::StepKind::recreate:
        return recreate(step, stored);
    }
  }

  void create(core::Step& step) {
    const NodeAnswer node = in_.nodes.find(step.after.node_name);
    if (!node.exists) return;  // the node's appearance or the pod's end brings it up again
    if (is_one_too_many(step.after, node)) return;
    note_given(step.after, node);
    name_target(step.after, node);
    created_.insert(step.after.meta.key());
    plan_.actions.push_back({.kind = ActionKind::create, .stored = nullptr, .wanted = std::move(step.after)});
  }

  // Tried again whenever the pod is planned, at the latest by the full pass.
  bool is_one_too_many(const core::AzureAssignedIdentity& wanted, const NodeAnswer& node) {
    if (!wanted.identity.user_assigned() || !node.target) return false;
    const std::string target = node.target->key();
    const std::string& ns = wanted.identity.meta.ns;
    const std::string identity = core::resource_id_key(wanted.identity.resource_id);
    const std::set<std::string>& given = given_[{target, ns}];
    if (in_.taken.in_use(target, identity) || given.contains(identity)) return false;
    const std::size_t room = kMaxIdentitiesPerNamespace - std::min(given.size(), kMaxIdentitiesPerNamespace);
    if (!in_.taken.crowded(target, ns, room)) return false;
    plan_.problems.push_back({.stored = std::make_shared<const core::AzureAssignedIdentity>(wanted),
                              .text = "AzureIdentities of namespace " + ns + " have " +
                                      std::to_string(kMaxIdentitiesPerNamespace) +
                                      " identities on this VM or scale set already, which is the limit"});
    return true;
  }

  // The plan brings it onto the machine.
  void note_given(const core::AzureAssignedIdentity& wanted, const NodeAnswer& node) {
    if (!wanted.identity.user_assigned() || !node.target) return;
    std::string identity = core::resource_id_key(wanted.identity.resource_id);
    const std::string target = node.target->key();
    if (!in_.taken.in_use(target, identity)) given_[{target, wanted.identity.meta.ns}].insert(std::move(identity));
  }

  void report_use_of_cluster_identity(const core::AzureAssignedIdentity& desired) {
    if (in_.cluster.use == ClusterIdentities::Use::refused || !desired.identity.user_assigned()) return;
    const NodeAnswer node = in_.nodes.find(desired.node_name);
    const std::string_view of_azure =
        node.target ? in_.azure.client_id(node.target->key(), core::resource_id_key(desired.identity.resource_id)) : "";
    if (!is_of_cluster(in_.cluster, desired.identity, of_azure)) return;
    plan_.problems.push_back({.stored = std::make_shared<const core::AzureAssignedIdentity>(desired),
                              .text = cluster_text(desired.identity, in_.cluster.use),
                              .kind = Problem::Kind::cluster_identity_given});
  }

  // aad-pod-identity's MIC compares no client IDs, and we did not know it when Azure could not be asked.
  bool withdraw(const Stored& stored) {
    if (!is_given_wrongly(*stored, in_.nodes, in_.cluster, in_.azure)) return false;
    const std::string_view of_azure = client_id_of(*stored);
    refuse(stored, *objection_to(stored->identity, in_.cluster, of_azure));
    core::AzureAssignedIdentity wanted = *stored;
    wanted.status = core::kCreated;
    if (contradicts(stored->identity.client_id.text(), of_azure)) {
      wanted.meta.annotations[std::string(core::kAzureClientIdAnnotation)] = of_azure;
    }
    plan_.actions.push_back({.kind = ActionKind::withdraw, .stored = stored, .wanted = std::move(wanted)});
    return true;
  }

  void refuse(const Stored& stored, Objection objection) {
    plan_.problems.push_back({.stored = stored, .text = std::move(objection.text), .kind = objection.kind});
  }

  std::string_view client_id_of(const core::AzureAssignedIdentity& stored) const {
    const NodeAnswer node = in_.nodes.find(stored.node_name);
    if (!node.target) return {};
    return in_.azure.client_id(node.target->key(), core::resource_id_key(stored.identity.resource_id));
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
    // An edit brings another identity onto the machine as a new object does.
    const bool another =
        core::resource_id_key(wanted.identity.resource_id) != core::resource_id_key(stored->identity.resource_id);
    if (another && is_one_too_many(wanted, node)) return remove(stored, std::nullopt);
    note_given(wanted, node);
    name_target(wanted, node);
    // Written with the replacement, before anything is detached: what was attached for the old copy is not forgotten.
    set_pending(wanted, remains_of(*stored, all_releases(*stored, own_release(wanted, in_.nodes))).all);
    wanted.meta.annotations.erase(std::string(core::kAzureClientIdAnnotation));
    plan_.actions.push_back({.kind = ActionKind::replace, .stored = stored, .wanted = std::move(wanted)});
  }

  // First the status, then what it stands for: nobody is told Assigned of what is coming off.
  void close(const Stored& stored, const core::AzureAssignedIdentity& desired) {
    core::AzureAssignedIdentity wanted = *stored;
    wanted.status = core::kCreated;
    set_access(wanted, desired);
    plan_.actions.push_back({.kind = ActionKind::withdraw, .stored = stored, .wanted = std::move(wanted)});
  }

  // It stays as it is, and what it may have on the machine comes off, unless another pod there may use it.
  void hold(const Stored& stored, const core::AzureAssignedIdentity& desired) {
    core::AzureAssignedIdentity wanted = *stored;
    set_access(wanted, desired);
    std::vector<Release> left = take_off(remains_of(*stored, all_releases(*stored, std::nullopt)));
    // What it says of itself need not be noted.
    if (const std::optional<Release> own = own_release(*stored, in_.nodes)) std::erase(left, *own);
    set_pending(wanted, left);
    if (wanted == *stored) return;
    plan_.actions.push_back({.kind = ActionKind::annotate, .stored = stored, .wanted = std::move(wanted)});
  }

  static void set_access(core::AzureAssignedIdentity& wanted, const core::AzureAssignedIdentity& desired) {
    for (const std::string_view name : {core::kAccessAnnotation, core::kHolidaysAnnotation}) {
      const std::string_view value = core::value_or_empty(desired.meta.annotations, name);
      if (value.empty()) {
        wanted.meta.annotations.erase(std::string(name));
      } else {
        wanted.meta.annotations[std::string(name)] = value;
      }
    }
  }

  void confirm(const Stored& stored, const core::AzureAssignedIdentity& desired) {
    core::AzureAssignedIdentity wanted = *stored;
    set_access(wanted, desired);
    set_pending(wanted, take_off(remains_of(*stored, pending_releases(*stored))));
    wanted.status = core::kAssigned;
    wanted.meta.annotations.erase(std::string(core::kAzureClientIdAnnotation));
    LastChange last_change = LastChange::went_well;
    if (stored->identity.user_assigned()) {
      const NodeAnswer node = in_.nodes.find(stored->node_name);
      if (!node.exists) return;
      if (!node.target) {
        plan_.problems.push_back({.stored = stored, .text = node.problem});
        return;
      }
      // What it says of itself is enough to attach it nowhere.
      if (auto objection = objection_to(stored->identity, in_.cluster, {}))
        return refuse(stored, std::move(*objection));
      std::string identity = core::resource_id_key(stored->identity.resource_id);
      if (!in_.azure.attached(node.target->key(), identity)) {
        plan_.waits.push_back({.what = Wait::For::attached,
                               .target = *node.target,
                               .identity = std::move(identity),
                               .ns = stored->identity.meta.ns});
        return update_holidays(stored, desired);
      }
      const std::string_view client_id = in_.azure.client_id(node.target->key(), identity);
      if (auto objection = objection_to(stored->identity, in_.cluster, client_id)) {
        if (objection->kind == Problem::Kind::client_id_mismatch) publish_client_id(stored, client_id);
        return refuse(stored, std::move(*objection));
      }
      if (in_.azure.last_change_failed(node.target->key())) last_change = LastChange::failed;
      name_target(wanted, node);
    }
    plan_.actions.push_back(
        {.kind = ActionKind::assign, .stored = stored, .wanted = std::move(wanted), .last_change = last_change});
  }

  // NMIs judge by them whether it may be used, Assigned or not.
  void update_holidays(const Stored& stored, const core::AzureAssignedIdentity& desired) {
    if (core::value_or_empty(stored->meta.annotations, core::kHolidaysAnnotation) ==
        core::value_or_empty(desired.meta.annotations, core::kHolidaysAnnotation))
      return;
    core::AzureAssignedIdentity wanted = *stored;
    set_access(wanted, desired);
    plan_.actions.push_back({.kind = ActionKind::annotate, .stored = stored, .wanted = std::move(wanted)});
  }

  // So that the pod's requests need not wait in the NMI.
  void publish_client_id(const Stored& stored, std::string_view client_id) {
    core::AzureAssignedIdentity wanted = *stored;
    wanted.meta.annotations[std::string(core::kAzureClientIdAnnotation)] = client_id;
    if (wanted == *stored) return;
    plan_.actions.push_back({.kind = ActionKind::annotate, .stored = stored, .wanted = std::move(wanted)});
  }

  // The second half follows when the old object is gone. One that remembers something and need not go is taken again.
  void recreate(core::Step& step, const Stored& stored) {
    if (!stored->meta.deleting() && !pending_releases(*stored).empty()) return replace(std::move(step.after), stored);
    remove(stored, own_release(step.after, in_.nodes));
  }

  // `again`: what the successor of the same name will answer for.
  void remove(const Stored& stored, const std::optional<Release>& again) {
    if (only_others_keep(*stored)) return;  // the watch tells when it is gone
    const Remains remains = remains_of(*stored, all_releases(*stored, again));
    take_off(remains);
    if (!remains.unclaimed.empty()) return;
    if (!remains.all.empty()) return retire(stored, remains.all);
    plan_.actions.push_back({.kind = ActionKind::remove,
                             .stored = stored,
                             .wanted = {},
                             .node_gone = !in_.nodes.find(stored->node_name).exists});
  }

  // The pod must get no tokens by it any more, but what it has attached has to stay for others, and to come off one day.
  void retire(const Stored& stored, const std::vector<Release>& releases) {
    core::AzureAssignedIdentity wanted = *stored;
    wanted.status = core::kUnassigned;
    set_pending(wanted, releases);
    if (wanted == *stored) return;
    plan_.actions.push_back({.kind = ActionKind::retire, .stored = stored, .wanted = std::move(wanted)});
  }

  static bool only_others_keep(const core::AzureAssignedIdentity& stored) {
    const auto& finalizers = stored.meta.finalizers;
    return stored.meta.deleting() && stored.status == core::kUnassigned &&
           std::ranges::find(finalizers, core::kAssignedIdentityFinalizer) == finalizers.end();
  }

  // An object that needs nothing else may still remember something to detach, or not say which pod it is for: those of
  // aad-pod-identity name no uid, and would be taken for a later pod's of that name (MIC-27, SEC-11).
  void annotate(const Stored& stored, const core::AzureAssignedIdentity* desired) {
    core::AzureAssignedIdentity wanted = *stored;
    if (const std::vector<Release> before = pending_releases(*stored); !before.empty()) {
      const std::vector<Release> left = take_off(remains_of(*stored, before));
      if (left.size() != before.size()) set_pending(wanted, left);
    }
    if (desired != nullptr) set_access(wanted, *desired);
    if (desired != nullptr && core::value_or_empty(stored->meta.annotations, core::kPodUidAnnotation).empty()) {
      const std::string_view uid = core::value_or_empty(desired->meta.annotations, core::kPodUidAnnotation);
      if (!uid.empty()) wanted.meta.annotations[std::string(core::kPodUidAnnotation)] = uid;
    }
    if (wanted == *stored) return;
    plan_.actions.push_back({.kind = ActionKind::annotate, .stored = stored, .wanted = std::move(wanted)});
  }

  // What an assignment has to go on answering for.
  struct Remains {
    std::vector<Release> all;
    std::vector<Release> unclaimed;  // those that have to come off now
  };

  // All that the assignment has or had attached, but for what `another` answers for.
  std::vector<Release> all_releases(const core::AzureAssignedIdentity& assigned,
                                    const std::optional<Release>& another) const {
    std::vector<Release> releases = pending_releases(assigned);
    if (const std::optional<Release> own = own_release(assigned, in_.nodes)) releases.push_back(*own);
    if (another) {
      std::erase_if(releases, [&another](const Release& release) {
        return release.target == another->target && release.identity == another->identity;
      });
    }
    return releases;
  }

  // What is known to be off, may stay for good, or is another assignment's business is left out.
  Remains remains_of(const core::AzureAssignedIdentity& assigned, std::vector<Release> releases) {
    const std::string source = assigned.identity.meta.key().text();
    std::ranges::sort(releases);
    const auto same = std::ranges::unique(releases);
    releases.erase(same.begin(), same.end());
    Remains remains;
    for (const Release& release : releases) {
      if (is_immutable(release) || in_.azure.absent(release.target, release.identity)) continue;
      if (in_.recorded.in_use(release.target, release.identity)) continue;
      if (is_claimed(release, source)) {
        plan_.awaits_claims_on.insert(release.target);
      } else {
        remains.unclaimed.push_back(release);
      }
      remains.all.push_back(release);
    }
    return remains;
  }

  bool is_immutable(const Release& release) const {
    core::AzureIdentity identity;
    identity.client_id = release.client_id;
    return in_.immutable.contains(identity) || is_one_of(in_.immutable, release.target, release.identity, in_.azure);
  }

  bool is_claimed(const Release& release, std::string_view source) const {
    return in_.claims.in_use(release.target, release.identity) ||
           in_.claims.client_in_use(release.target, base::to_lower(release.client_id.text()), source);
  }

  // Waits until the unclaimed ones are off. Gives all that is to be remembered until then.
  const std::vector<Release>& take_off(const Remains& remains) {
    for (const Release& release : remains.unclaimed) {
      auto target = core::compute_target_from_key(release.target);
      if (!target) continue;
      plan_.waits.push_back({.what = Wait::For::absent, .target = std::move(*target), .identity = release.identity});
    }
    return remains.all;
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
  std::set<core::ObjectKey> created_;  // names that the plan gives away
  // target and namespace → identities that the plan brings onto the target
  std::map<std::pair<std::string, std::string>, std::set<std::string>> given_;
};

// What the assignment wants on Azure, if anything.
std::optional<Claim> claim_of(const NodeDirectory& nodes, const core::AzureAssignedIdentity& desired, Held held) {
  if (!desired.identity.user_assigned()) return std::nullopt;
  if (held == Held::left_out && core::is_held(desired)) return std::nullopt;
  const NodeAnswer node = nodes.find(desired.node_name);
  if (!node.exists || !node.target) return std::nullopt;
  return Claim{.target = node.target->key(),
               .identity = core::resource_id_key(desired.identity.resource_id),
               .client_id = base::to_lower(desired.identity.client_id.text()),
               .source = desired.identity.meta.key().text()};
}

}  // namespace

bool is_given_wrongly(const core::AzureAssignedIdentity& stored, const NodeDirectory& nodes,
                      const ClusterIdentities& cluster, const AzureView& azure) {
  if (!stored.identity.user_assigned() || !is_assigned(stored)) return false;
  const NodeAnswer node = nodes.find(stored.node_name);
  if (!node.exists || !node.target) return false;
  const std::string identity = core::resource_id_key(stored.identity.resource_id);
  return objection_to(stored.identity, cluster, azure.client_id(node.target->key(), identity)).has_value();
}

bool is_one_of(const core::ImmutableIdentities& set, std::string_view target, const std::string& identity,
               const AzureView& azure) {
  core::AzureIdentity known;
  known.resource_id = core::ResourceId(identity);
  known.client_id = core::ClientId(std::string(azure.client_id(target, identity)));
  return set.contains(known);
}

std::vector<Claim> claims_of(const NodeDirectory& nodes, const std::vector<core::AzureAssignedIdentity>& desired,
                             Held held) {
  std::vector<Claim> claims;
  for (const core::AzureAssignedIdentity& assigned : desired) {
    if (std::optional<Claim> claim = claim_of(nodes, assigned, held)) claims.push_back(std::move(*claim));
  }
  return claims;
}

std::vector<Claim> recorded_claims(const NodeDirectory& nodes, const std::vector<core::AzureAssignedIdentity>& desired,
                                   const std::vector<Stored>& stored, Held held) {
  std::vector<Claim> claims;
  for (const core::AzureAssignedIdentity& assigned : desired) {
    std::optional<Claim> claim = claim_of(nodes, assigned, held);
    if (!claim) continue;
    const auto answers_for_it = [&](const Stored& object) {
      const core::AssignmentKey key = core::key_of(*object);
      if (object->meta.deleting() || object->meta.ns != assigned.meta.ns || key != core::key_of(assigned)) return false;
      const std::optional<Release> own = own_release(*object, nodes);
      return core::is_assigned_identity_name(object->meta.name, key) && own && own->target == claim->target &&
             own->identity == claim->identity;
    };
    if (std::ranges::any_of(stored, answers_for_it)) claims.push_back(std::move(*claim));
  }
  return claims;
}

PodPlan plan_pod(const PlanInputs& inputs, const std::vector<core::AzureAssignedIdentity>& desired,
                 const std::vector<Stored>& stored) {
  std::map<core::AssignmentKey, Subject, core::OwnNamespaceFirst> subjects;
  for (const core::AzureAssignedIdentity& assigned : desired) subjects[core::key_of(assigned)].desired = &assigned;
  for (const Stored& object : stored) subjects[core::key_of(*object)].stored.push_back(object);
  Planner planner(inputs);
  for (const auto& [key, subject] : subjects) planner.plan(key, subject);
  return planner.take_result();
}

}  // namespace podid::mic
