// SPDX-License-Identifier: Apache-2.0
// One worker per VM or scale set (MIC-4): a slow operation on one delays no other, and what changes
// meanwhile folds into its next single request.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/alarm.hpp"
#include "base/clock.hpp"
#include "base/next_turn.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "mic/machines/azure_target.hpp"
#include "mic/machines/identity_api.hpp"
#include "mic/plan/pod_plan.hpp"

namespace podid::mic {

// What the workers ask of, and tell, the controller. Called on the executor.
class AzureWorkersOwner {
 public:
  virtual ~AzureWorkersOwner() = default;
  // Identities that assignments in state Assigned need on the target.
  virtual Wanted assigned_on(const std::string& target) = 0;
  // Some pod uses it, or it is never taken off.
  virtual bool must_stay(const std::string& target, const std::string& identity) = 0;
  virtual bool any_in_use(const std::string& target) = 0;
  // Whether assignments for this target are just being written: its request waits for them (bounded by kFoldLimit).
  virtual bool still_writing(const std::string& target) = 0;
  virtual void on_ready(const std::set<std::string>& pods) = 0;
  // What is attached there, and under which client IDs, has been looked at without any wait.
  virtual void on_looked_at(const std::string& target) = 0;
  virtual void on_refused(const RoundOutcome::Refusal& refusal) = 0;
  virtual void on_round_ended(const azure::AzureResource& resource, base::Duration took) = 0;
};

struct AzureWorkersOptions {
  std::size_t max_parallel = 16;
  TargetTiming timing;
};

// One executor. References outlive it; stop() and await drain() before the destructor.
class AzureWorkers final : public AzureView {
 public:
  AzureWorkers(base::Executor executor, base::Clock& clock, base::Random& random, IdentityApi& api,
               AzureWorkersOptions options, AzureWorkersOwner& owner);

  // Replaces all waits of the pod.
  void set_waits(const std::string& pod, const std::vector<Wait>& waits);
  // Makes sure that the target is looked after (mic.md §9) from now on.
  void watch(const core::ComputeTarget& target);
  // Writes that rounds waited for have ended.
  void resume();

  bool attached(std::string_view target, std::string_view identity) const override;
  bool absent(std::string_view target, std::string_view identity) const override;
  std::string_view client_id(std::string_view target, std::string_view identity) const override;
  bool last_change_failed(std::string_view target) const override;

  // No further rounds. With `cancel`, those under way are broken off.
  void stop();
  void cancel() { tasks_.stop(); }
  base::Task<> drain() { return tasks_.join(); }

  std::size_t active() const { return active_; }
  std::size_t bad_identities() const;
  std::size_t retrying() const;

 private:
  AzureTarget& find_or_add(const core::ComputeTarget& target);
  void poke(const std::string& target);
  void request_pump();
  void pump();
  void pump_target(AzureTarget& target);
  void schedule(AzureTarget& target);
  base::Task<> run_round(std::string key, Round round);
  bool look_by_list(AzureTarget& target);
  base::Task<> run_list(azure::AzureResource collection);
  void note_list_failure(const azure::AzureResource& resource, const base::Error& error);
  void take_list(const std::map<std::string, azure::IdentityState>& states, const azure::AzureResource& collection,
                 base::SteadyTime asked_at);
  void wake();

  // The resources of one kind in one group: where many are looked after, one list call looks at all of them (MIC-5).
  struct Collection {
    std::set<std::string> targets;
    std::set<std::string> unlisted;  // targets that the last list did not have
    bool under_way = false;
    base::SteadyTime alone_until = base::SteadyTime::min();  // lists are not to be had: each target looks for itself
    base::SteadyTime retry_at = base::SteadyTime::min();     // Azure is busy or away: nobody looks until then
    base::Duration retry_delay{0};
  };

  // constant
  base::Clock& clock_;
  base::Random& random_;
  IdentityApi& api_;
  const AzureWorkersOptions options_;
  AzureWorkersOwner& owner_;
  // state
  std::map<std::string, std::unique_ptr<AzureTarget>, std::less<>> targets_;
  std::map<std::string, Collection> collections_;                      // by the key of a resource without a name
  std::unordered_map<std::string, std::set<std::string>> waiting_in_;  // pod → targets
  std::map<std::string, base::SteadyTime> dirty_;                      // target → since when
  std::map<std::string, base::SteadyTime> due_;                        // target → when to look again
  std::size_t active_ = 0;
  bool stopping_ = false;
  base::NextTurn next_pump_;
  base::Alarm alarm_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::mic
