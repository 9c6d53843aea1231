// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/json_tools.hpp"

#include <cmath>
#include <utility>

#include "lab/apiserver/wire/limits.hpp"

namespace podid::lab::apiserver {

json::value* find_path(json::value& value, base::JsonPath path) {
  return const_cast<json::value*>(find_path(std::as_const(value), path));
}

json::value* find_path(json::object& object, base::JsonPath path) {
  return const_cast<json::value*>(find_path(std::as_const(object), path));
}

json::object& object_at(json::object& object, std::string_view name) {
  json::value& member = object[name];
  if (!member.is_object()) member.emplace_object();
  return member.get_object();
}

void copy_member(const json::object& from, json::object& to, std::string_view name) {
  if (const json::value* value = from.if_contains(name)) {
    to[name] = *value;
  } else {
    erase_member(to, name);
  }
}

void erase_member(json::object& object, std::string_view name) {
  const auto found = object.find(name);
  if (found != object.end()) object.stable_erase(found);
}

std::optional<std::int64_t> as_integer(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64() && value.get_uint64() <= static_cast<std::uint64_t>(INT64_MAX)) {
    return static_cast<std::int64_t>(value.get_uint64());
  }
  if (value.is_double()) {
    const double number = value.get_double();
    if (std::nearbyint(number) == number && std::abs(number) < 9.0e18) return static_cast<std::int64_t>(number);
  }
  return std::nullopt;
}

std::optional<json::value> parse_json(std::string_view text, std::string& problem) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error) {
    problem = error.message();
    return std::nullopt;
  }
  return value;
}

std::string_view type_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "integer";
    case json::kind::double_:
      return as_integer(value) ? "integer" : "number";
    case json::kind::string:
      return "string";
    case json::kind::array:
      return "array";
    case json::kind::object:
      return "object";
  }
  return "null";
}

bool same_json(const json::value& a, const json::value& b) {
  if (a.is_object() && b.is_object()) {
    const json::object& left = a.get_object();
    const json::object& right = b.get_object();
    if (left.size() != right.size()) return false;
    for (const auto& member : left) {
      const json::value* other = right.if_contains(member.key());
      if (other == nullptr || !same_json(member.value(), *other)) return false;
    }
    return true;
  }
  if (a.is_array() && b.is_array()) {
    const json::array& left = a.get_array();
    const json::array& right = b.get_array();
    if (left.size() != right.size()) return false;
    for (std::size_t i = 0; i < left.size(); ++i) {
      if (!same_json(left[i], right[i])) return false;
    }
    return true;
  }
  if (a.is_number() && b.is_number()) {
    const auto left = as_integer(a);
    const auto right = as_integer(b);
    if (left && right) return *left == *right;
    return a.to_number<double>() == b.to_number<double>();
  }
  return a == b;
}

}  // namespace podid::lab::apiserver
