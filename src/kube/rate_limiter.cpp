// SPDX-License-Identifier: Apache-2.0
#include "kube/rate_limiter.hpp"

#include <algorithm>

namespace podid::kube {

RateLimiter::RateLimiter(double qps, double burst, base::Clock& clock)
    : rate_{.per_second = qps, .burst = std::max(burst, 1.0)}, clock_(clock), bucket_(rate_, clock.steady_now()) {}

base::Task<> RateLimiter::acquire() {
  if (rate_.per_second <= 0) co_return;
  const base::SteadyTime now = clock_.steady_now();
  const base::Duration wait = bucket_.take_ahead(rate_, now);
  if (wait > base::Duration(0)) co_await clock_.sleep_until(now + wait);
}

}  // namespace podid::kube
