// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace podid::lab::apiserver {

// A YAML document (JSON is one) as JSON, with the scalar types of YAML 1.2's core schema. Nothing for text
// that is no document, has several, or nests deeper than kMaxJsonDepth; `problem` then says why. Anchors are
// refused: they let a small text grow without bound.
std::optional<boost::json::value> parse_yaml(std::string_view text, std::string& problem);

}  // namespace podid::lab::apiserver
