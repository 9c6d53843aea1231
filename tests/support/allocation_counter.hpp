// SPDX-License-Identifier: Apache-2.0
// Counts the calls of operator new in this test program.
#pragma once
#include <cstddef>

namespace podid::test {

// Since the program started, on the calling thread. Always 0 under a sanitizer.
std::size_t allocations();

}  // namespace podid::test
