// SPDX-License-Identifier: Apache-2.0
// A deadline is a value that is handed down, not a number of milliseconds at each level.
#pragma once
#include <chrono>

namespace podid::net {

// Socket deadlines run on the operating system's monotonic clock (base::Clock drives everything else).
using Deadline = std::chrono::steady_clock::time_point;

inline Deadline deadline_in(std::chrono::nanoseconds duration) { return std::chrono::steady_clock::now() + duration; }
inline constexpr Deadline no_deadline = Deadline::max();

}  // namespace podid::net
