// SPDX-License-Identifier: Apache-2.0
#include "kube/rate_limiter.hpp"

#include <algorithm>
#include <chrono>

namespace podid::kube {
namespace {

using Seconds = std::chrono::duration<double>;

}  // namespace

RateLimiter::RateLimiter(double qps, double burst, base::Clock& clock)
    : qps_(qps), burst_(std::max(burst, 1.0)), clock_(clock), tokens_(burst_), updated_(clock.steady_now()) {}

base::Task<> RateLimiter::acquire() {
  if (qps_ <= 0) co_return;
  const base::SteadyTime now = clock_.steady_now();
  tokens_ = std::min(burst_, tokens_ + Seconds(now - updated_).count() * qps_) - 1;
  updated_ = now;
  if (tokens_ >= 0) co_return;
  co_await clock_.sleep_until(now + std::chrono::duration_cast<base::Duration>(Seconds(-tokens_ / qps_)));
}

}  // namespace podid::kube
