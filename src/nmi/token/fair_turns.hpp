// SPDX-License-Identifier: Apache-2.0
// The node's budget for calls to the metadata endpoint, which throttles a whole machine for what one of its pods asks.
#pragma once
#include <list>
#include <map>
#include <string>

#include "azure/imds_client.hpp"
#include "base/alarm.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/event.hpp"
#include "base/metrics/metrics.hpp"
#include "base/token_bucket.hpp"

namespace podid::nmi {

// So many calls a second in all. Where they do not suffice, pods take turns, one call each: a pod that asks for much waits for
// itself, one that asks for little waits for one round at most. One executor. References outlive it; nobody may wait when it
// is destroyed.
class FairTurns final : public azure::ImdsGate {
 public:
  // 0: no limit.
  FairTurns(base::Executor executor, double per_second, base::Clock& clock, base::MetricsRegistry& metrics);

  // Waits for a turn of `asker` (a pod's uid; "" is everybody's: refreshes). False, counted and at once where that can be
  // foreseen: none comes before `deadline`.
  base::Task<bool> enter(std::string asker, base::SteadyTime deadline) override;
  std::size_t waiting() const;

 private:
  struct Waiter {
    explicit Waiter(base::Executor executor) : woken(executor) {}
    base::Event woken;
    bool granted = false;
  };
  using Line = std::list<Waiter*>;

  // Calls that come before one that `asker` would make now.
  std::size_t ahead_of(const std::string& asker) const;
  void give_turns();
  void remove(const std::string& asker, const Waiter* waiter);

  const base::Executor executor_;
  const base::TokenRate rate_;
  base::Clock& clock_;
  base::Family<base::Counter>& limit_hits_;
  base::TokenBucket bucket_;
  std::map<std::string, Line> lines_;  // of those who wait
  std::list<std::string> round_;       // the keys of lines_, whose turn is next first
  base::Alarm next_turn_;
};

}  // namespace podid::nmi
