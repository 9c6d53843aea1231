// SPDX-License-Identifier: Apache-2.0
// Keeps AzureAssignedIdentities and the identities of VMs and scale sets in step with pods, bindings and identities.
//
// Level-based: an event only says which pods to look at again. Each of them is first digested (what does it want on
// Azure?), then planned (plan_pod), and written to, one pod at a time per key, many pods at once. What a plan has to wait
// for on Azure is left with the AzureWorkers, which name the pods again when it is there. Reading the same state twice
// changes nothing.
#pragma once
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/alarm.hpp"
#include "base/clock.hpp"
#include "base/log_budget.hpp"
#include "base/next_turn.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "core/immutable_identities.hpp"
#include "kube/event_recorder.hpp"
#include "mic/control/assigned_api.hpp"
#include "mic/control/metrics.hpp"
#include "mic/control/work_queue.hpp"
#include "mic/machines/azure_workers.hpp"
#include "mic/machines/identity_api.hpp"
#include "mic/plan/pod_plan.hpp"
#include "mic/world/assigned_store.hpp"
#include "mic/world/claims.hpp"
#include "mic/world/cluster.hpp"

namespace podid::mic {

struct ControllerOptions {
  core::AssignmentOptions assignment;
  core::ComputeDefaults compute_defaults;
  core::ImmutableIdentities immutable;
  ClusterIdentities cluster;
  std::size_t writes_per_target = 20;  // --createDeleteBatch
  base::Duration full_pass_interval = std::chrono::hours(1);
  AccessTiming access;
  AzureWorkersOptions azure;
};

struct ControllerDependencies {
  base::Executor executor;
  base::Clock& clock;
  base::Random& random;
  core::ZoneLookup zones;
  AssignedApi& assigned;
  IdentityApi& identities;
  std::function<void(kube::EventKey)> record;
  // What spec.access of the binding allows, or the binding, may have changed. Not to be called back from.
  std::function<void(const core::ObjectKey& binding)> on_access;
  MicMetrics& metrics;
};

// One executor. Nothing is written before start() or after stop(). Await drain() before the destructor.
class Controller final : private AzureWorkersOwner {
 public:
  Controller(ControllerOptions options, ControllerDependencies dependencies);
  ~Controller() override;

  // What the watches tell. Cheap; work is put off.
  void put(std::shared_ptr<const core::Pod> pod) { mark(cluster_.put(std::move(pod))); }
  void put(core::AzureIdentityBinding binding);
  void put(core::AzureIdentity identity) { mark(cluster_.put(std::move(identity))); }
  void put(const core::Node& node);
  void put(AssignedStore::Object assigned);
  // With --identity-policy=enforce alone. Null: there is none. `problem`: of one that cannot be read.
  void put(std::shared_ptr<const core::IdentityPolicy> policy);
  void put_unreadable_policy(std::string problem);
  void put(core::PolicyLabels labels) { mark(cluster_.put(std::move(labels))); }
  // What bindings' windows name for their holidays.
  void put(const core::ObjectKey& config_map, ConfigMapTexts texts) {
    take([&] { return cluster_.put(config_map, std::move(texts)); });
  }
  void put(core::AzureIdentityGrant grant) {
    take([&] { return cluster_.put(std::move(grant)); });
  }
  void put(core::AzureIdentityGrantApproval approval) {
    take([&] { return cluster_.put(std::move(approval)); });
  }
  void put(core::GrantPolicies policies) {
    take([&] { return cluster_.put(std::move(policies)); });
  }
  void erase_grant(const core::ObjectKey& key) {
    take([&] { return cluster_.erase_grant(key); });
  }
  void erase(const core::AzureIdentityGrantApproval& approval) {
    take([&] { return cluster_.erase(approval); });
  }
  void erase_namespace(const std::string& name) { mark(cluster_.erase_namespace(name)); }
  void erase_pod(const core::ObjectKey& key) { mark(cluster_.erase_pod(key)); }
  void erase_binding(const core::ObjectKey& key) { mark(cluster_.erase_binding(key)); }
  void erase_identity(const core::ObjectKey& key) { mark(cluster_.erase_identity(key)); }
  void erase_node(const std::string& name);
  void erase(const core::AzureAssignedIdentity& last);

  // All that exists has been told once; work may begin.
  void start();
  // A new cloud configuration.
  void reconfigure(core::ComputeDefaults defaults, core::ImmutableIdentities immutable, ClusterIdentities cluster);

  // No further writes begin.
  void stop();
  // Breaks off those under way.
  void cancel();
  // Completes when none is under way. After stop().
  base::Task<> drain();

  // Of spec.access of bindings, as of the last look at the clock on the wall.
  const AccessBook& access() const { return cluster_.access(); }
  const BindingTerms& terms() const { return cluster_.terms(); }
  const core::AzureIdentityBinding* find_binding(const core::ObjectKey& key) const {
    return cluster_.find_binding(key);
  }
  bool enforces_policy() const { return options_.assignment.policy == core::IdentityPolicyMode::enforce; }
  // Nothing to digest, to plan or to write, no write and no round under way. Retries may be due later.
  bool idle() const;
  std::size_t queue_depth() const { return dirty_.size() + to_plan_.size() + queue_.waiting(); }
  // For the gauges.
  const AzureWorkers& azure() const { return azure_; }

 private:
  struct Failures {
    base::Duration pause{0};  // the last one
    base::SteadyTime until;
  };
  struct Tally {  // of one burst of work, for its log line
    std::size_t created = 0, replaced = 0, assigned = 0, removed = 0, failed = 0;
    std::size_t total() const { return created + replaced + assigned + removed + failed; }
  };

  // AzureWorkersOwner
  Wanted assigned_on(const std::string& target) override;
  bool must_stay(const std::string& target, const std::string& identity) override;
  bool any_in_use(const std::string& target) override { return claims_.any(target); }
  bool still_writing(const std::string& target) override;
  void on_ready(const std::set<std::string>& pods) override;
  void on_looked_at(const std::string& target) override;
  void on_refused(const RoundOutcome::Refusal& refusal) override;
  void on_round_ended(const azure::AzureResource& resource, base::Duration took) override;

  // Something that bindings' spec.access depends on.
  template <class Change>
  void take(Change&& change) {
    look_at_wall_clock();
    mark(change());
    look_at_wall_clock();  // tells of the bindings
    set_alarm();
  }
  void mark(const PodKeys& keys);
  void on_other_policy(const PodKeys& concerned);
  void mark_pods_of(const std::string& node);
  void request_digest();
  void digest();
  void report(const core::AssignmentWarning& warning);
  void digest_claims(const std::string& pod);
  void note_claims(const std::string& pod, const std::vector<core::AzureAssignedIdentity>& desired);
  void note_taken(const std::string& pod, std::vector<Claim> recorded);
  void report(const Problem& problem);
  void plan_awaiting(const std::set<std::string>& targets);
  void queue_plan(const std::string& pod);
  void queue_postponed();
  void queue_writes(const std::string& pod, Lane lane);
  std::vector<core::AzureAssignedIdentity> desired_for(const std::string& pod);
  bool is_new_warning(const std::string& ns, const std::string& text);
  // A line of the log, if there is room for it. `kind` names the object.
  void warn(std::string_view message, std::string_view kind, const core::ObjectKey& object, std::string_view reason);
  PodPlan plan(const std::string& pod);
  bool name_taken(const core::ObjectKey& name, const core::AssignmentKey& key) const;
  std::string group_of(const std::string& pod) const;

  void dispatch();
  base::Task<> work_on(std::string pod, std::string group);
  // Each says whether it succeeded, and has logged and recorded why not.
  base::Task<bool> carry_out(Action action);
  base::Task<bool> create(Action action);
  base::Task<bool> replace(Action action);
  base::Task<bool> update_status(Action action);
  base::Task<bool> remove(Action action);
  void note_outcome(const std::string& pod, bool ok);
  void note_failure(const core::AzureAssignedIdentity& assigned, const base::Error& error, std::string_view operation,
                    const std::function<kube::EventKey()>& event);

  void look_at_wall_clock();
  void full_pass();
  void set_alarm();
  void wake();
  void note_progress();

  // constant
  const ControllerOptions options_;
  ControllerDependencies dependencies_;
  // what is
  Cluster cluster_;
  AssignedStore store_;
  Claims claims_;
  core::ImmutableIdentities immutable_;
  ClusterIdentities cluster_identities_;
  std::unordered_map<std::string, std::vector<Claim>> writing_;  // pod in work → what the writes will answer for
  Claims taken_;                                                 // recorded_, with what is being written
  Claims recorded_;                                              // those of claims_ that an assignment answers for
  std::map<std::string, std::set<std::string>>
      awaiting_claims_;                                  // target → pods to plan again (PodPlan::awaits_claims_on)
  std::set<std::string> ending_;                         // uids of assignments that are about to be replaced or removed
  std::map<std::string, std::set<std::string>> warned_;  // by namespace, since the last full pass
  base::LogBudget log_budget_;                           // of what whoever writes objects can cause
  // what is to be done; a pod moves from left to right
  std::unordered_set<std::string> dirty_;
  std::unordered_set<std::string> to_plan_;
  // Pods with nothing to do but to retire assignments, and the targets of those. The claimants' assignments, which would
  // make that needless, may be just being written.
  std::map<std::string, std::set<std::string>> postponed_;
  WorkQueue queue_;
  std::unordered_map<std::string, Failures> failures_;
  // control
  bool started_ = false;
  bool stopping_ = false;
  base::SteadyTime next_full_pass_ = base::SteadyTime::max();
  std::optional<base::SteadyTime> busy_since_;
  Tally tally_;
  base::NextTurn next_digest_;
  base::Alarm alarm_;
  AzureWorkers azure_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::mic
