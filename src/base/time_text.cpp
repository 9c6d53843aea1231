// SPDX-License-Identifier: Apache-2.0
#include "base/time_text.hpp"

#include <fmt/chrono.h>

#include <array>
#include <ctime>

#include "base/text.hpp"

namespace podid::base {
namespace {

using std::chrono::duration_cast;
using std::chrono::floor;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

std::tm to_tm(WallTime time) { return fmt::gmtime(std::chrono::system_clock::to_time_t(floor<seconds>(time))); }

// Digits [at, at + count) of text as a number within [low, high].
std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count, int low, int high) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(at, count)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  if (value < low || value > high) return std::nullopt;
  return value;
}

std::optional<std::chrono::sys_seconds> make_time(int year, int month, int day, int hour, int minute, int second) {
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) + seconds(second);
}

// WallTime counts nanoseconds and ends in the year 2262; "for ever" in the year 9999 becomes its last second.
WallTime clamp_to_wall_time(std::chrono::sys_seconds time) {
  constexpr auto kFirst = std::chrono::ceil<seconds>(WallTime::min()) + seconds(1);
  constexpr auto kLast = floor<seconds>(WallTime::max()) - seconds(1);
  return WallTime(std::clamp<std::chrono::sys_seconds>(time, kFirst, kLast));
}

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// The unit of a Go duration at the start of `text`, in nanoseconds, and the length of its name.
std::optional<std::pair<double, std::size_t>> duration_unit(std::string_view text) {
  struct Unit {
    std::string_view name;
    double nanos;
  };
  // Two-letter names first: "ms" is not "m" followed by rubbish.
  static constexpr std::array<Unit, 8> kUnits = {
      {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}}};
  for (const Unit& unit : kUnits) {
    if (text.starts_with(unit.name)) return std::pair(unit.nanos, unit.name.size());
  }
  return std::nullopt;
}

}  // namespace

std::string format_rfc3339(WallTime time) { return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", to_tm(time)); }

std::string format_rfc3339_micro(WallTime time) {
  const auto fraction = floor<microseconds>(time) - floor<seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:06d}Z", to_tm(time), duration_cast<microseconds>(fraction).count());
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const auto year = digits(text, 0, 4, 0, 9999);
  const auto month = digits(text, 5, 2, 1, 12);
  const auto day = digits(text, 8, 2, 1, 31);
  const auto hour = digits(text, 11, 2, 0, 23);
  const auto minute = digits(text, 14, 2, 0, 59);
  const auto second = digits(text, 17, 2, 0, 60);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') {
    return std::nullopt;
  }
  const auto whole = make_time(*year, *month, *day, *hour, *minute, *second);
  if (!whole) return std::nullopt;
  text.remove_prefix(19);
  nanoseconds fraction{0};
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    std::int64_t scale = 100'000'000;
    std::size_t count = 0;
    for (; count < text.size() && text[count] >= '0' && text[count] <= '9'; ++count) {
      fraction += nanoseconds((text[count] - '0') * scale);
      scale /= 10;
    }
    if (count == 0) return std::nullopt;
    text.remove_prefix(count);
  }
  seconds offset{0};
  if (text == "Z" || text == "z") {
  } else if (text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':') {
    const auto hours = digits(text, 1, 2, 0, 23);
    const auto minutes = digits(text, 4, 2, 0, 59);
    if (!hours || !minutes) return std::nullopt;
    offset = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
    if (text[0] == '-') offset = -offset;
  } else {
    return std::nullopt;
  }
  return clamp_to_wall_time(*whole - offset) + fraction;
}

std::string format_http_date(WallTime time) { return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", to_tm(time)); }

std::optional<WallTime> parse_http_date(std::string_view text) {
  if (text.size() != 29 || text.substr(3, 2) != ", " || !text.ends_with(" GMT")) return std::nullopt;
  const auto day = digits(text, 5, 2, 1, 31);
  const auto year = digits(text, 12, 4, 0, 9999);
  const auto hour = digits(text, 17, 2, 0, 23);
  const auto minute = digits(text, 20, 2, 0, 59);
  const auto second = digits(text, 23, 2, 0, 60);
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  if (!day || !year || !hour || !minute || !second || month == kMonths.end()) return std::nullopt;
  const auto time = make_time(*year, static_cast<int>(month - kMonths.begin()) + 1, *day, *hour, *minute, *second);
  if (!time) return std::nullopt;
  return clamp_to_wall_time(*time);
}

std::optional<Duration> parse_go_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return Duration(0);
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto length = std::min(text.find_first_not_of("0123456789."), text.size());
    const auto value = parse_number<double>(text.substr(0, length));
    if (!value) return std::nullopt;
    text.remove_prefix(length);
    const auto unit = duration_unit(text);
    if (!unit) return std::nullopt;
    total += *value * unit->first;
    text.remove_prefix(unit->second);
  }
  constexpr double kMost = 9.2e18;  // Go's limit: about 292 years
  if (total > kMost) return std::nullopt;
  return Duration(static_cast<std::int64_t>(negative ? -total : total));
}

std::string format_go_duration(Duration duration) {
  if (duration == Duration(0)) return "0s";
  const auto magnitude = duration < Duration(0) ? -duration : duration;
  const std::string sign = duration < Duration(0) ? "-" : "";
  if (magnitude < microseconds(1)) return fmt::format("{}{}ns", sign, magnitude.count());
  if (magnitude < std::chrono::milliseconds(1)) {
    return fmt::format("{}{}µs", sign, static_cast<double>(magnitude.count()) / 1e3);
  }
  if (magnitude < seconds(1)) return fmt::format("{}{}ms", sign, static_cast<double>(magnitude.count()) / 1e6);
  const auto whole = floor<seconds>(magnitude);
  const auto hours = whole.count() / 3600;
  const auto minutes = whole.count() / 60 % 60;
  const double rest = static_cast<double>((magnitude - std::chrono::minutes(whole.count() / 60)).count()) / 1e9;
  if (hours > 0) return fmt::format("{}{}h{}m{}s", sign, hours, minutes, rest);
  if (minutes > 0) return fmt::format("{}{}m{}s", sign, minutes, rest);
  return fmt::format("{}{}s", sign, rest);
}

std::int64_t unix_seconds(WallTime time) { return floor<seconds>(time).time_since_epoch().count(); }

WallTime from_unix_seconds(std::int64_t value) { return clamp_to_wall_time(std::chrono::sys_seconds(seconds(value))); }

}  // namespace podid::base
