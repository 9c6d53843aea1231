// SPDX-License-Identifier: Apache-2.0
#include "kube/json.hpp"

#include <fmt/format.h>

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

const json::value* find(const json::value& object, Path path) {
  const json::value* at = &object;
  for (const std::string_view step : path) {
    const json::object* inner = at->if_object();
    if (inner == nullptr) return nullptr;
    at = inner->if_contains(step);
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string_view string_at(const json::value& object, Path path) {
  const json::value* found = find(object, path);
  if (found == nullptr || !found->is_string()) return {};
  return std::string_view(found->get_string().data(), found->get_string().size());
}

std::int64_t int_at(const json::value& object, Path path) {
  const json::value* found = find(object, path);
  if (found == nullptr || !found->is_int64()) return 0;
  return found->get_int64();
}

}  // namespace podid::kube
