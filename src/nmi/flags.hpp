// SPDX-License-Identifier: Apache-2.0
// The command line of the program `nmi` (nmi.md §1) and its environment.
#pragma once
#include <iosfwd>
#include <string>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/flags/environment.hpp"
#include "nmi/options.hpp"

namespace podid::nmi {

// The options, or the status to exit with: 0 after --help and --version, 2 after a wrong flag, which `err` has been told.
// Of the environment: FORCENAMESPACED, KUBECONFIG.
std::variant<NmiOptions, int> parse_flags(const std::vector<std::string>& arguments,
                                          const base::Environment& environment, std::ostream& out, std::ostream& err);
// What follows from flags together. Errors name the flags.
base::Result<> complete_options(NmiOptions& options);

}  // namespace podid::nmi
