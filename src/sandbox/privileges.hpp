// SPDX-License-Identifier: Apache-2.0
// Users and capabilities of this process. All before any thread is made: the kernel keeps them for each thread.
#pragma once
#include <linux/capability.h>
#include <sys/types.h>

#include <cstdint>
#include <initializer_list>

#include "base/error.hpp"

namespace podid::sandbox {

// A set of capabilities: bit n is the one with number n (CAP_NET_ADMIN, …).
using Capabilities = std::uint64_t;
constexpr Capabilities capabilities(std::initializer_list<int> numbers) {
  Capabilities set = 0;
  for (const int number : numbers) set |= Capabilities{1} << number;
  return set;
}

base::Result<Capabilities> permitted_capabilities();

// Gives up for good what is not in `permitted`, for now what is not in `effective`; nothing is inherited by programs.
// What we never had is not missed. A program that uid 0 runs has all that is permitted effective.
base::Result<> keep_capabilities(Capabilities permitted, Capabilities effective);

// From uid 0 to another user and its group, for good, without any other groups and capabilities. `denied` without
// SETUID and SETGID: then nothing has changed.
base::Result<> become_user(uid_t user);

}  // namespace podid::sandbox
