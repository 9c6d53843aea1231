// SPDX-License-Identifier: Apache-2.0
#include "mic/world/access_schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "mic/world/binding_terms.hpp"

namespace podid::mic {
namespace {

using namespace std::chrono_literals;
using core::Instant;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr Instant kDay{std::chrono::sys_days(std::chrono::year(2026) / 12 / 1)};

// Open in these spans alone.
StateAt open_in(std::vector<AccessSpan> spans) {
  return [spans = std::move(spans)](Instant at) {
    core::AccessState state;
    for (const AccessSpan& span : spans) {
      if (at >= span.to) continue;
      if (at >= span.from) {
        if (span.to != Instant::max()) state.until = span.to;
      } else {
        state.reason = core::AccessReason::window_closed;
        state.until = span.from;
      }
      return state;
    }
    state.reason = core::AccessReason::over;
    return state;
  };
}

AccessSpan day_of(Instant at) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  return {.from = day, .to = day + std::chrono::days(1)};
}

AccessSchedule schedule_at(Instant now, std::vector<AccessSpan> open, AccessTiming timing = {}) {
  return make_schedule(open_in(std::move(open)), day_of, timing, now);
}

TEST(AccessSchedule, AheadOfAnOpeningAndForAWhileAfter) {
  const AccessSchedule schedule = schedule_at(kDay, {{.from = kDay + 1h, .to = kDay + 2h}});
  EXPECT_THAT(schedule.spans, ElementsAre(AccessSpan{.from = kDay + 58min, .to = kDay + 2h + 5min}));
  EXPECT_EQ(schedule.good_until, Instant::max());
  EXPECT_FALSE(schedule.short_access);
  EXPECT_FALSE(schedule.wanted(kDay + 58min - 1ns));
  EXPECT_TRUE(schedule.wanted(kDay + 58min));
  EXPECT_TRUE(schedule.wanted(kDay + 2h + 5min - 1ns));
  EXPECT_FALSE(schedule.wanted(kDay + 2h + 5min));
  EXPECT_EQ(schedule.next_change(kDay), kDay + 58min);
  EXPECT_EQ(schedule.next_change(kDay + 58min), kDay + 2h + 5min);
  EXPECT_EQ(schedule.next_change(kDay + 2h + 5min), std::nullopt);
}

// Nobody remembers: a controller that has just begun finds the end of what was open before it.
TEST(AccessSchedule, WhatHasJustEndedIsStillThere) {
  const std::vector<AccessSpan> open{{.from = kDay + 1h, .to = kDay + 2h}};
  EXPECT_TRUE(schedule_at(kDay + 2h + 4min, open).wanted(kDay + 2h + 4min));
  EXPECT_FALSE(schedule_at(kDay + 2h + 6min, open).wanted(kDay + 2h + 6min));
}

TEST(AccessSchedule, TimesThatMeetAreOne) {
  const std::vector<AccessSpan> open{{.from = kDay + 1h, .to = kDay + 2h}, {.from = kDay + 2h + 6min, .to = kDay + 3h}};
  EXPECT_THAT(schedule_at(kDay, open).spans, ElementsAre(AccessSpan{.from = kDay + 58min, .to = kDay + 3h + 5min}));
}

// Windows of every day, and a grant for today's: yesterday's has closed long before it begins.
TEST(AccessSchedule, AGrantWithinWorkingHours) {
  BindingTerms terms(
      [](std::string_view) { return std::make_shared<const core::Zone>(0, std::vector<core::Zone::Shift>{}); });
  const core::ObjectKey binding{.ns = "shop", .name = "reader"};
  core::Access access;
  access.windows.emplace_back().start = 8h;
  access.windows.back().end = 18h;
  access.grant = core::GrantTerms{.max_duration = 4h, .approvals = 0};
  terms.put(binding, access);
  terms.put(core::GrantPolicies{.problem = {}, .count_from = {}});
  core::AzureIdentityGrant grant;
  grant.meta.name = "g";
  grant.meta.ns = "shop";
  grant.meta.uid = "uid";
  grant.meta.creation_timestamp = "2026-12-01T12:00:00Z";
  grant.binding = "reader";
  grant.duration = 2h;
  grant.requested_by = "alice";
  terms.put(grant);
  const StateAt state = [&](Instant at) { return terms.state_at(binding, at); };
  for (const Instant now : {kDay + 9h, kDay + 12h, kDay + 13h}) {
    const AccessSchedule schedule = make_schedule(state, day_of, {}, now);
    EXPECT_THAT(schedule.spans, ElementsAre(AccessSpan{.from = kDay + 12h - 2min, .to = kDay + 14h + 5min}));
    EXPECT_TRUE(schedule.wanted(kDay + 12h));
  }
}

TEST(AccessSchedule, WithoutEnd) {
  const AccessSchedule always = schedule_at(kDay, {{.from = kDay - 24h * 100, .to = Instant::max()}});
  EXPECT_TRUE(always.wanted(kDay));
  EXPECT_EQ(always.next_change(kDay), std::nullopt);
  const AccessSchedule from_now_on = schedule_at(kDay, {{.from = kDay + 1h, .to = Instant::max()}});
  EXPECT_THAT(from_now_on.spans, ElementsAre(AccessSpan{.from = kDay + 58min, .to = Instant::max()}));
  EXPECT_THAT(schedule_at(kDay, {}).spans, IsEmpty());
}

TEST(AccessSchedule, WhatIsFarAwayIsLookedAtInTime) {
  const std::vector<AccessSpan> open{{.from = kDay + 24h * 30, .to = kDay + 24h * 31}};
  const AccessSchedule schedule = schedule_at(kDay, open);
  EXPECT_THAT(schedule.spans, IsEmpty());
  EXPECT_LT(schedule.good_until, kDay + 24h * 29);
  EXPECT_TRUE(schedule_at(schedule.good_until, open).next_change(schedule.good_until).has_value());
}

// D17: attached just before it, it would be attached when it is over.
TEST(AccessSchedule, AShortTimeCountsForItsDay) {
  const std::vector<AccessSpan> open{{.from = kDay + 12h, .to = kDay + 12h + 2min}};
  const AccessSchedule schedule = schedule_at(kDay - 2h, open);
  EXPECT_TRUE(schedule.short_access);
  EXPECT_THAT(schedule.spans, ElementsAre(AccessSpan{.from = kDay, .to = kDay + 24h}));
  EXPECT_TRUE(schedule_at(kDay + 20h, open).wanted(kDay + 20h));
  EXPECT_FALSE(schedule_at(kDay + 24h, open).wanted(kDay + 24h));
  // Of one at midnight the lead time comes before the day, of one that ends with it the delay after.
  EXPECT_THAT(schedule_at(kDay - 2h, {{.from = kDay, .to = kDay + 1min}}).spans,
              ElementsAre(AccessSpan{.from = kDay - 2min, .to = kDay + 24h}));
  EXPECT_FALSE(schedule_at(kDay - 2h, {{.from = kDay + 12h, .to = kDay + 12h + 3min}}).short_access);
}

TEST(AccessSchedule, ADayOfManyTimes) {
  std::vector<AccessSpan> open;
  for (auto at = kDay - 48h; at < kDay + 24h * 60; at += 1h) open.push_back({.from = at, .to = at + 10min});
  Instant now = kDay;
  for (int hour = 0; hour < 24 * 5; ++hour, now += 1h) {
    const AccessSchedule schedule = schedule_at(now, open);
    EXPECT_TRUE(schedule.wanted(now));
    EXPECT_TRUE(schedule.wanted(now + 14min));
    EXPECT_FALSE(schedule.wanted(now + 16min));
    EXPECT_TRUE(schedule.wanted(now + 58min));
    EXPECT_GT(schedule.good_until, now);
  }
}

}  // namespace
}  // namespace podid::mic
