// SPDX-License-Identifier: Apache-2.0
// Tolerant reading of JSON objects from Azure: what is absent or null reads as empty.
#pragma once
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace podid::azure {

// `invalid` for text that is not JSON or not an object.
base::Result<boost::json::object> parse_object(std::string_view text);
// The member when it is a string, else "". Valid while `object` is.
std::string_view string_member(const boost::json::object& object, std::string_view name);
// The member when it is an object, else null.
const boost::json::object* object_member(const boost::json::object& object, std::string_view name);

}  // namespace podid::azure
