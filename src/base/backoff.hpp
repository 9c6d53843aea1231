// SPDX-License-Identifier: Apache-2.0
// When to try again: ever longer pauses, with or without jitter.
#pragma once
#include <algorithm>
#include <chrono>

#include "base/clock.hpp"
#include "base/random.hpp"

namespace podid::base {

struct BackoffOptions {
  std::chrono::milliseconds initial{100};
  std::chrono::milliseconds limit{30'000};
  double factor = 2.0;
  double jitter = 0.5;  // each delay is scaled by a random factor in [1 - jitter, 1]
};

// Without jitter, for those who keep the last pause beside what failed: twice as long as `last`, at least `first`, at most
// `longest`. After no failure `last` is zero.
constexpr Duration next_pause(Duration last, Duration first, Duration longest) {
  return std::min(std::max(last * 2, first), longest);
}

// One caller's sequence of delays. Not thread-safe.
class Backoff {
 public:
  Backoff(BackoffOptions options, Random& random) : options_(options), random_(random) {}
  // The delay before the next attempt; grows with each call.
  std::chrono::milliseconds next();
  // After a success.
  void reset() { attempts_ = 0; }
  int attempts() const { return attempts_; }

 private:
  BackoffOptions options_;
  Random& random_;
  int attempts_ = 0;
};

}  // namespace podid::base
