// SPDX-License-Identifier: Apache-2.0
// From main() to coroutines.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "base/async.hpp"
#include "base/error.hpp"

namespace podid::base {

// Runs a task to its end on an event loop of its own: a verb's bridge from main() to coroutines.
inline Result<> run_blocking(Task<Result<>> task) {
  asio::io_context io(1);
  Result<> outcome = fail(ErrorKind::internal, "the operation did not end");
  asio::co_spawn(io.get_executor(), std::move(task), [&](std::exception_ptr failure, Result<> result) {
    if (failure) std::rethrow_exception(failure);
    outcome = std::move(result);
  });
  io.run();
  return outcome;
}

}  // namespace podid::base
