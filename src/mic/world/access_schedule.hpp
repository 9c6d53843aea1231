// SPDX-License-Identifier: Apache-2.0
// When an identity that may not always be used is on the machines: from some time before it may be used, so that the first
// request succeeds, until some time after. Pure.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <vector>

#include "base/clock.hpp"
#include "core/access/access_decision.hpp"

namespace podid::mic {

struct AccessTiming {
  base::Duration lead_time = std::chrono::minutes(2);     // --window-lead-time
  base::Duration detach_delay = std::chrono::minutes(5);  // --window-detach-delay
};

// A time shorter than the lead time and this is too short for attaching just before it: then its whole day counts.
inline constexpr std::chrono::seconds kShortAccess{60};

struct AccessSpan {
  core::Instant from;
  core::Instant to;  // exclusive; Instant::max(): no end is known
  bool operator==(const AccessSpan&) const = default;
};

using StateAt = std::function<core::AccessState(core::Instant)>;
// The day in which an instant lies, by the clock that counts.
using DayOf = std::function<AccessSpan(core::Instant)>;

struct AccessSchedule {
  // In which the identity is on the machines, in order, apart from each other: those of the past day and the next one.
  std::vector<AccessSpan> spans;
  // When it has to be made anew.
  core::Instant good_until = core::Instant::max();
  bool short_access = false;  // some time among them is too short to be attached for alone

  bool wanted(core::Instant at) const;
  // The first end or beginning of a span after `at`.
  std::optional<core::Instant> next_change(core::Instant at) const;
};

AccessSchedule make_schedule(const StateAt& state_at, const DayOf& day_of, const AccessTiming& timing,
                             core::Instant now);

}  // namespace podid::mic
