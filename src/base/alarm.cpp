// SPDX-License-Identifier: Apache-2.0
#include "base/alarm.hpp"

#include <utility>

namespace podid::base {

Alarm::Alarm(Executor executor, Clock& clock, std::function<void()> ring)
    : ring_(std::move(ring)), timer_(clock.make_timer(executor)) {}

void Alarm::set(std::optional<SteadyTime> when) {
  if (when_ == when) return;
  when_ = when;
  if (!when) {
    timer_->cancel();
    return;
  }
  timer_->set(*when, [this] {
    when_.reset();
    ring_();
  });
}

}  // namespace podid::base
