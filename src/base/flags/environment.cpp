// SPDX-License-Identifier: Apache-2.0
#include "base/flags/environment.hpp"

#include <cstdlib>

namespace podid::base {

std::string environment_variable(std::string_view name) {
  const char* value = std::getenv(std::string(name).c_str());
  return value != nullptr ? value : "";
}

}  // namespace podid::base
