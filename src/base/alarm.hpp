// SPDX-License-Identifier: Apache-2.0
// One wake-up call at a time, on the injected clock.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "base/async.hpp"
#include "base/clock.hpp"

namespace podid::base {

// Belongs to one executor.
class Alarm {
 public:
  // `ring` is called on the executor, never from within set().
  Alarm(Executor executor, Clock& clock, std::function<void()> ring);
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // Replaces the time set before; nothing: no call.
  void set(std::optional<SteadyTime> when);

 private:
  std::function<void()> ring_;
  std::optional<SteadyTime> when_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace podid::base
