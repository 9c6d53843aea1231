// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/change_signal.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>

namespace podid::nmi {

struct ChangeSignal::Waiter {
  explicit Waiter(base::Executor executor) : woken(executor, base::SteadyTime::max()) {}
  base::SteadyTimer woken;  // never expires; cancelled to wake
  base::asio::cancellation_signal stop_alarm;
};

base::Task<> ChangeSignal::alarm(base::Clock& clock, base::SteadyTime deadline, std::shared_ptr<Waiter> waiter) {
  co_await clock.sleep_until(deadline);
  waiter->woken.cancel();
}

void ChangeSignal::notify() {
  for (const std::shared_ptr<Waiter>& waiter : waiters_) waiter->woken.cancel();
}

base::Task<> ChangeSignal::wait_until(base::SteadyTime deadline) {
  const auto waiter = std::make_shared<Waiter>(executor_);
  const auto place = waiters_.insert(waiters_.end(), waiter);
  // The completion handler keeps the signal alive until the alarm's coroutine has ended.
  base::asio::co_spawn(executor_, alarm(clock_, deadline, waiter),
                       base::asio::bind_cancellation_slot(waiter->stop_alarm.slot(), [waiter](std::exception_ptr) {}));
  const auto [error] = co_await waiter->woken.async_wait(base::as_result);
  static_cast<void>(error);  // always operation_aborted: woken, or this task is cancelled, which the next wait tells
  waiters_.erase(place);
  waiter->stop_alarm.emit(base::asio::cancellation_type::terminal);
}

}  // namespace podid::nmi
