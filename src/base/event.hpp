// SPDX-License-Identifier: Apache-2.0
// Something that coroutines wait for until somebody says that it has happened. No clock.
#pragma once
#include <cstdint>

#include "base/async.hpp"

namespace podid::base {

// One executor. Nobody may wait when it is destroyed.
//
//   while (queue.empty()) co_await filled.wait();
class Event {
 public:
  explicit Event(Executor executor)
      : on_executor_(executor), timer_(executor, std::chrono::steady_clock::time_point::max()) {}
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  // Wakes everybody who waits now. They run after the caller; one who comes later waits for the next call.
  void notify();
  // Returns after a notify(). Cancellation throws, like every wait.
  Task<> wait();

 private:
  [[no_unique_address]] OnExecutor on_executor_;
  SteadyTimer timer_;  // never expires; cancelled to wake
  std::uint64_t notified_ = 0;
};

}  // namespace podid::base
