// SPDX-License-Identifier: Apache-2.0
// When to try again: exponential with jitter, driven by injected randomness.
#pragma once
#include <chrono>

#include "base/random.hpp"

namespace podid::net {

struct BackoffOptions {
  std::chrono::milliseconds initial{100};
  std::chrono::milliseconds limit{30'000};
  double factor = 2.0;
  double jitter = 0.5;  // each delay is scaled by a random factor in [1 - jitter, 1]
};

// One caller's sequence of delays. Not thread-safe.
class Backoff {
 public:
  Backoff(BackoffOptions options, base::Random& random) : options_(options), random_(random) {}
  // The delay before the next attempt; grows with each call.
  std::chrono::milliseconds next();
  // After a success.
  void reset() { attempts_ = 0; }
  int attempts() const { return attempts_; }

 private:
  BackoffOptions options_;
  base::Random& random_;
  int attempts_ = 0;
};

}  // namespace podid::net
