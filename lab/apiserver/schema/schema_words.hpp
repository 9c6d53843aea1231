// SPDX-License-Identifier: Apache-2.0
// The extension words of structural schemas that more than one file reads.
#pragma once
#include <boost/json.hpp>
#include <string_view>

namespace podid::lab::apiserver {

inline constexpr std::string_view kPreserveUnknown = "x-kubernetes-preserve-unknown-fields";
inline constexpr std::string_view kEmbeddedResource = "x-kubernetes-embedded-resource";
inline constexpr std::string_view kIntOrString = "x-kubernetes-int-or-string";
inline constexpr std::string_view kListType = "x-kubernetes-list-type";
inline constexpr std::string_view kListMapKeys = "x-kubernetes-list-map-keys";

// Whether schema[name] is true.
bool schema_flag(const boost::json::value& schema, std::string_view name);

}  // namespace podid::lab::apiserver
