// SPDX-License-Identifier: Apache-2.0
// Where a verb writes, and what its exit status means.
#pragma once
#include <ostream>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace podid::cli {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;  // refused, unhealthy, or the operation failed
inline constexpr int kUsage = 2;

struct Environment {
  std::ostream& out;
  std::ostream& err;
  std::string program;  // path of this executable: podid-lab is looked for beside it
};

// Prints the failure of a verb and returns its exit status: kUsage where what was typed is wrong.
inline int report(const Environment& environment, const base::Error& error) {
  environment.err << "podid: " << error.message << "\n";
  const bool ours = error.kind == base::ErrorKind::invalid && error.http_status == 0;
  return ours ? kUsage : kFailed;
}

}  // namespace podid::cli
