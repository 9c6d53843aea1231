// SPDX-License-Identifier: Apache-2.0
// Environment variables, as a value that tests can replace.
#pragma once
#include <functional>
#include <string>
#include <string_view>

namespace podid::base {

// Gives "" for a variable that is not set.
using Environment = std::function<std::string(std::string_view name)>;

// Of the process.
std::string environment_variable(std::string_view name);

}  // namespace podid::base
