// SPDX-License-Identifier: Apache-2.0
// meta.k8s.io/v1 Table: what `kubectl get` prints. Pure.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "lab/apiserver/schema/resource.hpp"

namespace podid::lab::apiserver {

struct TableColumn {
  std::string name;
  std::string type;
  std::string format = {};
  std::string description = {};
  int priority = 0;  // greater than 0: shown with -o wide
};

// What each row carries of its object (the includeObject parameter).
enum class IncludeObject { none, metadata, object };
std::optional<IncludeObject> parse_include_object(std::string_view text);

std::vector<TableColumn> table_columns(const Resource& resource);
// One cell per column.
boost::json::array table_cells(const Resource& resource, const boost::json::value& object, base::WallTime now);

// A table without rows; `list_metadata` is the list's.
boost::json::object make_table(const Resource& resource, boost::json::object list_metadata);
boost::json::object make_row(const Resource& resource, const boost::json::value& object, IncludeObject include,
                             base::WallTime now);

// meta.k8s.io/v1 PartialObjectMetadata of an object.
boost::json::object partial_metadata(const boost::json::value& object);

// As kubectl shows ages: "5s", "3m10s", "2d4h".
std::string human_duration(base::Duration duration);
// The age of a timestamp (RFC 3339), "<unknown>" where it is empty, "<invalid>" where it is none.
std::string age_of(std::string_view timestamp, base::WallTime now);

}  // namespace podid::lab::apiserver
