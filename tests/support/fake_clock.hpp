// SPDX-License-Identifier: Apache-2.0
// A clock that stands still until the test moves it.
#pragma once
#include <map>
#include <memory>

#include "base/clock.hpp"

namespace podid::test {

// Sleepers wake, in order of their time, when advance() passes it; their coroutines run when the test next runs the
// executor (io.poll()). Single-threaded: clock, sleepers and test on one thread.
class FakeClock final : public base::Clock {
 public:
  base::WallTime wall_now() const override { return wall_; }
  base::SteadyTime steady_now() const override { return steady_; }
  base::Duration uptime() const override { return steady_.time_since_epoch(); }

  base::Task<> sleep_until(base::SteadyTime when) override {
    if (when <= steady_) co_return;
    const base::Executor executor = co_await base::asio::this_coro::executor;
    base::SteadyTimer timer(executor, base::SteadyTime::max());
    const auto self = sleepers_.emplace(when, &timer);
    const auto [error] = co_await timer.async_wait(base::as_result);
    if (when > steady_) {  // not woken by us: cancelled
      sleepers_.erase(self);
      throw boost::system::system_error(error);
    }
  }

  void advance(base::Duration by) {
    steady_ += by;
    wall_ += std::chrono::duration_cast<base::WallTime::duration>(by);
    while (!sleepers_.empty() && sleepers_.begin()->first <= steady_) {
      base::SteadyTimer* timer = sleepers_.begin()->second;
      sleepers_.erase(sleepers_.begin());
      timer->cancel();
    }
  }
  void set_wall(base::WallTime wall) { wall_ = wall; }
  std::size_t sleepers() const { return sleepers_.size(); }

 private:
  base::WallTime wall_ = base::WallTime(std::chrono::seconds(1'800'000'000));
  base::SteadyTime steady_ = base::SteadyTime(std::chrono::hours(1000));
  std::multimap<base::SteadyTime, base::SteadyTimer*> sleepers_;
};

}  // namespace podid::test
