// SPDX-License-Identifier: Apache-2.0
// JSON of the Kubernetes API: parsing with its depth, and reading of fields that may be absent or of a wrong type.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace podid::kube {

namespace json = boost::json;

// Deeper nesting than any object of Kubernetes has (schemas of CustomResourceDefinitions are the deepest).
inline constexpr std::size_t kMaxJsonDepth = 256;

// `invalid` for anything but one JSON value; the message names `what` and the reason.
base::Result<json::value> parse_json(std::string_view text, std::string_view what);

using Path = std::initializer_list<std::string_view>;
// The value at object.path[0].path[1]..., null when a step is absent or not an object.
const json::value* find(const json::value& object, Path path);
// The text, or "" when it is absent or not a string. The view is into `object`.
std::string_view string_at(const json::value& object, Path path);
// The integer, or 0 when it is absent or not an integer of 64 bits.
std::int64_t int_at(const json::value& object, Path path);

}  // namespace podid::kube
