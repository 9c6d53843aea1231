// SPDX-License-Identifier: Apache-2.0
#include "mic/control/controller.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/model/naming.hpp"
#include "mic/control/events.hpp"
#include "mic/control/limits.hpp"

namespace podid::mic {

Controller::Controller(ControllerOptions options, ControllerDependencies dependencies)
    : options_(std::move(options)),
      dependencies_(std::move(dependencies)),
      cluster_(options_.assignment, options_.access, dependencies_.zones),
      immutable_(options_.immutable),
      cluster_identities_(options_.cluster),
      queue_({.per_group = options_.writes_per_target, .total = kMaxWritesInFlight}),
      next_digest_(dependencies_.executor, [this] { digest(); }),
      alarm_(dependencies_.executor, dependencies_.clock, [this] { wake(); }),
      azure_(dependencies_.executor, dependencies_.clock, dependencies_.random, dependencies_.identities,
             options_.azure, *this),
      tasks_(dependencies_.executor) {
  cluster_.nodes().set_defaults(options_.compute_defaults);
}

Controller::~Controller() = default;

// ---- what comes in ----

// Nodes report themselves every few minutes; only where they are matters.
void Controller::put(const core::Node& node) {
  if (cluster_.nodes().put(node)) mark_pods_of(node.name);
}

void Controller::put(core::AzureIdentityBinding binding) {
  look_at_wall_clock();
  const core::ObjectKey key = binding.meta.key();
  mark(cluster_.put(std::move(binding)));
  dependencies_.on_access(key);
  set_alarm();
}

void Controller::erase_node(const std::string& name) {
  if (cluster_.nodes().erase(name)) mark_pods_of(name);
}

void Controller::put(AssignedStore::Object assigned) {
  const AssignedStore::Object before = store_.find(assigned->meta.ns, assigned->meta.name);
  if (!store_.observe(assigned)) return;
  if (before) mark({pod_key_of(*before)});
  std::string pod = pod_key_of(*assigned);
  // Whatever made a write fail, the object is a new one now.
  if (const auto failure = failures_.find(pod); failure != failures_.end())
    failure->second.until = dependencies_.clock.steady_now();
  mark({std::move(pod)});
}

void Controller::put(std::shared_ptr<const core::IdentityPolicy> policy) {
  on_other_policy(cluster_.put(std::move(policy)));
}

void Controller::put_unreadable_policy(std::string problem) {
  on_other_policy(cluster_.put_unreadable_policy(std::move(problem)));
}

// What was said of a former policy is worth saying again of this one. A write that leaves the rules as they are concerns
// nobody.
void Controller::on_other_policy(const PodKeys& concerned) {
  if (concerned.empty()) return;
  warned_.clear();
  mark(concerned);
}

void Controller::erase(const core::AzureAssignedIdentity& last) {
  if (store_.observe_deleted(last)) mark({pod_key_of(last)});
}

void Controller::mark_pods_of(const std::string& node) {
  mark(cluster_.pods_on(node));
  for (const AssignedStore::Object& assigned : store_.on_node(node)) mark({pod_key_of(*assigned)});
}

void Controller::mark(const PodKeys& keys) {
  if (keys.empty()) return;
  dirty_.insert(keys.begin(), keys.end());
  request_digest();
}

void Controller::reconfigure(core::ComputeDefaults defaults, core::ImmutableIdentities immutable,
                             ClusterIdentities cluster) {
  cluster_.nodes().set_defaults(std::move(defaults));
  immutable_ = std::move(immutable);
  cluster_identities_ = std::move(cluster);
  mark(cluster_.all_pods());
  mark(store_.pod_keys());
}

void Controller::start() {
  started_ = true;
  full_pass();
}

void Controller::stop() {
  stopping_ = true;
  alarm_.set(std::nullopt);
  azure_.stop();
}

void Controller::cancel() {
  stop();
  tasks_.stop();
  azure_.cancel();
}

base::Task<> Controller::drain() {
  co_await tasks_.join();
  co_await azure_.drain();
}

bool Controller::idle() const { return dirty_.empty() && to_plan_.empty() && queue_.idle() && azure_.active() == 0; }

// ---- digesting and planning ----

void Controller::request_digest() {
  if (next_digest_.requested() || !started_ || stopping_) return;
  if (!busy_since_) busy_since_ = dependencies_.clock.steady_now();
  next_digest_.request();
}

void Controller::digest() {
  if (stopping_) return;
  const auto take_one = [](std::unordered_set<std::string>& set) {
    return std::move(set.extract(set.begin()).value());
  };
  look_at_wall_clock();
  std::size_t budget = kDigestBatch;
  // All claims first: nothing is planned, and so nothing taken off, on the word of half the pods.
  for (; budget > 0 && !dirty_.empty(); --budget) {
    std::string pod = take_one(dirty_);
    digest_claims(pod);
    to_plan_.insert(std::move(pod));
  }
  for (; budget > 0 && dirty_.empty() && !to_plan_.empty(); --budget) queue_plan(take_one(to_plan_));
  if (!dirty_.empty() || !to_plan_.empty()) {
    request_digest();
  } else {
    queue_postponed();
  }
  dispatch();
  azure_.resume();
  set_alarm();
  note_progress();
}

std::vector<core::AzureAssignedIdentity> Controller::desired_for(const std::string& pod) {
  std::vector<core::AssignmentWarning> warnings;
  std::vector<core::AzureAssignedIdentity> desired = cluster_.desired_for(pod, warnings);
  for (const core::AssignmentWarning& warning : warnings) {
    if (is_new_warning(warning.object.ns, warning.text)) report(warning);
  }
  return desired;
}

bool Controller::is_new_warning(const std::string& ns, const std::string& text) {
  std::set<std::string>& warned = warned_[ns];
  return warned.size() < kMaxWarnedPerNamespace && warned.insert(text).second;
}

void Controller::warn(std::string_view message, std::string_view kind, const core::ObjectKey& object,
                      std::string_view reason) {
  if (!log_budget_.take(dependencies_.clock.steady_now())) return;
  base::log::warning(message,
                     {{kind, object.text()}, {"reason", reason}, {"suppressed_before", log_budget_.take_suppressed()}});
}

void Controller::report(const core::AssignmentWarning& warning) {
  using Kind = core::AssignmentWarning::Kind;
  switch (warning.kind) {
    case Kind::binding_shadowed:
      warn("an AzureIdentityBinding is shadowed", "binding", warning.object, warning.text);
      return dependencies_.record(binding_shadowed(warning));
    case Kind::binding_denied:
      warn("an AzureIdentityBinding is denied by the AzureIdentityPolicy", "binding", warning.object, warning.text);
      return dependencies_.record(binding_denied(warning));
    case Kind::identity_denied:  // the log has it with the binding
      return dependencies_.record(left_out(warning));
    case Kind::invalid_resource_id:
    case Kind::too_many_for_pod:
      warn("an AzureIdentity is left out", "identity", warning.object, warning.text);
      return dependencies_.record(left_out(warning));
  }
}

void Controller::digest_claims(const std::string& pod) {
  const std::vector<core::AzureAssignedIdentity> desired = desired_for(pod);
  note_claims(pod, desired);
  for (const core::AzureAssignedIdentity& assigned : desired) {
    if (!assigned.identity.user_assigned() || core::is_held(assigned)) continue;
    const NodeAnswer node = cluster_.nodes().find(assigned.node_name);
    if (node.exists && node.target) azure_.watch(*node.target);
  }
}

void Controller::note_claims(const std::string& pod, const std::vector<core::AzureAssignedIdentity>& desired) {
  plan_awaiting(claims_.set(pod, claims_of(cluster_.nodes(), desired, Held::left_out)));
  // One that is about to be replaced or removed answers for nothing any more, even if the pod claims the same again.
  std::vector<AssignedStore::Object> stored = store_.of_pod(pod);
  std::erase_if(stored, [this](const AssignedStore::Object& object) { return ending_.contains(object->meta.uid); });
  std::vector<Claim> counted = recorded_claims(cluster_.nodes(), desired, stored, Held::counted);
  plan_awaiting(recorded_.set(pod, std::ranges::any_of(desired, core::is_held)
                                       ? recorded_claims(cluster_.nodes(), desired, stored, Held::left_out)
                                       : counted));
  note_taken(pod, std::move(counted));
}

void Controller::note_taken(const std::string& pod, std::vector<Claim> recorded) {
  if (const auto writing = writing_.find(pod); writing != writing_.end()) {
    recorded.insert(recorded.end(), writing->second.begin(), writing->second.end());
  }
  taken_.set(pod, recorded);
}

void Controller::plan_awaiting(const std::set<std::string>& targets) {
  for (const std::string& target : targets) {
    if (const auto pods = awaiting_claims_.extract(target)) {
      to_plan_.insert(pods.mapped().begin(), pods.mapped().end());
      request_digest();
    }
  }
}

PodPlan Controller::plan(const std::string& pod) {
  const std::vector<core::AzureAssignedIdentity> desired = desired_for(pod);
  note_claims(pod, desired);  // that it has changed may not have been digested yet
  const PlanInputs inputs{.nodes = cluster_.nodes(),
                          .claims = claims_,
                          .recorded = recorded_,
                          .taken = taken_,
                          .immutable = immutable_,
                          .cluster = cluster_identities_,
                          .azure = azure_,
                          .name_taken = [this](const core::ObjectKey& name, const core::AssignmentKey& key) {
                            return name_taken(name, key);
                          }};
  return plan_pod(inputs, desired, store_.of_pod(pod));
}

bool Controller::name_taken(const core::ObjectKey& name, const core::AssignmentKey& key) const {
  const AssignedStore::Object named = store_.find(name.ns, name.name);
  if (!named) return false;
  const core::AssignmentKey its_key = core::key_of(*named);
  // An object without references (from old releases) goes, and its name becomes free.
  const bool same_pod = its_key.pod == key.pod && its_key.pod_namespace == key.pod_namespace;
  return its_key != key && !(same_pod && its_key.identity.empty());
}

void Controller::queue_plan(const std::string& pod) {
  const PodPlan planned = plan(pod);
  azure_.set_waits(pod, planned.waits);
  for (const std::string& target : planned.awaits_claims_on) awaiting_claims_[target].insert(pod);
  for (const Problem& problem : planned.problems) report(problem);
  postponed_.erase(pod);
  if (planned.actions.empty()) return;
  const auto retires = [](const Action& action) { return action.kind == ActionKind::retire; };
  if (std::ranges::all_of(planned.actions, retires)) {
    postponed_.emplace(pod, planned.awaits_claims_on);
    return;
  }
  const auto gives = [](const Action& action) {
    return action.kind == ActionKind::create || action.kind == ActionKind::replace || action.kind == ActionKind::assign;
  };
  queue_writes(pod, std::ranges::any_of(planned.actions, gives) ? Lane::urgent : Lane::background);
}

void Controller::report(const Problem& problem) {
  const core::AzureAssignedIdentity& stored = *problem.stored;
  if (problem.kind == Problem::Kind::cluster_identity_given) {
    if (!is_new_warning(stored.identity.meta.ns, problem.text)) return;
    warn("an identity of the cluster itself is given to pods", "identity", stored.identity.meta.key(), problem.text);
    dependencies_.record(on_identity(stored, kClusterIdentity, problem.text));
    return;
  }
  warn("an identity cannot be assigned", "assignment", stored.meta.key(), problem.text);
  if (problem.kind == Problem::Kind::not_applied) {
    dependencies_.record(apply_failed(stored, problem.text));
    return;
  }
  const bool is_mismatch = problem.kind == Problem::Kind::client_id_mismatch;
  for (kube::EventKey& event :
       on_identity_and_binding(stored, is_mismatch ? kClientIdMismatch : kClusterIdentity, problem.text)) {
    dependencies_.record(std::move(event));
  }
}

void Controller::queue_postponed() {
  std::erase_if(postponed_, [this](const auto& postponed) {
    const auto& [pod, targets] = postponed;
    if (std::ranges::any_of(targets, [this](const std::string& target) { return queue_.busy(target); })) return false;
    queue_writes(pod, Lane::background);
    return true;
  });
}

void Controller::queue_writes(const std::string& pod, Lane lane) {
  const auto failure = failures_.find(pod);
  if (failure != failures_.end() && failure->second.until > dependencies_.clock.steady_now()) {
    queue_.add_at(pod, group_of(pod), failure->second.until);
  } else {
    queue_.add(pod, group_of(pod), lane);
  }
}

std::string Controller::group_of(const std::string& pod) const {
  std::string node;
  if (const core::Pod* found = cluster_.find_pod(pod)) {
    node = found->node_name;
  } else if (const auto& assigned = store_.of_pod(pod); !assigned.empty()) {
    node = assigned.front()->node_name;
  }
  const NodeAnswer answer = cluster_.nodes().find(node);
  return answer.target ? answer.target->key() : "node " + node;
}

// ---- what the Azure workers ask and tell ----

Wanted Controller::assigned_on(const std::string& target) {
  Wanted identities;
  for (const std::string& node : cluster_.nodes().on_target(target)) {
    for (const AssignedStore::Object& assigned : store_.on_node(node)) {
      if (assigned->status != core::kAssigned) continue;
      const std::optional<Release> own = own_release(*assigned, cluster_.nodes());
      if (!own || own->target != target || !claims_.in_use(target, own->identity)) continue;
      identities[own->identity].insert(assigned->identity.meta.ns);
    }
  }
  return identities;
}

bool Controller::must_stay(const std::string& target, const std::string& identity) {
  return claims_.in_use(target, identity) || is_one_of(immutable_, target, identity, azure_);
}

bool Controller::still_writing(const std::string& target) {
  return !dirty_.empty() || !to_plan_.empty() || queue_.busy(target);
}

void Controller::on_ready(const std::set<std::string>& pods) {
  to_plan_.insert(pods.begin(), pods.end());
  request_digest();
}

// Nobody waits for what is Assigned: without this it would never be looked at again.
void Controller::on_looked_at(const std::string& target) {
  for (const std::string& node : cluster_.nodes().on_target(target)) {
    for (const AssignedStore::Object& assigned : store_.on_node(node)) {
      if (!is_given_wrongly(*assigned, cluster_.nodes(), cluster_identities_, azure_)) continue;
      to_plan_.insert(pod_key_of(*assigned));
      request_digest();
    }
  }
}

void Controller::on_refused(const RoundOutcome::Refusal& refusal) {
  for (const AssignedStore::Object& assigned : store_.of_pod(refusal.pod)) {
    if (!assigned->identity.user_assigned()) continue;
    if (core::resource_id_key(assigned->identity.resource_id) != refusal.identity) continue;
    if (refusal.removal) {
      dependencies_.record(remove_from_node_failed(*assigned, refusal.reason));
    } else if (assigned->status == core::kCreated) {
      dependencies_.record(apply_failed(*assigned, refusal.reason.message));
    }
  }
}

void Controller::on_round_ended(const azure::AzureResource& resource, base::Duration took) {
  dependencies_.metrics.azure_round(resource.kind == azure::ResourceKind::vm ? "vm_update" : "vmss_update",
                                    resource.key(), took);
}

// ---- time ----

// What may be used changes with the time of day, which can be set.
void Controller::look_at_wall_clock() {
  const Cluster::AccessChanges changes = cluster_.advance(dependencies_.clock.wall_now());
  mark(changes.pods);
  for (const core::ObjectKey& binding : changes.bindings) dependencies_.on_access(binding);
}

void Controller::full_pass() {
  const base::SteadyTime now = dependencies_.clock.steady_now();
  next_full_pass_ = now + options_.full_pass_interval;
  store_.forget_ends_before(now - kTombstoneAge);
  cluster_.nodes().forget_gone([this](const std::string& node) { return store_.node_used(node); });
  warned_.clear();
  mark(cluster_.all_pods());
  mark(store_.pod_keys());
  set_alarm();
}

void Controller::set_alarm() {
  if (stopping_ || !started_) return;
  base::SteadyTime when = std::min(queue_.next_due().value_or(next_full_pass_), next_full_pass_);
  if (!cluster_.access().empty()) {
    base::Duration pause = kWallClockLook;
    if (const auto next = cluster_.access().next())
      pause = std::min<base::Duration>(pause, *next - dependencies_.clock.wall_now());
    when = std::min(when, dependencies_.clock.steady_now() + pause);
  }
  alarm_.set(when);
}

void Controller::wake() {
  if (stopping_) return;
  const base::SteadyTime now = dependencies_.clock.steady_now();
  if (now >= next_full_pass_) full_pass();
  look_at_wall_clock();
  queue_.release_due(now);
  dispatch();
  set_alarm();
}

// A cycle, for metrics and the log, is the time from the first thing to do until nothing is left.
void Controller::note_progress() {
  if (!busy_since_ || !dirty_.empty() || !to_plan_.empty() || !queue_.idle()) return;
  const base::Duration took = dependencies_.clock.steady_now() - *busy_since_;
  busy_since_.reset();
  const Tally tally = std::exchange(tally_, {});
  if (tally.total() == 0) return;
  dependencies_.metrics.cycle(took);
  base::log::info("work done", {{"created", tally.created},
                                {"replaced", tally.replaced},
                                {"assigned", tally.assigned},
                                {"removed", tally.removed},
                                {"failed", tally.failed},
                                {"seconds", base::in_seconds(took)}});
}

}  // namespace podid::mic
