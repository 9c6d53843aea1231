// SPDX-License-Identifier: Apache-2.0
// The limit of our own requests (the MIC's --clientQps).
#pragma once
#include "base/clock.hpp"
#include "base/token_bucket.hpp"

namespace podid::kube {

// Belongs to one thread. First come, first served.
class RateLimiter {
 public:
  // `qps` requests a second on average and `burst` (at least 1) at once; qps ≤ 0: no limit.
  RateLimiter(double qps, double burst, base::Clock& clock);
  // Completes when one request may be sent.
  base::Task<> acquire();

 private:
  const base::TokenRate rate_;
  base::Clock& clock_;
  base::TokenBucket bucket_;
};

}  // namespace podid::kube
