// SPDX-License-Identifier: Apache-2.0
// The one clock of the project. Programs inject RealClock, tests FakeClock (tests/support/fake_clock.hpp).
#pragma once
#include <chrono>
#include <functional>
#include <memory>

#include "base/async.hpp"

namespace podid::base {

using WallTime = std::chrono::system_clock::time_point;
using SteadyTime = std::chrono::steady_clock::time_point;
using Duration = std::chrono::nanoseconds;

// Wakes somebody up, once each time that it is set. Belongs to the executor that it was made for, and may outlive its clock.
// Setting it again costs little: hold one where there are many waits, one after the other.
class Timer {
 public:
  virtual ~Timer() = default;  // cancels
  // Calls `ring` on the executor when that time has come, never from within set(). Replaces what was set before. `ring` may
  // set it again, and destroy it.
  virtual void set(SteadyTime when, std::function<void()> ring) = 0;
  // Nothing is called any more, also where it was due already.
  virtual void cancel() = 0;
};

// Thread-safe. Nothing but clock.cpp reads the operating system's clocks or sleeps.
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
  // Waits without a coroutine.
  virtual std::unique_ptr<Timer> make_timer(Executor executor) = 0;
};

class RealClock final : public Clock {
 public:
  WallTime wall_now() const override;
  SteadyTime steady_now() const override;
  Duration uptime() const override;
  Task<> sleep_until(SteadyTime when) override;
  std::unique_ptr<Timer> make_timer(Executor executor) override;
};

}  // namespace podid::base
