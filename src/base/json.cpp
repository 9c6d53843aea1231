// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace podid::base {

namespace json = boost::json;

namespace {

const json::value* walk(const json::value* at, const std::string_view* step, const std::string_view* end) {
  for (; step != end && at != nullptr; ++step) {
    const json::object* object = at->if_object();
    at = object == nullptr ? nullptr : object->if_contains(*step);
  }
  return at;
}

std::string_view text_of(const json::value* found) {
  if (found == nullptr || !found->is_string()) return {};
  return found->get_string();
}

}  // namespace

const json::value* find_path(const json::value& value, JsonPath path) { return walk(&value, path.begin(), path.end()); }

const json::value* find_path(const json::object& object, JsonPath path) {
  return walk(object.if_contains(*path.begin()), path.begin() + 1, path.end());
}

const json::object* find_object(const json::object& object, JsonPath path) {
  const json::value* found = find_path(object, path);
  return found == nullptr ? nullptr : found->if_object();
}

std::string_view text_at(const json::value& value, JsonPath path) { return text_of(find_path(value, path)); }

std::string_view text_at(const json::object& object, JsonPath path) { return text_of(find_path(object, path)); }

std::int64_t integer_at(const json::value& value, JsonPath path) {
  const json::value* found = find_path(value, path);
  return found == nullptr || !found->is_int64() ? 0 : found->get_int64();
}

}  // namespace podid::base
