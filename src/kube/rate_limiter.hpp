// SPDX-License-Identifier: Apache-2.0
// A token bucket for our own requests (the MIC's --clientQps).
#pragma once
#include "base/clock.hpp"

namespace podid::kube {

// Belongs to one thread. First come, first served.
class RateLimiter {
 public:
  // `qps` requests a second on average and `burst` (at least 1) at once; qps ≤ 0: no limit.
  RateLimiter(double qps, double burst, base::Clock& clock);
  // Completes when one request may be sent.
  base::Task<> acquire();

 private:
  const double qps_;
  const double burst_;
  base::Clock& clock_;
  double tokens_;  // negative: promised to waiters
  base::SteadyTime updated_;
};

}  // namespace podid::kube
