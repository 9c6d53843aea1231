// SPDX-License-Identifier: Apache-2.0
// `podid`, the command line, as a function: arguments and streams come in, an exit status goes out.
#pragma once
#include <string>
#include <vector>

#include "cli/common/environment.hpp"

namespace podid::cli {

// `arguments` without the program's name.
int run(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace podid::cli
