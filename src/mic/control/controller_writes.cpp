// SPDX-License-Identifier: Apache-2.0
// The controller's hands: how the actions of a plan are written to the API server.
#include <algorithm>
#include <utility>

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "core/model/naming.hpp"
#include "mic/control/controller.hpp"
#include "mic/control/events.hpp"
#include "mic/control/limits.hpp"

namespace podid::mic {
namespace {

constexpr std::string_view kAddition = "assigned_identity_addition";
constexpr std::string_view kUpdate = "assigned_identity_update";
constexpr std::string_view kDeletion = "assigned_identity_deletion";
constexpr std::string_view kStatus = "update_azure_assigned_identity_status";

// Our picture of the object was old. The watch brings a new one; nobody needs to hear of it.
bool is_stale(const base::Error& error) {
  return error.kind == base::ErrorKind::conflict || error.kind == base::ErrorKind::already_exists ||
         error.kind == base::ErrorKind::not_found;
}

bool has_our_finalizer(const core::AzureAssignedIdentity& assigned) {
  return std::ranges::find(assigned.meta.finalizers, core::kAssignedIdentityFinalizer) !=
         assigned.meta.finalizers.end();
}

// The uids of assignments that will not be what they are when the plan has been carried out.
std::vector<std::string> ended_by(const PodPlan& planned) {
  std::vector<std::string> uids;
  for (const Action& action : planned.actions) {
    if (action.kind == ActionKind::replace || action.kind == ActionKind::remove)
      uids.push_back(action.stored->meta.uid);
  }
  return uids;
}

// The assignments that will be there when the plan has been carried out, and are not as yet.
std::vector<core::AzureAssignedIdentity> written_by(const PodPlan& planned) {
  std::vector<core::AzureAssignedIdentity> written;
  for (const Action& action : planned.actions) {
    if (action.kind == ActionKind::create || action.kind == ActionKind::replace) written.push_back(action.wanted);
  }
  return written;
}

}  // namespace

void Controller::dispatch() {
  if (stopping_ || !started_) return;
  while (std::optional<std::string> pod = queue_.pop()) {
    std::string group = group_of(*pod);
    tasks_.spawn("assignments of a pod", work_on(std::move(*pod), std::move(group)));
  }
}

base::Task<> Controller::work_on(std::string pod, std::string group) {
  // Made anew: what was planned when the pod was queued may be history.
  PodPlan planned = plan(pod);
  const std::vector<std::string> ended = ended_by(planned);
  ending_.insert(ended.begin(), ended.end());
  if (std::vector<Claim> written = claims_of(cluster_.nodes(), written_by(planned), Held::counted); !written.empty()) {
    writing_.insert_or_assign(pod, std::move(written));
    note_taken(pod, recorded_claims(cluster_.nodes(), desired_for(pod), store_.of_pod(pod), Held::counted));
  }
  bool ok = true;
  for (Action& action : planned.actions) {
    if (stopping_) break;
    const bool done = co_await carry_out(std::move(action));
    ok = ok && done;
  }
  for (const std::string& uid : ended) ending_.erase(uid);
  writing_.erase(pod);  // what has been written is counted by the next plan
  note_outcome(pod, ok);
  queue_.done(pod);
  to_plan_.insert(std::move(pod));
  request_digest();
  if (!queue_.busy(group)) azure_.resume();
  dispatch();
}

void Controller::note_outcome(const std::string& pod, bool ok) {
  if (ok) {
    failures_.erase(pod);
    return;
  }
  Failures& failures = failures_[pod];
  failures.pause = base::next_pause(failures.pause, kWriteRetryFirstDelay, kWriteRetryLastDelay);
  failures.until = dependencies_.clock.steady_now() + failures.pause;
}

void Controller::note_failure(const core::AzureAssignedIdentity& assigned, const base::Error& error,
                              std::string_view operation, const std::function<kube::EventKey()>& event) {
  if (is_stale(error)) {
    base::log::debug("an assignment has changed meanwhile",
                     {{"assignment", assigned.meta.key().text()}, {"error", error}});
    return;
  }
  ++tally_.failed;
  dependencies_.metrics.api_failed(operation);
  if (log_budget_.take(dependencies_.clock.steady_now())) {
    base::log::warning("a write of an assignment failed", {{"assignment", assigned.meta.key().text()},
                                                           {"operation", operation},
                                                           {"error", error},
                                                           {"suppressed_before", log_budget_.take_suppressed()}});
  }
  if (event) dependencies_.record(event());
}

base::Task<bool> Controller::carry_out(Action action) {
  bool done = false;
  switch (action.kind) {
    case ActionKind::create:
      done = co_await create(std::move(action));
      break;
    case ActionKind::replace:
      done = co_await replace(std::move(action));
      break;
    case ActionKind::assign:
    case ActionKind::withdraw:
    case ActionKind::annotate:
    case ActionKind::retire:
      done = co_await update_status(std::move(action));
      break;
    case ActionKind::remove:
      done = co_await remove(std::move(action));
      break;
  }
  co_return done;
}

base::Task<bool> Controller::create(Action action) {
  const base::SteadyTime started = dependencies_.clock.steady_now();
  auto created = co_await dependencies_.assigned.create(action.wanted);
  if (!created) {
    const base::Error& error = created.error();
    note_failure(action.wanted, error, kAddition, [&] { return create_failed(action.wanted, error); });
    co_return false;
  }
  ++tally_.created;
  dependencies_.metrics.added(dependencies_.clock.steady_now() - started);
  store_.wrote(std::move(*created));
  co_return true;
}

base::Task<bool> Controller::replace(Action action) {
  const base::SteadyTime started = dependencies_.clock.steady_now();
  auto replaced = co_await dependencies_.assigned.replace(*action.stored, action.wanted);
  if (!replaced) {
    const base::Error& error = replaced.error();
    note_failure(*action.stored, error, kUpdate, [&] { return replace_failed(action.wanted, error); });
    co_return false;
  }
  ++tally_.replaced;
  dependencies_.metrics.updated(dependencies_.clock.steady_now() - started);
  store_.wrote(std::move(*replaced));
  co_return true;
}

base::Task<bool> Controller::update_status(Action action) {
  const bool assigns = action.kind == ActionKind::assign;
  auto updated = co_await dependencies_.assigned.update_status(*action.stored, action.wanted);
  if (!updated) {
    const base::Error& error = updated.error();
    note_failure(*action.stored, error, kStatus,
                 assigns ? [&] { return assign_failed(*action.stored, action.last_change, error); }
                         : std::function<kube::EventKey()>());
    co_return false;
  }
  if (assigns) {
    ++tally_.assigned;
    dependencies_.record(applied(*updated, action.last_change));
  }
  store_.wrote(std::move(*updated));
  co_return true;
}

// Two writes at most (MIC-6): one that says Unassigned and takes our finalizer off, one that deletes. When the second one
// fails, the object stays Unassigned and is finished later without touching Azure.
base::Task<bool> Controller::remove(Action action) {
  const base::SteadyTime started = dependencies_.clock.steady_now();
  const core::AzureAssignedIdentity& stored = *action.stored;
  const auto failed_event = [&](const base::Error& error) {
    return action.node_gone ? remove_from_node_failed(stored, error) : unassign_failed(stored, error);
  };
  std::optional<core::AzureAssignedIdentity> left = stored;
  const std::string status = action.node_gone ? std::string() : std::string(core::kUnassigned);
  if (has_our_finalizer(stored) || (!status.empty() && stored.status != status)) {
    auto taken = co_await dependencies_.assigned.take_finalizer(stored, status);
    if (!taken) {
      const base::Error& error = taken.error();
      note_failure(stored, error, kStatus, [&] { return failed_event(error); });
      co_return false;
    }
    left = std::move(*taken);
    if (left) store_.wrote(*left);
  }
  if (left && !left->meta.deleting()) {
    auto deleted = co_await dependencies_.assigned.remove(*left);
    if (!deleted) {
      const base::Error& error = deleted.error();
      note_failure(stored, error, kDeletion,
                   action.node_gone ? [&] { return failed_event(error); } : std::function<kube::EventKey()>());
      co_return false;
    }
    left = std::move(*deleted);
  }
  if (left) {
    store_.wrote(std::move(*left));  // other finalizers keep it; the watch tells when it is gone
  } else {
    store_.ended(stored, dependencies_.clock.steady_now());
  }
  ++tally_.removed;
  dependencies_.metrics.deleted(dependencies_.clock.steady_now() - started);
  if (action.node_gone) dependencies_.record(removed_from_node(stored));
  co_return true;
}

}  // namespace podid::mic
