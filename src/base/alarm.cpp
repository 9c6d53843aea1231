// SPDX-License-Identifier: Apache-2.0
#include "base/alarm.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

namespace podid::base {

// Outlives the alarm until the cancelled wait has come back.
struct Alarm::Sleep {
  asio::cancellation_signal cancel;
  Alarm* owner;  // null: replaced
};

Alarm::Alarm(Executor executor, Clock& clock, std::function<void()> ring)
    : executor_(std::move(executor)), clock_(clock), ring_(std::move(ring)) {}

Alarm::~Alarm() { set(std::nullopt); }

Task<> Alarm::sleep(Clock& clock, SteadyTime when) { co_await clock.sleep_until(when); }

void Alarm::set(std::optional<SteadyTime> when) {
  if (when_ == when) return;
  when_ = when;
  if (const std::shared_ptr<Sleep> old = std::exchange(sleep_, nullptr)) {
    old->owner = nullptr;
    old->cancel.emit(asio::cancellation_type::terminal);
  }
  if (!when) return;
  sleep_ = std::make_shared<Sleep>();
  sleep_->owner = this;
  auto woken = [sleep = sleep_](const std::exception_ptr& stopped) {
    if (stopped || sleep->owner == nullptr) return;
    Alarm& alarm = *sleep->owner;
    alarm.when_.reset();
    alarm.sleep_.reset();
    alarm.ring_();
  };
  asio::co_spawn(executor_, sleep(clock_, *when),
                 asio::bind_cancellation_slot(sleep_->cancel.slot(), std::move(woken)));
}

}  // namespace podid::base
