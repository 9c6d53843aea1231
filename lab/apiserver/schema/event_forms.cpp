// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/event_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "base/text.hpp"
#include "lab/apiserver/schema/builtin_schemas.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::size_t kMaxNote = 1024;
constexpr std::size_t kMaxName = 128;  // of reportingInstance, action and reason

struct Renamed {
  std::string_view events;  // in events.k8s.io/v1
  std::string_view core;
};
constexpr std::array kRenamed{
    Renamed{"regarding", "involvedObject"},
    Renamed{"note", "message"},
    Renamed{"reportingController", "reportingComponent"},
    Renamed{"deprecatedSource", "source"},
    Renamed{"deprecatedFirstTimestamp", "firstTimestamp"},
    Renamed{"deprecatedLastTimestamp", "lastTimestamp"},
    Renamed{"deprecatedCount", "count"},
};

json::object renamed(const json::object& members, std::string_view Renamed::* from, std::string_view Renamed::* to) {
  json::object out;
  for (const auto& member : members) {
    const auto* found = std::ranges::find(kRenamed, std::string_view(member.key()), from);
    out[found == kRenamed.end() ? std::string_view(member.key()) : (*found).*to] = member.value();
  }
  return out;
}

}  // namespace

json::value to_core_event(json::value event) {
  json::object out = renamed(event.get_object(), &Renamed::events, &Renamed::core);
  if (out.contains("apiVersion")) out["apiVersion"] = "v1";
  return out;
}

json::value from_core_event(json::value event) {
  json::object out = renamed(event.get_object(), &Renamed::core, &Renamed::events);
  if (out.contains("apiVersion")) out["apiVersion"] = "events.k8s.io/v1";
  return out;
}

json::value event_schema_of_events_group() {
  json::value schema = builtin_schema("Event");
  json::object& properties = schema.get_object()["properties"].get_object();
  properties = renamed(properties, &Renamed::core, &Renamed::events);
  return schema;
}

void validate_new_event(const json::value& event, std::vector<StatusCause>& causes) {
  if (text_at(event, {"eventTime"}).empty()) causes.push_back(required_value("eventTime"));
  if (text_at(event, {"reportingController"}).empty()) causes.push_back(required_value("reportingController"));
  for (const std::string_view name : {"reportingInstance", "action", "reason"}) {
    const std::string_view text = text_at(event, {name});
    if (text.empty()) causes.push_back(required_value(std::string(name)));
    if (text.size() > kMaxName)
      causes.push_back(invalid_value(std::string(name), "", "can have at most 128 characters"));
  }
  const std::string_view type = text_at(event, {"type"});
  if (type != "Normal" && type != "Warning") {
    causes.push_back(invalid_value("type", base::go_quote(type), "has invalid value: " + std::string(type)));
  }
  if (text_at(event, {"note"}).size() > kMaxNote) {
    causes.push_back(invalid_value("note", "", "can have at most 1024 characters"));
  }
  for (const std::string_view name : {"deprecatedFirstTimestamp", "deprecatedLastTimestamp"}) {
    if (!text_at(event, {name}).empty()) {
      causes.push_back(invalid_value(std::string(name), base::go_quote(text_at(event, {name})), "needs to be unset"));
    }
  }
  if (const json::value* count = find_path(event, {"deprecatedCount"}); count != nullptr && *count != 0) {
    causes.push_back(invalid_value("deprecatedCount", json::serialize(*count), "needs to be unset"));
  }
  const json::value* series = find_path(event, {"series"});
  if (series == nullptr || !series->is_object()) return;
  const json::value* count = find_path(*series, {"count"});
  if (count == nullptr || as_integer(*count).value_or(0) < 2) {
    causes.push_back(
        invalid_value("series.count", count == nullptr ? "0" : json::serialize(*count), "should be at least 2"));
  }
  if (text_at(*series, {"lastObservedTime"}).empty()) causes.push_back(required_value("series.lastObservedTime"));
}

void validate_event_change(const json::value& before, const json::value& after, std::vector<StatusCause>& causes) {
  for (const std::string_view name : {"regarding", "reason", "note", "reportingController", "reportingInstance",
                                      "action", "related", "type", "eventTime", "deprecatedCount"}) {
    const json::value* old_value = find_path(before, {name});
    const json::value* new_value = find_path(after, {name});
    const bool same =
        old_value == nullptr || new_value == nullptr ? old_value == new_value : same_json(*old_value, *new_value);
    if (!same) {
      causes.push_back(invalid_value(std::string(name), new_value == nullptr ? "null" : shown_value(*new_value),
                                     "field is immutable"));
    }
  }
}

}  // namespace podid::lab::apiserver
