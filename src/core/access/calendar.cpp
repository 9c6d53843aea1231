// SPDX-License-Identifier: Apache-2.0
#include "core/access/calendar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "core/model/access_json.hpp"
#include "core/model/json_fields.hpp"
#include "core/model/times.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostName = 253;
constexpr std::size_t kMostText = 256UL * 1024;  // the API server's limit of an object's annotations
constexpr std::size_t kMostProblem = 256;
constexpr std::size_t kMostHash = 71;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = std::min(text.find_first_not_of(kBlank), text.size());
  return text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

Calendar unreadable(std::string problem) { return {.dates = {}, .hash = {}, .problem = std::move(problem)}; }

Calendar read_resolved(const JsonFields& fields) {
  if (fields.has("problem")) {
    std::string problem = fields.text("problem", kMostProblem);
    return unreadable(problem.empty() ? "it is not known why" : std::move(problem));
  }
  if (!fields.has("dates")) fields.wrong("dates", "is missing");
  std::string lines;
  for (const std::string& date : fields.list("dates", kMostHolidays, 10)) lines += date + '\n';
  Calendar calendar = read_calendar(lines);
  if (calendar.readable()) calendar.hash = fields.text("hash", kMostHash);
  return calendar;
}

}  // namespace

Calendar read_calendar(std::string_view text) {
  Calendar calendar;
  calendar.hash = sha256_text(text);
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view content = trimmed(text.substr(0, std::min(end, text.find('#'))));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (content.empty()) continue;
    const auto date = read_date(content);
    if (!date) return unreadable(fmt::format("line {} is no date of the form YYYY-MM-DD", line));
    if (calendar.dates.size() == kMostHolidays) {
      return unreadable(fmt::format("line {}: there are more than {} dates", line, kMostHolidays));
    }
    calendar.dates.push_back(*date);
  }
  std::ranges::sort(calendar.dates);
  const auto repeated = std::ranges::unique(calendar.dates);
  calendar.dates.erase(repeated.begin(), repeated.end());
  return calendar;
}

std::string encode_holidays(const Calendars& calendars) {
  json::array out;
  for (const auto& [list, calendar] : calendars) {
    json::object item{{"configMap", list.config_map}, {"key", list.key}};
    if (calendar.readable()) {
      item["hash"] = calendar.hash;
      json::array& dates = item["dates"].emplace_array();
      for (const auto day : calendar.dates) dates.emplace_back(date_text(day));
    } else {
      item["problem"] = std::string_view(calendar.problem).substr(0, kMostProblem);
    }
    out.push_back(std::move(item));
  }
  return json::serialize(out);
}

Calendars decode_holidays(std::string_view text) {
  Calendars calendars;
  if (text.size() > kMostText) return calendars;
  json::error_code error;
  const json::value root = json::object{{"calendars", json::parse(text, error)}};
  if (error) return calendars;
  std::optional<Invalid> problem;
  JsonFields(root, problem).each("calendars", [&calendars](const JsonFields& fields) {
    if (calendars.size() == kMostWindows) return;
    HolidayList list{.config_map = fields.text("configMap", kMostName), .key = fields.text("key", kMostName)};
    calendars.emplace(std::move(list), read_resolved(fields));
  });
  if (problem) calendars.clear();
  return calendars;
}

}  // namespace podid::core
