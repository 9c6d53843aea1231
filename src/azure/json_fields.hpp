// SPDX-License-Identifier: Apache-2.0
// JSON objects from Azure. Their members are read with base/json.hpp.
#pragma once
#include <boost/json/object.hpp>
#include <string_view>

#include "base/error.hpp"

namespace podid::azure {

// `invalid` for text that is not JSON or not an object.
base::Result<boost::json::object> parse_object(std::string_view text);
}  // namespace podid::azure
