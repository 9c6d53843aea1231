// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "support/fake_clock.hpp"

namespace podid::test {

// Every wait of a coroutine ends at once, has moved the time, and is remembered.
class InstantClock final : public FakeClock {
 public:
  base::Task<> sleep_until(base::SteadyTime when) override {
    if (when <= steady_now()) co_return;
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(when - steady_now()));
    advance(when - steady_now());
  }
  base::SteadyTime in(base::Duration from_now) const { return steady_now() + from_now; }

  std::vector<std::chrono::milliseconds> waits;
};

}  // namespace podid::test
