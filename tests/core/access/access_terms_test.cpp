// SPDX-License-Identifier: Apache-2.0
#include "core/access/access_terms.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "core/model/access_json.hpp"
#include "core/model/times.hpp"
#include "support/allocation_counter.hpp"

namespace podid::core {
namespace {

using namespace std::chrono_literals;

Instant at(std::string_view time) { return *read_time(time); }

// UTC, and one zone an hour ahead of it.
std::shared_ptr<const Zone> zones(std::string_view name) {
  if (name == "UTC") return std::make_shared<const Zone>(0, std::vector<Zone::Shift>{});
  if (name == "Etc/GMT-1") return std::make_shared<const Zone>(3600, std::vector<Zone::Shift>{});
  return nullptr;
}

AccessTerms make_terms(std::string_view access, const Calendars& calendars = {}) {
  return AccessTerms(read_access(boost::json::parse(access)), zones, calendars);
}

std::string clock_text(std::chrono::hh_mm_ss<std::chrono::minutes> time) {
  return fmt::format("{:02}:{:02}", time.hours().count(), time.minutes().count());
}

void expect_state(const AccessTerms& terms, std::string_view now, AccessReason reason, std::string_view until) {
  for (int again = 0; again < 2; ++again) {  // the second answer is the remembered one
    const AccessState state = terms.at(at(now));
    EXPECT_EQ(state.reason, reason) << now << " " << to_string(state.reason);
    EXPECT_EQ(state.until ? time_text(*state.until) : "", until) << now;
  }
  EXPECT_GT(terms.holds_until(at(now)), at(now));
}

TEST(AccessTerms, BoundsAlone) {
  const auto terms = make_terms(R"({"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-12-31T23:59:59Z"})");
  expect_state(terms, "2025-12-31T23:59:59Z", AccessReason::not_yet, "2026-01-01T00:00:00Z");
  expect_state(terms, "2025-12-31T23:59:59.999Z", AccessReason::not_yet, "2026-01-01T00:00:00Z");
  expect_state(terms, "2026-01-01T00:00:00Z", AccessReason::open, "2026-12-31T23:59:59Z");
  expect_state(terms, "2026-12-31T23:59:58.999Z", AccessReason::open, "2026-12-31T23:59:59Z");
  expect_state(terms, "2026-12-31T23:59:59Z", AccessReason::over, "");
  const auto from = make_terms(R"({"notBefore": "2026-01-01T00:00:00Z"})");
  expect_state(from, "2026-01-01T00:00:00Z", AccessReason::open, "");
}

// What a grant alone limits is open here: the grant is asked besides.
TEST(AccessTerms, AGrantAloneIsOpen) {
  expect_state(make_terms(R"({"grant": {"maxDuration": "1h"}})"), "2026-01-01T00:00:00Z", AccessReason::open, "");
}

TEST(AccessTerms, WindowsWithinBounds) {
  const auto terms = make_terms(R"({"notBefore": "2026-11-24T00:30:00Z", "notAfter": "2026-11-27T00:30:00Z",
                                    "windows": [{"end": "01:00"}]})");
  expect_state(terms, "2026-11-20T00:30:00Z", AccessReason::not_yet, "2026-11-24T00:30:00Z");
  expect_state(terms, "2026-11-24T00:30:00Z", AccessReason::open, "2026-11-24T01:00:00Z");
  expect_state(terms, "2026-11-24T01:00:00Z", AccessReason::window_closed, "2026-11-25T00:00:00Z");
  expect_state(terms, "2026-11-27T00:00:00Z", AccessReason::open, "2026-11-27T00:30:00Z");
  expect_state(terms, "2026-11-27T00:30:00Z", AccessReason::over, "");
  const auto late = make_terms(R"({"notBefore": "2026-11-24T02:00:00Z", "notAfter": "2026-11-25T00:00:00Z",
                                   "windows": [{"end": "01:00"}]})");
  expect_state(late, "2026-11-20T00:30:00Z", AccessReason::not_yet, "");
  expect_state(late, "2026-11-24T03:00:00Z", AccessReason::window_closed, "");
  const auto later = make_terms(R"({"notBefore": "2026-11-24T02:00:00Z", "windows": [{"end": "01:00"}]})");
  expect_state(later, "2026-11-20T00:30:00Z", AccessReason::not_yet, "2026-11-25T00:00:00Z");
}

TEST(AccessTerms, WindowsThatFollowOneAnotherAreOne) {
  const auto terms = make_terms(R"({"windows": [
    {"days": ["Mon"], "start": "08:00", "end": "12:00"}, {"days": ["Mon"], "start": "12:00", "end": "18:00"},
    {"timeZone": "Etc/GMT-1", "days": ["Mon"], "start": "18:30", "end": "20:00"},
    {"days": ["Mon"], "start": "19:01", "end": "20:00"}]})");
  expect_state(terms, "2026-11-23T08:00:00Z", AccessReason::open, "2026-11-23T19:00:00Z");
  expect_state(terms, "2026-11-23T17:45:00Z", AccessReason::open, "2026-11-23T19:00:00Z");
  expect_state(terms, "2026-11-23T19:00:00Z", AccessReason::window_closed, "2026-11-23T19:01:00Z");
  expect_state(terms, "2026-11-23T20:00:00Z", AccessReason::window_closed, "2026-11-30T08:00:00Z");
}

TEST(AccessTerms, OpenAlwaysNeverCloses) {
  const auto terms = make_terms(
      R"({"windows": [{"days": ["Mon", "Tue", "Wed", "Thu"]}, {"days": ["Fri", "Sat", "Sun"], "start": "00:00"}]})");
  expect_state(terms, "2026-11-23T08:00:00Z", AccessReason::open, "");
  const auto bounded = make_terms(R"({"notAfter": "2026-12-31T00:00:00Z", "windows": [{}]})");
  expect_state(bounded, "2026-11-23T08:00:00Z", AccessReason::open, "2026-12-31T00:00:00Z");
}

// Sixteen windows, each beginning as another ends: their end is not looked for without end. When it comes nothing closes.
TEST(AccessTerms, ADayInPiecesIsFollowedForAWhile) {
  std::string windows;
  for (int piece = 0; piece < 16; ++piece) {
    const std::chrono::hh_mm_ss start(piece * 90min);
    const std::chrono::hh_mm_ss end((piece + 1) * 90min);
    windows += (piece == 0 ? "" : ",") + std::string(R"({"start": ")") + clock_text(start) + R"(", "end": ")" +
               clock_text(end) + R"("})";
  }
  const auto terms = make_terms(R"({"windows": [)" + windows + "]}");
  const Instant now = at("2026-11-23T00:30:00Z");
  const AccessState state = terms.at(now);
  ASSERT_TRUE(state.open());
  ASSERT_TRUE(state.until);
  EXPECT_EQ(*state.until, at("2026-11-23T00:00:00Z") + (AccessTerms::kMostFollowing + 1) * 90min);
  EXPECT_EQ(terms.holds_until(now), *state.until);
  EXPECT_TRUE(terms.at(*state.until).open());
  EXPECT_GT(*terms.at(*state.until).until, *state.until);
}

TEST(AccessTerms, WhatCannotBeUnderstoodDenies) {
  const auto broken = make_terms(R"({"notAfter": "soon"})");
  expect_state(broken, "2026-11-23T08:00:00Z", AccessReason::invalid, "");
  EXPECT_THAT(broken.problem(), testing::StartsWith("spec.access.notAfter: is no RFC 3339 time"));
  // One window that names no zone spoils the others: what it is meant to say is not known.
  const auto nowhere =
      make_terms(R"({"notAfter": "2027-01-01T00:00:00Z", "windows": [{}, {"timeZone": "Mars/Olympus"}]})");
  expect_state(nowhere, "2026-11-23T08:00:00Z", AccessReason::invalid, "");
  expect_state(nowhere, "2028-11-23T08:00:00Z", AccessReason::invalid, "");
  EXPECT_EQ(nowhere.problem(), "spec.access.windows[1].timeZone: no zone Mars/Olympus is known here");
}

TEST(AccessTerms, AWindowWhoseHolidaysAreNotKnownDoesNotOpen) {
  constexpr std::string_view kAccess =
      R"({"windows": [{"start": "08:00", "end": "12:00", "holidays": {"configMap": "c"}},
                                                       {"start": "11:00", "end": "13:00"}]})";
  const auto terms = make_terms(kAccess);
  EXPECT_EQ(
      terms.problem(),
      "spec.access.windows[0].holidays: the dates of key dates in ConfigMap c cannot be read: they are not known here");
  // A closed window needs no calendar, nor does one beside which another is open.
  expect_state(terms, "2026-11-23T07:00:00Z", AccessReason::window_closed, "2026-11-23T11:00:00Z");
  EXPECT_EQ(terms.holds_until(at("2026-11-23T07:00:00Z")), at("2026-11-23T08:00:00Z"));
  expect_state(terms, "2026-11-23T08:00:00Z", AccessReason::calendar_unreadable, "2026-11-23T11:00:00Z");
  expect_state(terms, "2026-11-23T11:00:00Z", AccessReason::open, "2026-11-23T13:00:00Z");
  Calendars calendars;
  calendars[{.config_map = "c", .key = "dates"}] = read_calendar("never\n");
  EXPECT_THAT(std::string(make_terms(kAccess, calendars).problem()),
              testing::EndsWith("cannot be read: line 1 is no date of the form YYYY-MM-DD"));
  calendars[{.config_map = "c", .key = "dates"}] = read_calendar("2026-11-23\n");
  const auto known = make_terms(kAccess, calendars);
  EXPECT_EQ(known.problem(), "");
  expect_state(known, "2026-11-23T08:00:00Z", AccessReason::window_closed, "2026-11-23T11:00:00Z");
  expect_state(known, "2026-11-24T08:00:00Z", AccessReason::open, "2026-11-24T13:00:00Z");
}

TEST(AccessTerms, GoesBackWithTheClock) {
  const auto terms = make_terms(R"({"windows": [{"end": "01:00"}]})");
  expect_state(terms, "2026-11-23T00:30:00Z", AccessReason::open, "2026-11-23T01:00:00Z");
  expect_state(terms, "2026-11-22T23:30:00Z", AccessReason::window_closed, "2026-11-23T00:00:00Z");
  expect_state(terms, "2026-11-23T00:30:00Z", AccessReason::open, "2026-11-23T01:00:00Z");
}

TEST(AccessTerms, CarriesWhatTokensMay) {
  EXPECT_EQ(make_terms(R"({"windows": [{}], "tokenBeyondWindow": "Deny"})")
                .at(at("2026-11-23T00:30:00Z"))
                .token_beyond_window,
            TokenBeyondWindow::deny);
}

TEST(AccessTerms, AllocatesNothing) {
  const auto terms =
      make_terms(R"({"notAfter": "2027-01-01T00:00:00Z", "windows": [{"end": "01:00"}, {"timeZone": "Etc/GMT-1"}]})");
  const Instant now = at("2026-11-23T00:30:00Z");
  const auto before = test::allocations();
  for (int hour = 0; hour < 100; ++hour) {
    if (terms.at(now + std::chrono::hours(hour)).reason == AccessReason::invalid) FAIL();
  }
  EXPECT_EQ(test::allocations(), before);
}

}  // namespace
}  // namespace podid::core
