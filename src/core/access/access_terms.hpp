// SPDX-License-Identifier: Apache-2.0
// spec.access with all that it takes to decide, but for grants: zones and holidays. Made once of a binding and what it names,
// asked for every request. The rules: docs/design/access.md §2.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/access/access_decision.hpp"
#include "core/access/calendar.hpp"
#include "core/access/last_answer.hpp"
#include "core/access/window_times.hpp"
#include "core/access/zone.hpp"
#include "core/model/access.hpp"

namespace podid::core {

// Immutable but for what it remembers of its last answer; thread-safe. Held by pointer.
class AccessTerms {
 public:
  // Windows that stay open longer than this are said to close never.
  static constexpr std::chrono::days kFarthestClosing{400};
  // Of windows that follow one another without a gap so many are followed, a whole day's to kFarthestClosing. Sixteen that divide
  // each day would be 6400, which a tenant's binding must not cost a request; the end that is told is that of the last one.
  static constexpr int kMostFollowing = 400;

  // Calendars are those of the binding's namespace; of a window that names one that is not among them the holidays are not known.
  AccessTerms(Access access, const ZoneLookup& zones, const Calendars& calendars);

  const Access& access() const { return access_; }

  // What it is at a moment, as if no grant were needed. `until` of windows is the end of all that follow one another without
  // a gap (kMostFollowing; then it may go on). A window whose holidays are not known does not open. Allocates nothing; a few nanoseconds while the state lasts,
  // some microseconds when it has changed, below a millisecond at worst.
  AccessState at(Instant now) const;

  // When at() may say something else, at the latest; later than `now`. What is shown of the state is to be looked at then.
  Instant holds_until(Instant now) const;

  // What is wrong with it whatever the time: it cannot be understood (reason invalid), or a window's holidays are not
  // known. A sentence without a full stop; empty: nothing.
  std::string_view problem() const { return problem_; }

 private:
  using Answer = LastAnswer::Answer;

  void add_window(const AccessWindow& window, const ZoneLookup& zones, const Calendars& calendars);
  Answer answer(Instant now) const;
  Answer decide(Instant now) const;
  Answer decide_windows(Instant now) const;
  // The end of the windows that are open at the instant and of those that follow without a gap; nothing: not in sight.
  std::optional<std::int64_t> closing(std::int64_t instant) const;
  // When one of the windows is next open; before notAfter.
  std::optional<Instant> opening(std::int64_t instant) const;
  // When it opens by itself, looked at from notBefore.
  std::optional<Instant> opening_from(Instant not_before) const;

  Access access_;
  std::vector<WindowTimes> windows_;
  std::vector<WindowTimes> unknown_;  // whose holidays are not known, as if there were none
  std::string problem_;
  bool invalid_ = false;
  mutable LastAnswer last_;
};

}  // namespace podid::core
