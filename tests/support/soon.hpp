// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "net/deadline.hpp"
#include "support/run_task.hpp"

namespace podid::test {

// For what a test expects to end by itself.
inline net::Deadline soon() { return net::deadline_in(kNever); }

}  // namespace podid::test
