// SPDX-License-Identifier: Apache-2.0
// JSON of the Kubernetes API: parsing with its depth. Its fields are read with base/json.hpp.
#pragma once
#include <boost/json/value.hpp>
#include <span>
#include <string_view>

#include "base/error.hpp"

namespace podid::kube {

namespace json = boost::json;

// Deeper nesting than any object of Kubernetes has (schemas of CustomResourceDefinitions are the deepest).
inline constexpr std::size_t kMaxJsonDepth = 256;

// `invalid` for anything but one JSON value; the message names `what` and the reason.
base::Result<json::value> parse_json(std::string_view text, std::string_view what);

// What a list holds, as long as the list lives; null is how Go writes an empty one that was never filled. `invalid`, with the
// kind's `plural`: it is no list, which says nothing about what there is.
base::Result<std::span<json::value>> items_of(json::value& list, std::string_view plural);

}  // namespace podid::kube
