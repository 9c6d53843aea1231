// SPDX-License-Identifier: Apache-2.0
// From a CLI11 command line to an exit status; for `podid` and `podid-lab`.
#pragma once
#include <CLI/CLI.hpp>
#include <ostream>
#include <string>
#include <vector>

namespace podid::cli {

// Parses, which runs the verb that the arguments (without the program's name) choose; `status` is where the verbs put what
// came of it.
int run_app(CLI::App& app, const std::vector<std::string>& arguments, const int& status, std::ostream& out,
            std::ostream& err);

}  // namespace podid::cli
