// SPDX-License-Identifier: Apache-2.0
// So many at once, so many a second after that.
#pragma once
#include <algorithm>
#include <chrono>

#include "base/clock.hpp"

namespace podid::base {

struct TokenRate {
  double per_second = 0;
  double burst = 1;  // what a full bucket holds
};

// Not thread-safe. The rate is given with each call, so that buckets in a map stay small; `now` never goes back.
class TokenBucket {
 public:
  // Full.
  TokenBucket(const TokenRate& rate, SteadyTime now) : left_(rate.burst), at_(now) {}

  // Takes one token; false: there is none.
  bool take(const TokenRate& rate, SteadyTime now) {
    refill(rate, now);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }
  // Takes one token even where there is none yet: how long until it is there. First come, first served.
  Duration take_ahead(const TokenRate& rate, SteadyTime now) {
    refill(rate, now);
    left_ -= 1;
    if (left_ >= 0) return Duration(0);
    return std::chrono::duration_cast<Duration>(Seconds(-left_ / rate.per_second));
  }
  // How long until take() succeeds after `before` others have taken one.
  Duration until_taken(const TokenRate& rate, SteadyTime now, double before) const {
    const double missing = before + 1 - left_now(rate, now);
    if (missing <= 0) return Duration(0);
    return std::chrono::ceil<Duration>(Seconds(missing / rate.per_second));
  }
  // A full one may be forgotten: a new one is full as well.
  bool full(const TokenRate& rate, SteadyTime now) const { return left_now(rate, now) >= rate.burst; }
  // When it was last taken from, or made.
  SteadyTime last_used() const { return at_; }

 private:
  using Seconds = std::chrono::duration<double>;
  double left_now(const TokenRate& rate, SteadyTime now) const {
    return std::min(rate.burst, left_ + Seconds(now - at_).count() * rate.per_second);
  }
  void refill(const TokenRate& rate, SteadyTime now) {
    left_ = left_now(rate, now);
    at_ = now;
  }

  double left_;  // negative: promised
  SteadyTime at_;
};

}  // namespace podid::base
