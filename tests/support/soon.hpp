// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "net/deadline.hpp"
#include "support/run_task.hpp"

namespace podid::test {

// For what a test expects to end by itself; run_task() gives up otherwise.
inline net::Deadline soon() { return net::Deadline::never(); }

}  // namespace podid::test
