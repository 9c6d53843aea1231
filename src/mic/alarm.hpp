// SPDX-License-Identifier: Apache-2.0
// One wake-up call at a time, on the injected clock.
#pragma once
#include <functional>
#include <memory>
#include <optional>

#include "base/async.hpp"
#include "base/clock.hpp"

namespace podid::mic {

// Belongs to one executor. The clock outlives the executor's last run.
class Alarm {
 public:
  // `ring` is called on the executor, never from within set().
  Alarm(base::Executor executor, base::Clock& clock, std::function<void()> ring);
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  ~Alarm();

  // Replaces the time set before; nothing: no call.
  void set(std::optional<base::SteadyTime> when);

 private:
  struct Sleep;
  static base::Task<> sleep(base::Clock& clock, base::SteadyTime when);

  base::Executor executor_;
  base::Clock& clock_;
  std::function<void()> ring_;
  std::optional<base::SteadyTime> when_;
  std::shared_ptr<Sleep> sleep_;
};

}  // namespace podid::mic
