// SPDX-License-Identifier: Apache-2.0
#include "core/model/times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace podid::core {
namespace {

using std::chrono::floor;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_seconds;

// A number made of digits alone, within [low, high].
std::optional<int> number(std::string_view digits, int low, int high) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (digits.empty() || digits.front() == '-' || error != std::errc() || end != digits.data() + digits.size())
    return {};
  return value < low || value > high ? std::nullopt : std::optional(value);
}

// The fraction that follows the seconds, taken off `text`: a full stop and one to nine digits, or nothing.
std::optional<nanoseconds> take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return nanoseconds(0);
  const std::size_t end = std::min(text.find_first_not_of("0123456789", 1), text.size());
  std::string digits(text.substr(1, end - 1));
  if (digits.empty() || digits.size() > 9) return std::nullopt;
  digits.resize(9, '0');
  text.remove_prefix(end);
  const auto value = number(digits, 0, 999'999'999);
  return value ? std::optional(nanoseconds(*value)) : std::nullopt;
}

std::optional<minutes> read_offset(std::string_view text) {
  if (text == "Z") return minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  const auto offset = read_clock(text.substr(1));
  if (!offset || *offset == hours(24)) return std::nullopt;
  return text[0] == '+' ? *offset : -*offset;
}

}  // namespace

std::optional<sys_days> read_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = number(text.substr(0, 4), 0, 9999);
  const auto month = number(text.substr(5, 2), 1, 12);
  const auto day = number(text.substr(8, 2), 1, 31);
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  return date.ok() ? std::optional(sys_days(date)) : std::nullopt;
}

std::optional<minutes> read_clock(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = number(text.substr(0, 2), 0, 24);
  const auto minute = number(text.substr(3, 2), 0, 59);
  if (!hour || !minute || (*hour == 24 && *minute != 0)) return std::nullopt;
  return hours(*hour) + minutes(*minute);
}

std::optional<Instant> read_time(std::string_view text) {
  if (text.size() < 20 || text[10] != 'T' || text[16] != ':') return std::nullopt;
  const auto date = read_date(text.substr(0, 10));
  const auto clock = read_clock(text.substr(11, 5));
  const auto second = number(text.substr(17, 2), 0, 59);
  text.remove_prefix(19);
  const auto fraction = take_fraction(text);
  const auto offset = read_offset(text);
  if (!date || !clock || *clock == hours(24) || !second || !fraction || !offset) return std::nullopt;
  const sys_seconds whole = *date + *clock + seconds(*second) - *offset;
  if (whole < sys_seconds()) return std::nullopt;
  constexpr sys_seconds kLast = floor<seconds>(Instant::max()) - seconds(1);
  return whole > kLast ? Instant(kLast) : Instant(whole) + *fraction;
}

std::string date_text(sys_days day) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

std::string time_text(Instant time) {
  const sys_days day = floor<std::chrono::days>(time);
  const std::chrono::hh_mm_ss clock(floor<seconds>(time) - day);
  return fmt::format("{}T{:02}:{:02}:{:02}Z", date_text(day), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::optional<seconds> read_duration(std::string_view text) {
  struct Unit {
    char name;
    std::size_t most_digits;
    seconds length;
  };
  constexpr std::array<Unit, 3> kUnits = {{{'h', 3, hours(1)}, {'m', 4, minutes(1)}, {'s', 5, seconds(1)}}};
  if (text.empty()) return std::nullopt;
  seconds total{0};
  for (const Unit& unit : kUnits) {
    const std::size_t end = text.find_first_not_of("0123456789");
    if (end == std::string_view::npos || text[end] != unit.name) continue;
    const auto value = end <= unit.most_digits ? number(text.substr(0, end), 0, 99'999) : std::nullopt;
    if (!value) return std::nullopt;
    total += *value * unit.length;
    text.remove_prefix(end + 1);
  }
  return text.empty() ? std::optional(total) : std::nullopt;
}

std::string duration_text(seconds duration) {
  const std::chrono::hh_mm_ss parts(duration);
  std::string text;
  if (parts.hours().count() != 0) text += fmt::format("{}h", parts.hours().count());
  if (parts.minutes().count() != 0) text += fmt::format("{}m", parts.minutes().count());
  if (parts.seconds().count() != 0 || text.empty()) text += fmt::format("{}s", parts.seconds().count());
  return text;
}

}  // namespace podid::core
