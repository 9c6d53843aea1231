// SPDX-License-Identifier: Apache-2.0
#include "mic/world/access_schedule.hpp"

#include <algorithm>

namespace podid::mic {
namespace {

using core::Instant;

// The longest day that there is, and some more.
constexpr std::chrono::hours kLook{27};
// The schema allows 16 windows. Beyond this the identity stays on the machines; NMIs decide all the same.
constexpr int kMostSteps = 512;
constexpr std::chrono::minutes kNextLook{1};

Instant later(Instant at, base::Duration by) {
  const auto step = std::chrono::duration_cast<Instant::duration>(by);
  return at > Instant::max() - step ? Instant::max() : at + step;
}

Instant earlier(Instant at, base::Duration by) { return at - std::chrono::duration_cast<Instant::duration>(by); }

void add(std::vector<AccessSpan>& spans, const AccessSpan& span) {
  if (!spans.empty() && span.from <= spans.back().to) {
    spans.back().from = std::min(spans.back().from, span.from);
    spans.back().to = std::max(spans.back().to, span.to);
  } else {
    spans.push_back(span);
  }
}

}  // namespace

bool AccessSchedule::wanted(Instant at) const {
  return std::ranges::any_of(spans, [at](const AccessSpan& span) { return span.from <= at && at < span.to; });
}

std::optional<Instant> AccessSchedule::next_change(Instant at) const {
  for (const AccessSpan& span : spans) {
    if (span.from > at) return span.from;
    if (span.to > at) return span.to == Instant::max() ? std::nullopt : std::optional(span.to);
  }
  return std::nullopt;
}

AccessSchedule make_schedule(const StateAt& state_at, const DayOf& day_of, const AccessTiming& timing, Instant now) {
  AccessSchedule made;
  const Instant start = earlier(now, kLook + timing.detach_delay + timing.lead_time);
  const Instant horizon = later(now, kLook + timing.lead_time);
  Instant at = start;
  for (int step = 0; step < kMostSteps; ++step) {
    const core::AccessState state = state_at(at);
    const Instant next = state.until.value_or(Instant::max());
    if (state.open()) {
      AccessSpan span{.from = earlier(at, timing.lead_time), .to = later(next, timing.detach_delay)};
      // One that has begun before we looked is only told to be short once its day is long over.
      if (next != Instant::max() && at != start && next - at < timing.lead_time + kShortAccess) {
        made.short_access = true;
        span.from = std::min(span.from, day_of(at).from);
        span.to = std::max(span.to, day_of(earlier(next, std::chrono::seconds(1))).to);
      }
      add(made.spans, span);
    }
    if (next == Instant::max()) return made;
    if (next > horizon) {
      made.good_until = std::max(earlier(next, kLook + timing.lead_time), later(now, kNextLook));
      return made;
    }
    at = std::max(next, later(at, std::chrono::seconds(1)));
  }
  add(made.spans, {.from = earlier(at, timing.lead_time), .to = Instant::max()});
  if (at < now) made.spans.back().from = start;
  made.good_until = later(now, kNextLook);
  return made;
}

}  // namespace podid::mic
