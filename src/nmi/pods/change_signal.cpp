// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/change_signal.hpp"

#include <boost/system/system_error.hpp>

#include "base/event.hpp"

namespace podid::nmi {

struct ChangeSignal::Waiter {
  explicit Waiter(base::Executor executor) : woken(executor) {}
  base::Event woken;
};

void ChangeSignal::notify() {
  for (const std::shared_ptr<Waiter>& waiter : waiters_) waiter->woken.notify();
}

base::Task<> ChangeSignal::wait_until(base::SteadyTime deadline) {
  const auto waiter = std::make_shared<Waiter>(executor_);
  const auto place = waiters_.insert(waiters_.end(), waiter);
  const std::unique_ptr<base::Timer> timer = clock_.make_timer(executor_);
  timer->set(deadline, [woken = &waiter->woken] { woken->notify(); });
  try {
    co_await waiter->woken.wait();
  } catch (const boost::system::system_error&) {
    // This task is cancelled, which its next wait tells.
  }
  waiters_.erase(place);
}

}  // namespace podid::nmi
