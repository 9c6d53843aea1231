// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/json.hpp>
#include <string_view>

namespace podid::lab::apiserver {

// The structural schema of a built-in kind, down to the depth that the server checks; below, anything goes.
boost::json::value builtin_schema(std::string_view kind);

}  // namespace podid::lab::apiserver
