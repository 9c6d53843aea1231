// SPDX-License-Identifier: Apache-2.0
// Lets coroutines wait for a change, up to a deadline.
#pragma once
#include <list>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/event.hpp"

namespace podid::nmi {

// One executor. Nobody may wait when it is destroyed.
class ChangeSignal {
 public:
  ChangeSignal(base::Executor executor, base::Clock& clock) : executor_(executor), clock_(clock) {}

  // Wakes everybody who waits.
  void notify();
  // Returns when notify() is called, or at `deadline`.
  base::Task<> wait_until(base::SteadyTime deadline);
  std::size_t waiting() const { return waiters_.size(); }

 private:
  base::Executor executor_;
  base::Clock& clock_;
  std::list<base::Event*> waiters_;  // of those who wait
};

}  // namespace podid::nmi
