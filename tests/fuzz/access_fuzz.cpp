// SPDX-License-Identifier: Apache-2.0
// Any JSON as the spec.access of a binding: it is read, or it denies with a sentence; no limit comes from what is read that
// the schema does not allow. Whoever writes the binding back writes the same JSON. What it says at a time goes on until it
// says that it ends. Any text as a calendar, and as the calendars in an annotation.
#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cstdlib>
#include <string_view>

#include "core/access/access_terms.hpp"
#include "core/access/access_text.hpp"
#include "core/model/access_json.hpp"
#include "core/model/resources_json.hpp"
#include "core/model/times.hpp"

namespace {

using namespace podid;

void require(bool holds) {
  if (!holds) std::abort();
}

void check_window(const core::AccessWindow& window) {
  require(core::is_zone_name(window.time_zone));
  require(window.days != 0 && window.days <= core::AccessWindow::kEveryDay);
  require(window.start != window.end && window.start < std::chrono::hours(24) && window.end <= std::chrono::hours(24));
  require(!window.holidays || (!window.holidays->config_map.empty() && !window.holidays->key.empty()));
}

void check_access(const core::Access& access) {
  if (!access.invalid.empty()) {
    require(access.invalid.starts_with("spec.access") && access.invalid.size() < 512);
    for (const char c : access.invalid) require(c >= ' ' && c <= '~');
    return;
  }
  require(access.not_before || access.not_after || !access.windows.empty() || access.grant);
  require(!access.not_before || !access.not_after || *access.not_before < *access.not_after);
  require(access.windows.size() <= core::kMostWindows);
  for (const core::AccessWindow& window : access.windows) check_window(window);
  if (!access.grant) return;
  require(access.grant->max_duration >= core::kShortestGrant && access.grant->max_duration <= core::kLongestGrant);
  require(access.grant->approvals >= 0 && access.grant->approvals <= core::kMostApprovals);
}

// Clocks that leap an hour, and one that leaps a day.
std::shared_ptr<const core::Zone> zone(std::string_view name) {
  constexpr std::int64_t kHalfYear = 182LL * 24 * 3600;
  if (name.size() % 5 == 4) return nullptr;
  std::vector<core::Zone::Shift> shifts;
  for (int i = 0; i < 120; ++i) shifts.push_back({.at = i * kHalfYear, .offset = i % 2 == 0 ? 3600 : 7200});
  if (name.size() % 5 == 3) shifts.push_back({.at = 120 * kHalfYear, .offset = -20 * 3600});
  return std::make_shared<const core::Zone>(0, std::move(shifts));
}

void check_calendar(const core::Calendar& calendar) {
  require(calendar.readable() || calendar.dates.empty());
  require(calendar.dates.size() <= core::kMostHolidays && std::ranges::is_sorted(calendar.dates));
}

void check_terms(const core::Access& access, const core::Calendars& calendars) {
  const core::AccessTerms terms(access, zone, calendars);
  core::Instant now = access.not_before.value_or(core::Instant(std::chrono::hours(500'000)));
  for (int i = 0; i < 8 && now < core::Instant(std::chrono::hours(2'000'000)); ++i) {
    const core::AccessState state = terms.at(now);
    const core::Instant holds_until = terms.holds_until(now);
    require(holds_until > now);
    require(!state.until || *state.until >= holds_until);
    require(terms.at(holds_until - std::chrono::nanoseconds(1)).reason == state.reason);
    require(core::AccessTerms(access, zone, calendars).at(now).reason == state.reason);
    require(!core::access_text({"shop", "b"}, terms, state).empty());
    if (state.open() && state.until) require(!terms.at(*state.until).open());
    if (!state.open() && state.until) require(terms.at(*state.until).open());
    now = holds_until;
  }
}

void check_times(std::string_view text) {
  if (const auto time = core::read_time(text)) require(core::read_time(core::time_text(*time)) <= time);
  if (const auto duration = core::read_duration(text))
    require(core::read_duration(core::duration_text(*duration)) == duration);
  static_cast<void>(core::read_date(text));
  static_cast<void>(core::read_clock(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_times(text);
  check_calendar(core::read_calendar(text));
  const core::Calendars calendars = core::decode_holidays(text);
  for (const auto& [list, calendar] : calendars) check_calendar(calendar);
  require(core::decode_holidays(core::encode_holidays(calendars)) == calendars);
  boost::json::error_code error;
  const boost::json::value json = boost::json::parse(text, error);
  if (error || json.is_null()) return 0;
  const core::Access access = core::read_access(json);
  check_access(access);
  check_terms(access, calendars);
  require(core::access_hash(json).size() == 71);
  const boost::json::object object{{"spec", boost::json::object{{"access", json}}}};
  const auto binding = core::read_azure_identity_binding(object);
  if (!binding) return 0;
  require(core::write_azure_identity_binding(*binding).at("spec").at("access") == json);
  return 0;
}
