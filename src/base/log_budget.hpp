// SPDX-License-Identifier: Apache-2.0
// How many lines a second clients can have written.
#pragma once
#include <cstdint>
#include <utility>

#include "base/clock.hpp"

namespace podid::base {

// One thread's.
class LogBudget {
 public:
  static constexpr int kLinesPerSecond = 100;

  // Whether a line may be written now.
  bool take(SteadyTime now) {
    if (now - since_ >= std::chrono::seconds(1)) {
      since_ = now;
      taken_ = 0;
    }
    if (taken_ == kLinesPerSecond) {
      ++suppressed_;
      return false;
    }
    ++taken_;
    return true;
  }
  // Lines that were not written since the last call.
  std::uint64_t take_suppressed() { return std::exchange(suppressed_, 0); }

 private:
  SteadyTime since_{};
  int taken_ = 0;
  std::uint64_t suppressed_ = 0;
};

}  // namespace podid::base
