// SPDX-License-Identifier: Apache-2.0
#include "cli/run_app.hpp"

#include "cli/cli.hpp"

namespace podid::cli {

int run_app(CLI::App& app, const std::vector<std::string>& arguments, const int& status, std::ostream& out,
            std::ostream& err) {
  // CLI11 takes the arguments last first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, out, err);
    return code == 0 ? kOk : kUsage;
  }
  return status;
}

}  // namespace podid::cli
