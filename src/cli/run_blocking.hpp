// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "base/async.hpp"
#include "base/error.hpp"

namespace podid::cli {

// Runs a task to its end on an event loop of its own: a verb's bridge from main() to coroutines.
inline base::Result<> run_blocking(base::Task<base::Result<>> task) {
  base::asio::io_context io(1);
  base::Result<> outcome = base::fail(base::ErrorKind::internal, "the operation did not end");
  base::asio::co_spawn(io.get_executor(), std::move(task), [&](std::exception_ptr failure, base::Result<> result) {
    if (failure) std::rethrow_exception(failure);
    outcome = std::move(result);
  });
  io.run();
  return outcome;
}

}  // namespace podid::cli
