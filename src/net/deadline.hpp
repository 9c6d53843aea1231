// SPDX-License-Identifier: Apache-2.0
// A deadline is a value that is handed down, not a number of milliseconds at each level.
#pragma once
#include <compare>

#include "base/clock.hpp"

namespace podid::net {

// A time of the injected clock: who waits for it waits on the clock that it was made from.
class Deadline {
 public:
  static Deadline in(const base::Clock& clock, base::Duration duration) {
    return Deadline(clock.steady_now() + duration);
  }
  static constexpr Deadline at(base::SteadyTime time) { return Deadline(time); }
  static constexpr Deadline never() { return Deadline(base::SteadyTime::max()); }
  // Has passed already: nothing is waited for.
  static constexpr Deadline passed() { return Deadline(base::SteadyTime::min()); }

  constexpr base::SteadyTime time() const { return time_; }
  constexpr bool is_never() const { return time_ == base::SteadyTime::max(); }
  bool has_passed(const base::Clock& clock) const { return !is_never() && clock.steady_now() >= time_; }
  constexpr auto operator<=>(const Deadline&) const = default;

 private:
  explicit constexpr Deadline(base::SteadyTime time) : time_(time) {}

  base::SteadyTime time_;
};

}  // namespace podid::net
