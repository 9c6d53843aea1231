// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/change_signal.hpp"

#include <boost/system/system_error.hpp>
#include <memory>

namespace podid::nmi {

void ChangeSignal::notify() {
  for (base::Event* waiter : waiters_) waiter->notify();
}

base::Task<> ChangeSignal::wait_until(base::SteadyTime deadline) {
  base::Event woken(executor_);
  const auto position = waiters_.insert(waiters_.end(), &woken);
  const std::unique_ptr<base::Timer> timer = clock_.make_timer(executor_);
  timer->set(deadline, [&woken] { woken.notify(); });
  try {
    co_await woken.wait();
  } catch (const boost::system::system_error&) {
    // This task is cancelled, which its next wait tells.
  }
  waiters_.erase(position);
}

}  // namespace podid::nmi
