// SPDX-License-Identifier: Apache-2.0
// At most one leader among the replicas of a program.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "kube/leader_lock.hpp"
#include "kube/leader_record.hpp"

namespace podid::kube {

class EventRecorder;

// --leader-election-resource-lock. The combined form holds both objects and needs both to lead.
enum class LockKind { leases, endpoints_leases, endpoints };
// "leases", "endpointsleases", "endpoints"; `invalid` names the allowed values.
base::Result<LockKind> parse_lock_kind(std::string_view text);

struct LeaderElectorOptions {
  LockKind lock = LockKind::leases;
  ObjectKey key = {};         // of the lock object(s)
  std::string identity = {};  // of this replica; unique among them
  // D. The leader renews every D/4; where that fails, again at once and then every D/15, each request given up after
  // D/5. It gives up 2/3 D after its last success; others take over D after the last change that they saw themselves,
  // so clocks need not agree. At least 1 s; stored in whole seconds.
  std::chrono::milliseconds lease_duration{15'000};
};

struct LeaderCallbacks {
  std::function<void()> on_started;  // we lead from now on
  std::function<void()> on_lost;     // we led and may not act any more; called before anything else is done
  std::function<void(const std::string& identity)> on_new_leader;  // somebody, perhaps we, was seen leading
};

// Belongs to the client's executor. Stands for election again after a loss. Call stop() and await it before the
// destructor.
class LeaderElector {
 public:
  static constexpr double kAcquireJitter = 1.2;
  // A record that claims a longer duration is believed for this long.
  static constexpr std::chrono::seconds kMaxDuration{3600};

  // The client should have no rate limit and be the elector's own: then other work cannot delay a renewal, and each
  // request after one that hung goes over a new connection. `events` may be null; else "became leader" and "stopped leading" are recorded on the lock objects.
  LeaderElector(Client& client, LeaderElectorOptions options, LeaderCallbacks callbacks, EventRecorder* events);

  void start();
  // Stops standing. A held lock is released, so that the successor need not wait; on_lost is called before that. Stop
  // the work first. Failure to release in time is no error: the lease then runs out.
  base::Task<> stop(net::Deadline deadline);

  // False as soon as the renew deadline has passed, even while on_lost could not be called yet.
  bool is_leader() const;
  // The holder seen last; empty before that, or when the lock is free.
  const std::string& observed_leader() const { return observed_leader_; }
  // Why the lock could not be read or written last; nothing while all is well.
  const std::optional<base::Error>& last_error() const { return last_error_; }

 private:
  // One lock object, and since when its record has not changed.
  struct Watched {
    LeaderLock lock;
    std::optional<LeaderRecord> record;
    base::SteadyTime changed_at{};
  };

  base::Task<> run();
  base::Task<> acquire();
  base::Task<> renew_until_lost();
  base::Task<bool> try_acquire_or_renew(base::SteadyTime give_up);
  base::Task<base::Result<bool>> may_take(Watched& watched, net::Deadline deadline);
  net::Deadline request_deadline(base::SteadyTime give_up) const;
  LeaderRecord next_record(const Watched& watched) const;
  bool held_by_another() const;
  base::Duration renew_limit() const { return base::Duration(options_.lease_duration) * 2 / 3; }
  base::SteadyTime renew_by() const { return renewed_at_ + renew_limit(); }
  void note_leader(const std::string& identity);
  void set_leading(bool leading);

  // constant
  Client& client_;
  const LeaderElectorOptions options_;
  const LeaderCallbacks callbacks_;
  EventRecorder* const events_;
  // state
  std::vector<Watched> locks_;
  bool leading_ = false;
  base::SteadyTime renewed_at_{};
  std::string observed_leader_;
  std::optional<base::Error> last_error_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::kube
