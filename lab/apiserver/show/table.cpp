// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/show/table.hpp"

#include <fmt/format.h>

#include "base/time_text.hpp"
#include "lab/apiserver/schema/event_forms.hpp"
#include "lab/apiserver/show/builtin_columns.hpp"
#include "lab/apiserver/wire/json_tools.hpp"

namespace podid::lab::apiserver {
namespace {

json::value custom_cell(const PrinterColumn& column, const json::value& object, base::WallTime now) {
  const auto found = column.path.find(object);
  if (found.empty() || found.front()->is_null()) return nullptr;
  const json::value& value = *found.front();
  if (column.type == "date") {
    if (!value.is_string()) return "<invalid>";
    return json::value(age_of(value.get_string(), now));
  }
  if (column.type == "integer") {
    const auto number = as_integer(value);
    return number ? json::value(*number) : json::value();
  }
  if (column.type == "number") return value.is_number() ? value : json::value();
  if (column.type == "boolean") return value.is_bool() ? value : json::value();
  return value.is_string() ? value : json::value(json::serialize(value));
}

}  // namespace

std::optional<IncludeObject> parse_include_object(std::string_view text) {
  if (text.empty() || text == "Metadata") return IncludeObject::metadata;
  if (text == "None") return IncludeObject::none;
  if (text == "Object") return IncludeObject::object;
  return std::nullopt;
}

std::vector<TableColumn> table_columns(const Resource& resource) {
  if (!resource.custom) return builtin_columns(resource);
  std::vector<TableColumn> out{{.name = "Name", .type = "string", .format = "name"}};
  for (const PrinterColumn& column : resource.columns) {
    out.push_back({.name = column.name,
                   .type = column.type,
                   .format = column.format,
                   .description = column.description,
                   .priority = column.priority});
  }
  return out;
}

json::array table_cells(const Resource& resource, const json::value& object, base::WallTime now) {
  if (!resource.custom) return builtin_cells(resource, object, now);
  json::array cells{text_at(object, {"metadata", "name"})};
  for (const PrinterColumn& column : resource.columns) cells.push_back(custom_cell(column, object, now));
  return cells;
}

json::object make_table(const Resource& resource, json::object list_metadata) {
  json::array columns;
  for (const TableColumn& column : table_columns(resource)) {
    columns.push_back(json::object{{"name", column.name},
                                   {"type", column.type},
                                   {"format", column.format},
                                   {"description", column.description},
                                   {"priority", column.priority}});
  }
  return json::object{{"kind", "Table"},
                      {"apiVersion", "meta.k8s.io/v1"},
                      {"metadata", std::move(list_metadata)},
                      {"columnDefinitions", std::move(columns)},
                      {"rows", json::array{}}};
}

json::object make_row(const Resource& resource, const json::value& object, IncludeObject include, base::WallTime now) {
  json::object row{{"cells", table_cells(resource, object, now)}};
  if (include == IncludeObject::metadata) row["object"] = partial_metadata(object);
  if (include == IncludeObject::object) {
    row["object"] = resource.shares_bucket.empty() ? object : from_core_event(object);
  }
  return row;
}

json::object partial_metadata(const json::value& object) {
  const json::value* metadata = find_path(object, {"metadata"});
  return json::object{{"kind", "PartialObjectMetadata"},
                      {"apiVersion", "meta.k8s.io/v1"},
                      {"metadata", metadata == nullptr ? json::value(json::object{}) : *metadata}};
}

std::string human_duration(base::Duration duration) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration).count();
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86400, kYear = 365 * kDay;
  // Two units while the smaller one says something, then one.
  const auto two = [&](std::int64_t unit, std::string_view name, std::int64_t part, std::string_view part_name) {
    const std::int64_t rest = seconds % unit / part;
    return rest == 0 ? fmt::format("{}{}", seconds / unit, name)
                     : fmt::format("{}{}{}{}", seconds / unit, name, rest, part_name);
  };
  if (seconds < 2 * kMinute) return fmt::format("{}s", seconds);
  if (seconds < 10 * kMinute) return two(kMinute, "m", 1, "s");
  if (seconds < 3 * kHour) return fmt::format("{}m", seconds / kMinute);
  if (seconds < 8 * kHour) return two(kHour, "h", kMinute, "m");
  if (seconds < 2 * kDay) return fmt::format("{}h", seconds / kHour);
  if (seconds < 8 * kDay) return two(kDay, "d", kHour, "h");
  if (seconds < 2 * kYear) return fmt::format("{}d", seconds / kDay);
  if (seconds < 8 * kYear) return two(kYear, "y", kDay, "d");
  return fmt::format("{}y", seconds / kYear);
}

std::string age_of(std::string_view timestamp, base::WallTime now) {
  if (timestamp.empty()) return "<unknown>";
  const auto time = base::parse_rfc3339(timestamp);
  if (!time) return "<invalid>";
  return human_duration(now - *time);
}

}  // namespace podid::lab::apiserver
