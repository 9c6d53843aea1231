// SPDX-License-Identifier: Apache-2.0
#include "kube/json.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>

namespace podid::kube {

base::Result<json::value> parse_json(std::string_view text, std::string_view what) {
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  boost::system::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error) {
    return base::fail(base::ErrorKind::invalid, fmt::format("{} is not JSON: {}", what, error.message()));
  }
  return value;
}

base::Result<std::span<json::value>> items_of(json::value& list, std::string_view plural) {
  json::object* const object = list.if_object();
  json::value* const items = object == nullptr ? nullptr : object->if_contains("items");
  if (items != nullptr && items->is_null()) return std::span<json::value>();
  if (items == nullptr || !items->is_array()) {
    return base::fail(base::ErrorKind::invalid, fmt::format("the list of {} has no items", plural));
  }
  return std::span<json::value>(items->get_array());
}

}  // namespace podid::kube
