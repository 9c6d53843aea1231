// SPDX-License-Identifier: Apache-2.0
// Reading and writing of JSON objects by path, without exceptions. Pure.
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"

namespace podid::lab::apiserver {

namespace json = boost::json;

using base::find_path;
using base::text_at;
// The same of what may be changed.
json::value* find_path(json::value& value, base::JsonPath path);
json::value* find_path(json::object& object, base::JsonPath path);
// The object at object[name], made where it is missing or not an object.
json::object& object_at(json::object& object, std::string_view name);
// Makes `to` have the member as `from` has it, or not at all.
void copy_member(const json::object& from, json::object& to, std::string_view name);
// Removes a member, keeping the order of the others.
void erase_member(json::object& object, std::string_view name);

// A number that is integral in Kubernetes' sense: 1, 1.0 and 1e3 are, 1.5 is not.
std::optional<std::int64_t> as_integer(const json::value& value);

// Parses a document of at most kMaxJsonDepth levels. On failure nothing, with the reason in `problem`.
std::optional<json::value> parse_json(std::string_view text, std::string& problem);

// "object", "array", "string", "integer", "number", "boolean" or "null", as OpenAPI names them.
std::string_view type_name(const json::value& value);

// Equal in content; the order of members does not matter.
bool same_json(const json::value& a, const json::value& b);

}  // namespace podid::lab::apiserver
