// SPDX-License-Identifier: Apache-2.0
#include "kube/leader_elector.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/random.hpp"
#include "base/text.hpp"
#include "kube/event_recorder.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;
using base::Result;
using base::Task;
using std::chrono::duration_cast;
using std::chrono::seconds;

// The order of the combined form is the same in every replica, so two of them cannot each hold one half for good.
std::vector<LockObject> objects_of(LockKind kind) {
  switch (kind) {
    case LockKind::leases:
      return {LockObject::lease};
    case LockKind::endpoints:
      return {LockObject::endpoints};
    case LockKind::endpoints_leases:
      return {LockObject::endpoints, LockObject::lease};
  }
  return {};
}

// A released record names nobody; its duration must still be positive.
constexpr seconds kReleasedDuration{1};

}  // namespace

Result<LockKind> parse_lock_kind(std::string_view text) {
  if (text == "leases") return LockKind::leases;
  if (text == "endpointsleases") return LockKind::endpoints_leases;
  if (text == "endpoints") return LockKind::endpoints;
  return base::fail(ErrorKind::invalid,
                    fmt::format("unknown lock {}: leases, endpointsleases or endpoints", base::go_quote(text)));
}

LeaderElector::LeaderElector(Client& client, LeaderElectorOptions options, LeaderCallbacks callbacks,
                             EventRecorder* events)
    : client_(client),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      events_(events),
      tasks_(client.executor()) {
  for (const LockObject object : objects_of(options_.lock)) {
    locks_.push_back({LeaderLock(client, object, options_.key), std::nullopt, {}});
  }
}

void LeaderElector::start() { tasks_.spawn("leader election", run()); }

Task<> LeaderElector::stop(net::Deadline deadline) {
  tasks_.stop();
  co_await tasks_.join();
  set_leading(false);
  for (auto watched = locks_.rbegin(); watched != locks_.rend(); ++watched) {
    // Read again: the last write may have reached the server without its answer reaching us.
    Result<std::optional<LeaderRecord>> record = co_await watched->lock.read(deadline);
    if (!record || !*record || (*record)->holder != options_.identity) continue;
    LeaderRecord released = **record;
    released.holder.clear();
    released.lease_duration_seconds = kReleasedDuration.count();
    released.renew_time = client_.clock().wall_now();
    Result<> written = co_await watched->lock.write(released, deadline);
    if (!written) last_error_ = std::move(written.error());
  }
}

bool LeaderElector::is_leader() const { return leading_ && client_.clock().steady_now() < renew_by(); }

Task<> LeaderElector::run() {
  while (true) {
    co_await acquire();
    set_leading(true);
    co_await renew_until_lost();
    set_leading(false);
  }
}

Task<> LeaderElector::acquire() {
  while (true) {
    const bool acquired = co_await try_acquire_or_renew(client_.clock().steady_now() + renew_limit());
    if (acquired) co_return;
    const double stretch = 1 + kAcquireJitter * client_.random().unit();
    const std::chrono::duration<double> wait = options_.lease_duration / 4 * stretch;
    co_await client_.clock().sleep_for(duration_cast<base::Duration>(wait));
  }
}

Task<> LeaderElector::renew_until_lost() {
  base::Clock& clock = client_.clock();
  base::SteadyTime next = clock.steady_now() + options_.lease_duration / 4;
  bool failed = false;
  while (true) {
    co_await clock.sleep_until(std::min(next, renew_by()));
    const base::SteadyTime now = clock.steady_now();
    if (now >= renew_by()) co_return;
    const bool renewed = co_await try_acquire_or_renew(renew_by());
    if (!renewed && held_by_another()) co_return;
    if (renewed) {
      next = clock.steady_now() + options_.lease_duration / 4;
    } else {
      // What fails once is most often a connection that has died; a server that is away needs a moment.
      next = failed ? now + options_.lease_duration / 15 : now;
    }
    failed = !renewed;
  }
}

// One that hangs must leave time for others.
net::Deadline LeaderElector::request_deadline(base::SteadyTime give_up) const {
  const base::Duration left = give_up - client_.clock().steady_now();
  return net::Deadline::in(client_.clock(), std::min<base::Duration>(left, options_.lease_duration / 5));
}

Task<bool> LeaderElector::try_acquire_or_renew(base::SteadyTime give_up) {
  // Counted from before the first request: the others count from when they see the result of the last one.
  const base::SteadyTime began = client_.clock().steady_now();
  for (Watched& watched : locks_) {
    Result<bool> free = co_await may_take(watched, request_deadline(give_up));
    if (!free) last_error_ = std::move(free.error());
    if (!free || !*free) co_return false;
  }
  for (Watched& watched : locks_) {
    const LeaderRecord record = next_record(watched);
    Result<> written = co_await watched.lock.write(record, request_deadline(give_up));
    if (!written) {
      last_error_ = std::move(written.error());
      co_return false;
    }
    watched.record = record;
    watched.changed_at = client_.clock().steady_now();
  }
  // An answer that came too late is worth nothing: the callbacks have to come in time.
  if (client_.clock().steady_now() >= began + renew_limit()) co_return false;
  renewed_at_ = began;
  last_error_.reset();
  note_leader(options_.identity);
  co_return true;
}

Task<Result<bool>> LeaderElector::may_take(Watched& watched, net::Deadline deadline) {
  Result<std::optional<LeaderRecord>> read = co_await watched.lock.read(deadline);
  if (!read) co_return std::unexpected(std::move(read.error()));
  const base::SteadyTime now = client_.clock().steady_now();
  if (*read != watched.record) {
    watched.record = std::move(*read);
    watched.changed_at = now;
  }
  if (!watched.record || watched.record->holder.empty()) co_return true;
  if (watched.record->holder == options_.identity) co_return true;
  note_leader(watched.record->holder);
  const std::int64_t stored = watched.record->lease_duration_seconds;
  const base::Duration duration = stored > 0
                                      ? base::Duration(seconds(std::min<std::int64_t>(stored, kMaxDuration.count())))
                                      : base::Duration(options_.lease_duration);
  co_return now >= watched.changed_at + duration;
}

bool LeaderElector::held_by_another() const {
  return std::ranges::any_of(locks_, [this](const Watched& watched) {
    return watched.record && !watched.record->holder.empty() && watched.record->holder != options_.identity;
  });
}

LeaderRecord LeaderElector::next_record(const Watched& watched) const {
  const base::WallTime now = client_.clock().wall_now();
  LeaderRecord next;
  next.holder = options_.identity;
  next.lease_duration_seconds = std::chrono::ceil<seconds>(options_.lease_duration).count();
  next.acquire_time = now;
  next.renew_time = now;
  if (!watched.record) return next;
  next.transitions = watched.record->transitions;
  if (watched.record->holder == options_.identity) {
    next.acquire_time = watched.record->acquire_time;
  } else {
    ++next.transitions;
  }
  return next;
}

void LeaderElector::note_leader(const std::string& identity) {
  if (observed_leader_ == identity) return;
  observed_leader_ = identity;
  if (callbacks_.on_new_leader) callbacks_.on_new_leader(identity);
}

void LeaderElector::set_leading(bool leading) {
  if (leading_ == leading) return;
  leading_ = leading;
  const auto& callback = leading ? callbacks_.on_started : callbacks_.on_lost;
  if (callback) callback();
  if (events_ == nullptr) return;
  const std::string_view change = leading ? "became leader" : "stopped leading";
  for (const Watched& watched : locks_) {
    events_->record({.regarding = watched.lock.reference(),
                     .type = EventType::normal,
                     .reason = "LeaderElection",
                     .message = fmt::format("{} {}", options_.identity, change),
                     .related = {},
                     .action = {}});
  }
}

}  // namespace podid::kube
