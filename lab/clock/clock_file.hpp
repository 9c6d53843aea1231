// SPDX-License-Identifier: Apache-2.0
// The clock of a lab: a file that holds by how much it is ahead of the machine's. The lab's programs are started with
// a library (preload.cpp) that adds the number to what the kernel says, so that a window or a grant of hours can be
// seen to open and to end. The programs themselves know nothing of it.
//
// Wall-clock time alone moves: timeouts and timers go by the steady clock and are not driven. A program that sleeps
// until some instant sees a jump when it next looks.
#pragma once
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace podid::lab::clock {

// What the library is told by: the path of the file. It is opened when a program starts, before any sandbox.
inline constexpr const char* kFileVariable = "PODID_LAB_CLOCK";

// Makes the file, for a clock that shows the machine's time.
base::Result<> create(const std::string& path);

// By how much the lab's clock is ahead of the machine's; negative: behind.
base::Result<base::Duration> offset(const std::string& path);

// All programs of the lab see it at once: one aligned store into the page that they map.
base::Result<> set_offset(const std::string& path, base::Duration offset);

// The offset that `action` asks for, at the machine's time `now`: "+2h" (a Go duration, further than `current`),
// "set 2026-12-01T23:59:58Z" (RFC 3339) as two words, "reset". `invalid`: it is none of these, or more than 5 years
// away, where the lab's certificates end.
base::Result<base::Duration> asked_offset(std::string_view action, std::string_view time, base::Duration current,
                                          base::WallTime now);

}  // namespace podid::lab::clock
