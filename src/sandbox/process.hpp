// SPDX-License-Identifier: Apache-2.0
// What any daemon of ours gives up at its start (SEC-20).
#pragma once
#include <sys/types.h>

#include <cstdint>

#include "base/error.hpp"

namespace podid::sandbox {

// For the rest of this process's life: no program that it runs gains privileges, no other process of its user reads its
// memory, and no core file shows what was in there. Call before any thread is made, and again after become_user(), which
// lets the kernel decide anew who may read the memory.
base::Result<> harden_process();

// This process ends, without any clean-up, when the one that made it ends: call after become_user(), which clears the
// wish. An error when `parent` is no longer there.
base::Result<> end_with_parent(pid_t parent);

// At most so much memory for data (heap, stacks, private mappings): an allocation beyond fails in this process alone.
base::Result<> limit_data(std::uint64_t bytes);

}  // namespace podid::sandbox
