// SPDX-License-Identifier: Apache-2.0
#include "core/model/access_json.hpp"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <map>

#include "core/model/json_fields.hpp"
#include "core/model/times.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;
using std::chrono::hours;

constexpr std::size_t kMostTimeText = 35;
constexpr std::size_t kMostNameText = 253;
constexpr std::array<std::string_view, 7> kDays = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A ConfigMap's name and the name of a key in one, near enough: what is not one is not found.
bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
  });
}

// The path of the first null in the value; empty: none.
std::string path_of_null(const json::value& value) {
  if (const json::object* object = value.if_object()) {
    for (const auto& [key, member] : *object) {
      if (member.is_null()) return std::string(key);
      if (const std::string inner = path_of_null(member); !inner.empty()) {
        return fmt::format("{}{}{}", std::string_view(key), inner.front() == '[' ? "" : ".", inner);
      }
    }
  }
  if (const json::array* array = value.if_array()) {
    for (std::size_t i = 0; i < array->size(); ++i) {
      if ((*array)[i].is_null()) return fmt::format("[{}]", i);
      if (const std::string inner = path_of_null((*array)[i]); !inner.empty()) {
        return fmt::format("[{}]{}{}", i, inner.front() == '[' ? "" : ".", inner);
      }
    }
  }
  return {};
}

// One object inside spec.access. As with JsonFields, the first problem stays and silences the rest.
class Reader {
 public:
  Reader(const JsonFields& fields, std::initializer_list<std::string_view> known) : fields_(fields) {
    const json::object unknown = fields.others(known);
    if (!unknown.empty()) fields.wrong(unknown.begin()->key(), "is a member that this release does not know");
  }

  std::optional<Instant> time(std::string_view name) const {
    return form<Instant>(name, kMostTimeText, read_time,
                         "is no RFC 3339 time with seconds and zone, from 1970 on, such as 2026-12-31T23:59:59Z");
  }

  std::optional<std::chrono::minutes> clock(std::string_view name, std::string_view problem) const {
    return form<std::chrono::minutes>(name, 5, read_clock, problem);
  }

  std::string name(std::string_view name, std::string_view otherwise) const {
    if (!fields_.has(name)) return std::string(otherwise);
    std::string text = fields_.text(name, kMostNameText);
    if (!is_name(text)) fields_.wrong(name, "is no name of a ConfigMap or of a key in one");
    return text;
  }

  std::optional<std::chrono::seconds> duration(std::string_view name) const {
    return form<std::chrono::seconds>(name, 16, read_duration,
                                      "is no duration in hours, minutes and seconds, such as 4h or 1h30m");
  }

 private:
  template <class T>
  std::optional<T> form(std::string_view name, std::size_t most, std::optional<T> (*read)(std::string_view),
                        std::string_view problem) const {
    if (!fields_.has(name)) return std::nullopt;
    const std::string text = fields_.text(name, most);
    const std::optional<T> value = read(text);
    if (!value) fields_.wrong(name, problem);
    return value;
  }

  const JsonFields& fields_;
};

std::uint8_t read_days(const JsonFields& window) {
  if (!window.has("days")) return AccessWindow::kEveryDay;
  unsigned days = 0;
  for (const std::string& name : window.list("days", kDays.size(), 3)) {
    const auto day = std::ranges::find(kDays, name);
    if (day == kDays.end()) {
      window.wrong("days", "has a day that is none of Mon, Tue, Wed, Thu, Fri, Sat, Sun");
      return 0;
    }
    const unsigned bit = 1U << static_cast<unsigned>(day - kDays.begin());
    if ((days & bit) != 0) window.wrong("days", "has a day twice");
    days |= bit;
  }
  if (days == 0) window.wrong("days", "is empty");
  return static_cast<std::uint8_t>(days);
}

AccessWindow read_window(const JsonFields& fields) {
  const Reader reader(fields, {"timeZone", "days", "start", "end", "holidays"});
  AccessWindow window;
  if (fields.has("timeZone")) {
    window.time_zone = fields.text("timeZone", kMostZoneName);
    if (!is_zone_name(window.time_zone)) fields.wrong("timeZone", "is no IANA name, such as Europe/Berlin");
  }
  window.days = read_days(fields);
  window.start = reader.clock("start", "is no wall-clock time from 00:00 to 23:59").value_or(window.start);
  window.end = reader.clock("end", "is no wall-clock time from 00:00 to 24:00").value_or(window.end);
  if (window.start == hours(24)) fields.wrong("start", "is no wall-clock time from 00:00 to 23:59");
  if (window.start == window.end) fields.wrong("end", "equals start: for the whole day leave both out");
  if (fields.has("holidays")) {
    const JsonFields holidays = fields.object("holidays");
    const Reader list(holidays, {"configMap", "key"});
    window.holidays = HolidayList{.config_map = list.name("configMap", ""), .key = list.name("key", "dates")};
    if (window.holidays->config_map.empty()) holidays.wrong("configMap", "is missing");
  }
  return window;
}

GrantTerms read_grant(const JsonFields& fields) {
  const Reader reader(fields, {"maxDuration", "approvals"});
  GrantTerms terms;
  if (!fields.has("maxDuration")) fields.wrong("maxDuration", "is missing");
  if (const auto duration = reader.duration("maxDuration")) {
    terms.max_duration = *duration;
    if (*duration < kShortestGrant || *duration > kLongestGrant) fields.wrong("maxDuration", "is not from 1m to 168h");
  }
  if (fields.has("approvals")) terms.approvals = static_cast<int>(fields.integer("approvals", 0, kMostApprovals));
  return terms;
}

TokenBeyondWindow read_beyond(const JsonFields& fields) {
  if (!fields.has("tokenBeyondWindow")) return TokenBeyondWindow::allow;
  const std::string text = fields.text("tokenBeyondWindow", 5);
  if (text != "Allow" && text != "Deny") fields.wrong("tokenBeyondWindow", "is neither Allow nor Deny");
  return text == "Deny" ? TokenBeyondWindow::deny : TokenBeyondWindow::allow;
}

Access read_fields(const JsonFields& fields) {
  const Reader reader(fields, {"notBefore", "notAfter", "windows", "grant", "tokenBeyondWindow"});
  Access access;
  access.not_before = reader.time("notBefore");
  access.not_after = reader.time("notAfter");
  if (access.not_before && access.not_after && *access.not_after <= *access.not_before) {
    fields.wrong("notAfter", "is not later than notBefore");
  }
  if (fields.has("windows")) {
    fields.each("windows", [&](const JsonFields& window) {
      if (access.windows.size() == kMostWindows) return fields.wrong("windows", "has more than 16 items");
      access.windows.push_back(read_window(window));
    });
    if (access.windows.empty()) fields.wrong("windows", "is empty");
  }
  if (fields.has("grant")) access.grant = read_grant(fields.object("grant"));
  access.token_beyond_window = read_beyond(fields);
  if (!access.not_before && !access.not_after && access.windows.empty() && !access.grant) {
    fields.wrong("", "limits nothing: it needs notBefore, notAfter, windows or grant");
  }
  return access;
}

// The path may be anybody's text.
Access invalid(std::string path, std::string_view problem) {
  constexpr std::size_t kMostPath = 128;
  if (path.size() > kMostPath) path.resize(kMostPath);
  std::ranges::replace_if(path, [](char c) { return c < ' ' || c > '~'; }, '?');
  Access access;
  access.invalid = fmt::format("spec.access{}{}{} {}", path.empty() ? "" : ".", path, path.empty() ? "" : ":", problem);
  return access;
}

// ---- the hash ----

void set_default(json::object& object, std::string_view name, const json::value& value) {
  if (!object.contains(name)) object.emplace(name, value);
}

json::value without_null(const json::value& value) {
  if (const json::object* object = value.if_object()) {
    json::object out;
    for (const auto& [key, member] : *object) {
      if (!member.is_null()) out.emplace(key, without_null(member));
    }
    return out;
  }
  if (const json::array* array = value.if_array()) {
    json::array out;
    for (const json::value& item : *array) out.push_back(without_null(item));
    return out;
  }
  return value;
}

json::value with_defaults(const json::value& access) {
  json::value filled = without_null(access);
  json::object* const root = filled.if_object();
  if (root == nullptr) return filled;
  set_default(*root, "tokenBeyondWindow", "Allow");
  if (json::value* grant = root->if_contains("grant"); grant != nullptr && grant->is_object()) {
    set_default(grant->get_object(), "approvals", 1);
  }
  json::value* const windows = root->if_contains("windows");
  if (windows == nullptr || !windows->is_array()) return filled;
  for (json::value& item : windows->get_array()) {
    json::object* const window = item.if_object();
    if (window == nullptr) continue;
    set_default(*window, "timeZone", "UTC");
    set_default(*window, "start", "00:00");
    set_default(*window, "end", "24:00");
    if (json::value* holidays = window->if_contains("holidays"); holidays != nullptr && holidays->is_object()) {
      set_default(holidays->get_object(), "key", "dates");
    }
  }
  return filled;
}

void write_canonical(const json::value& value, std::string& out) {
  std::string_view separator;
  if (const json::object* object = value.if_object()) {
    std::map<std::string_view, const json::value*> members;
    for (const auto& [key, member] : *object) members.emplace(key, &member);
    out += '{';
    for (const auto& [key, member] : members) {
      out += separator;
      out += json::serialize(json::string(key));
      out += ':';
      write_canonical(*member, out);
      separator = ",";
    }
    out += '}';
  } else if (const json::array* array = value.if_array()) {
    out += '[';
    for (const json::value& item : *array) {
      out += separator;
      write_canonical(item, out);
      separator = ",";
    }
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > kMostZoneName || !is_letter(name.front()) || name.back() == '/') return false;
  if (std::ranges::count(name, '/') > 2 || name.contains("//")) return false;
  return std::ranges::all_of(
      name, [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '+' || c == '-' || c == '/'; });
}

Access read_access(const json::value& access) {
  if (!access.is_object()) return invalid("", fmt::format("is not an object but {}", kind_of(access)));
  if (const std::string path = path_of_null(access); !path.empty()) return invalid(path, "is null");
  std::optional<Invalid> problem;
  Access read = read_fields(JsonFields(access, problem));
  return problem ? invalid(problem->field, problem->problem) : read;
}

Access lost_access() {
  Access access;
  access.invalid = fmt::format(
      "spec.access is missing while annotation {} says that there was one: a client that does not know it wrote the "
      "binding",
      kAccessHashAnnotation);
  return access;
}

std::string access_hash(const json::value& access) {
  std::string text;
  write_canonical(with_defaults(access), text);
  return sha256_text(text);
}

std::string sha256_text(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return fmt::format("sha256:{:02x}", fmt::join(digest, ""));
}

}  // namespace podid::core
