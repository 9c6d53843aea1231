// SPDX-License-Identifier: Apache-2.0
// Tolerant reading of JSON: what is absent or of another type reads as nothing. (Strict readers, which name the wrong field,
// are those of core, which includes nothing of ours, and of the lab's configuration, whose words are others.)
#pragma once
#include <boost/json/fwd.hpp>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace podid::base {

using JsonPath = std::initializer_list<std::string_view>;

// The value at value[path[0]][path[1]]..., null where a step is absent or not an object. The overload for objects, whose
// path has at least one step, is there because an object that turned into a temporary value would take the result along.
const boost::json::value* find_path(const boost::json::value& value, JsonPath path);
const boost::json::value* find_path(const boost::json::object& object, JsonPath path);
// The object there, or null.
const boost::json::object* find_object(const boost::json::object& object, JsonPath path);
// The text there, or "". The view is into the value.
std::string_view text_at(const boost::json::value& value, JsonPath path);
std::string_view text_at(const boost::json::object& object, JsonPath path);
// The integer there, or 0 where it is none of 64 bits with a sign.
std::int64_t integer_at(const boost::json::value& value, JsonPath path);

}  // namespace podid::base
