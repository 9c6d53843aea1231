// SPDX-License-Identifier: Apache-2.0
// The one clock of the project. Programs inject RealClock, tests FakeClock (tests/support/fake_clock.hpp).
#pragma once
#include <chrono>

#include "base/async.hpp"

namespace podid::base {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

// Thread-safe. Nothing outside clock.cpp and net/'s socket deadlines reads the operating system's clocks or sleeps.
class Clock {
 public:
  virtual ~Clock() = default;
  // Time of day: comparison with expiry times and other things that cross machines. May jump.
  virtual WallTime wall_now() const = 0;
  // Monotonic: delays, deadlines, ages.
  virtual SteadyTime steady_now() const = 0;
  // Since this machine was booted, the time that it slept included.
  virtual Duration uptime() const = 0;
  // Waits on the calling coroutine's executor. Cancellation ends it early (it then throws like every wait).
  virtual Task<> sleep_until(SteadyTime when) = 0;
  Task<> sleep_for(Duration duration) { return sleep_until(steady_now() + duration); }
};

class RealClock final : public Clock {
 public:
  WallTime wall_now() const override;
  SteadyTime steady_now() const override;
  Duration uptime() const override;
  Task<> sleep_until(SteadyTime when) override;
};

}  // namespace podid::base
