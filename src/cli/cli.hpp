// SPDX-License-Identifier: Apache-2.0
// `podid`, the command line, as a function: arguments and streams come in, an exit status goes out.
#pragma once
#include <ostream>
#include <string>
#include <vector>

namespace podid::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  // refused, unhealthy, or the operation failed
inline constexpr int kUsage = 2;

struct Environment {
  std::ostream& out;
  std::ostream& err;
  std::string program;  // path of this executable: podid-lab is looked for beside it
};

// `arguments` without the program's name.
int run(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace podid::cli
