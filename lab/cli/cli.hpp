// SPDX-License-Identifier: Apache-2.0
// `podid-lab`, which `podid lab …` runs, as a function: arguments and streams come in, an exit status goes out.
#pragma once
#include <ostream>
#include <string>
#include <vector>

namespace podid::lab::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  // something does not run, or the operation failed
inline constexpr int kUsage = 2;

struct Environment {
  std::ostream& out;
  std::ostream& err;
  std::string program;           // path of this executable: its siblings mic and nmi are what the lab runs
  std::string deploy_directory;  // the manifests, unless --deploy-dir says otherwise
};

// `arguments` without the program's name.
int run(const std::vector<std::string>& arguments, const Environment& environment);

}  // namespace podid::lab::cli
