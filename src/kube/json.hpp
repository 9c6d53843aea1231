// SPDX-License-Identifier: Apache-2.0
// JSON of the Kubernetes API: parsing with its depth. Its fields are read with base/json.hpp.
#pragma once
#include <boost/json/value.hpp>
#include <string_view>

#include "base/error.hpp"

namespace podid::kube {

namespace json = boost::json;

// Deeper nesting than any object of Kubernetes has (schemas of CustomResourceDefinitions are the deepest).
inline constexpr std::size_t kMaxJsonDepth = 256;

// `invalid` for anything but one JSON value; the message names `what` and the reason.
base::Result<json::value> parse_json(std::string_view text, std::string_view what);

}  // namespace podid::kube
