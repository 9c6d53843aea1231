// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <ctime>

namespace podid::base {

WallTime RealClock::wall_now() const { return std::chrono::system_clock::now(); }

SteadyTime RealClock::steady_now() const { return std::chrono::steady_clock::now(); }

Duration RealClock::uptime() const {
  timespec up{};
  ::clock_gettime(CLOCK_BOOTTIME, &up);  // fails only where there is no such clock: Linux has it since 2.6.39
  return std::chrono::seconds(up.tv_sec) + std::chrono::nanoseconds(up.tv_nsec);
}

Task<> RealClock::sleep_until(SteadyTime when) {
  const Executor executor = co_await asio::this_coro::executor;
  SteadyTimer timer(executor, when);
  co_await timer.async_wait(use_task);
}

}  // namespace podid::base
