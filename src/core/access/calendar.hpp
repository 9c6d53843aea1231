// SPDX-License-Identifier: Apache-2.0
// Days on which windows do not open, from ConfigMaps (HolidayList). Pure.
#pragma once
#include <chrono>
#include <compare>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/access.hpp"

namespace podid::core {

inline constexpr std::size_t kMostHolidays = 400;

struct Calendar {
  std::vector<std::chrono::sys_days> dates;  // ascending, each once
  std::string hash;                          // of the text that they were read from, "sha256:…"; for people
  std::string problem;                       // why they are not known, a sentence without a full stop; empty: they are
  bool operator==(const Calendar&) const = default;

  bool readable() const { return problem.empty(); }
};

// The text of a ConfigMap's key: lines of YYYY-MM-DD, blanks around them, '#' comments, empty lines; at most kMostHolidays dates.
Calendar read_calendar(std::string_view text);

// Of one namespace: what is known of its calendars. One that is not in it is not known.
using Calendars = std::map<HolidayList, Calendar, std::less<>>;

// How the controller hands the calendars of a binding's windows to the NMIs, which may not read ConfigMaps: in this
// annotation of the assignment. Compact JSON, the same for equal calendars.
inline constexpr std::string_view kHolidaysAnnotation = "aadpodidentity.k8s.io/holidays";
std::string encode_holidays(const Calendars& calendars);
// What cannot be read is left out, so that its windows do not open.
Calendars decode_holidays(std::string_view text);

}  // namespace podid::core
