// SPDX-License-Identifier: Apache-2.0
// The command line of the program `mic` (mic.md §1) and its environment.
#pragma once
#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

#include "base/flags/environment.hpp"
#include "mic/options.hpp"

namespace podid::mic {

// The options, or the status to exit with: 0 after --help and --version, 2 after a wrong flag, 255 after a missing
// MIC_POD_NAMESPACE (aad-pod-identity's fatal). What is wrong has been said on `err` (MIC-30).
std::variant<MicOptions, int> parse_flags(const std::vector<std::string>& arguments,
                                          const base::Environment& environment, std::ostream& out, std::ostream& err);

}  // namespace podid::mic
