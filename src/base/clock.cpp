// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

namespace podid::base {

WallTime RealClock::wall_now() const { return std::chrono::system_clock::now(); }

SteadyTime RealClock::steady_now() const { return std::chrono::steady_clock::now(); }

Task<> RealClock::sleep_until(SteadyTime when) {
  const Executor executor = co_await asio::this_coro::executor;
  SteadyTimer timer(executor, when);
  co_await timer.async_wait(use_task);
}

}  // namespace podid::base
