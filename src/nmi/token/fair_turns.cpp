// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/fair_turns.hpp"

#include <algorithm>
#include <boost/system/system_error.hpp>

namespace podid::nmi {

FairTurns::FairTurns(base::Executor executor, double per_second, base::Clock& clock, base::MetricsRegistry& metrics)
    : executor_(executor),
      rate_{.per_second = per_second, .burst = std::max(1.0, per_second)},
      clock_(clock),
      limit_hits_(metrics.counter(base::metric::kNmiLimitHits)),
      bucket_(rate_, clock.steady_now()),
      next_turn_(executor, clock, [this] { give_turns(); }) {}

base::Task<bool> FairTurns::enter(std::string asker, base::SteadyTime deadline) {
  if (rate_.per_second <= 0) co_return true;
  const base::SteadyTime now = clock_.steady_now();
  if (lines_.empty() && bucket_.take(rate_, now)) co_return true;
  const base::Duration wait = bucket_.until_taken(rate_, now, static_cast<double>(ahead_of(asker)));
  if (wait >= deadline - now) {
    limit_hits_.increment({"imds_requests"});
    co_return false;
  }

  Waiter waiter(executor_);
  const auto [line, first] = lines_.try_emplace(asker);
  line->second.push_back(&waiter);
  if (first) round_.push_back(asker);
  give_turns();
  const std::unique_ptr<base::Timer> late = clock_.make_timer(executor_);
  late->set(deadline, [&waiter] { waiter.woken.notify(); });
  bool cancelled = false;
  try {
    if (!waiter.granted) co_await waiter.woken.wait();
  } catch (const boost::system::system_error&) {
    cancelled = true;
  }
  if (!waiter.granted) {
    remove(asker, &waiter);
    if (!cancelled) limit_hits_.increment({"imds_requests"});
  }
  co_return waiter.granted;
}

std::size_t FairTurns::waiting() const {
  std::size_t all = 0;
  for (const auto& [asker, line] : lines_) all += line.size();
  return all;
}

std::size_t FairTurns::ahead_of(const std::string& asker) const {
  const auto own = lines_.find(asker);
  const std::size_t rounds = own == lines_.end() ? 0 : own->second.size();
  std::size_t ahead = rounds;
  for (const auto& [other, line] : lines_) {
    if (other != asker) ahead += std::min(line.size(), rounds + 1);
  }
  return ahead;
}

void FairTurns::give_turns() {
  const base::SteadyTime now = clock_.steady_now();
  while (!round_.empty() && bucket_.take(rate_, now)) {
    const auto line = lines_.find(round_.front());
    Waiter* const next = line->second.front();
    line->second.pop_front();
    if (line->second.empty()) {
      lines_.erase(line);
      round_.pop_front();
    } else {
      round_.splice(round_.end(), round_, round_.begin());
    }
    next->granted = true;
    next->woken.notify();
  }
  if (round_.empty()) {
    next_turn_.set(std::nullopt);
  } else {
    next_turn_.set(now + bucket_.until_taken(rate_, now, 0));
  }
}

void FairTurns::remove(const std::string& asker, const Waiter* waiter) {
  const auto line = lines_.find(asker);
  if (line == lines_.end()) return;
  std::erase(line->second, waiter);
  if (!line->second.empty()) return;
  lines_.erase(line);
  std::erase(round_, asker);
  if (round_.empty()) next_turn_.set(std::nullopt);
}

}  // namespace podid::nmi
