// SPDX-License-Identifier: Apache-2.0
// What AccessTerms says, for tests/zones/oracle.py to compare: reads one case a line from standard input, {"access": spec.access,
// "calendars": {ConfigMap: text}, "times": [seconds]}, and writes one line for it: [[reason, until or null], ...].
#include <boost/json.hpp>
#include <iostream>
#include <string>

#include "core/access/access_terms.hpp"
#include "core/model/access_json.hpp"
#include "zones/time_zones.hpp"

namespace {

namespace json = boost::json;
using namespace podid;

json::array answer(zones::TimeZones& zones, const json::object& question) {
  core::Calendars calendars;
  for (const auto& [name, text] : question.at("calendars").as_object()) {
    calendars[{.config_map = name, .key = "dates"}] = core::read_calendar(std::string_view(text.as_string()));
  }
  const core::AccessTerms terms(core::read_access(question.at("access")), zones.lookup(), calendars);
  json::array states;
  for (const json::value& time : question.at("times").as_array()) {
    const core::AccessState state = terms.at(core::Instant(std::chrono::seconds(time.as_int64())));
    json::value until;
    if (state.until) until = std::chrono::floor<std::chrono::seconds>(*state.until).time_since_epoch().count();
    states.push_back(json::array{to_string(state.reason), std::move(until)});
  }
  return states;
}

}  // namespace

int main() {
  zones::TimeZones zones;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << json::serialize(answer(zones, json::parse(line).as_object())) << std::endl;
  }
}
