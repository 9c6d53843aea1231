// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/change_signal.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include "base/event.hpp"

namespace podid::nmi {

struct ChangeSignal::Waiter {
  explicit Waiter(base::Executor executor) : woken(executor) {}
  base::Event woken;
  base::asio::cancellation_signal stop_alarm;
};

base::Task<> ChangeSignal::alarm(base::Clock& clock, base::SteadyTime deadline, std::shared_ptr<Waiter> waiter) {
  co_await clock.sleep_until(deadline);
  waiter->woken.notify();
}

void ChangeSignal::notify() {
  for (const std::shared_ptr<Waiter>& waiter : waiters_) waiter->woken.notify();
}

base::Task<> ChangeSignal::wait_until(base::SteadyTime deadline) {
  const auto waiter = std::make_shared<Waiter>(executor_);
  const auto place = waiters_.insert(waiters_.end(), waiter);
  // The completion handler keeps the signal alive until the alarm's coroutine has ended.
  base::asio::co_spawn(executor_, alarm(clock_, deadline, waiter),
                       base::asio::bind_cancellation_slot(waiter->stop_alarm.slot(), [waiter](std::exception_ptr) {}));
  try {
    co_await waiter->woken.wait();
  } catch (const boost::system::system_error&) {
    // This task is cancelled, which its next wait tells.
  }
  waiters_.erase(place);
  waiter->stop_alarm.emit(base::asio::cancellation_type::terminal);
}

}  // namespace podid::nmi
