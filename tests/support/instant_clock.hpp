// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "base/clock.hpp"

namespace podid::test {

// Every wait ends at once, has moved the time, and is remembered.
class InstantClock final : public base::Clock {
 public:
  base::WallTime wall_now() const override { return wall_; }
  base::SteadyTime steady_now() const override { return steady_; }
  base::Duration uptime() const override { return steady_.time_since_epoch(); }
  base::Task<> sleep_until(base::SteadyTime when) override {
    if (when <= steady_) co_return;
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(when - steady_));
    advance(when - steady_);
  }
  void advance(base::Duration by) {
    steady_ += by;
    wall_ += std::chrono::duration_cast<base::WallTime::duration>(by);
  }
  base::SteadyTime in(base::Duration from_now) const { return steady_ + from_now; }

  std::vector<std::chrono::milliseconds> waits;

 private:
  base::WallTime wall_ = base::WallTime(std::chrono::seconds(1'800'000'000));
  base::SteadyTime steady_ = base::SteadyTime(std::chrono::hours(1000));
};

}  // namespace podid::test
