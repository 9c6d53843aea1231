// SPDX-License-Identifier: Apache-2.0
// Runs one coroutine to its end on a loop of its own.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <optional>

#include "base/async.hpp"

namespace podid::test {

template <class T>
T run_task(base::Task<T> task) {
  base::asio::io_context loop;
  std::optional<T> result;
  std::exception_ptr failure;
  base::asio::co_spawn(loop.get_executor(), std::move(task), [&](std::exception_ptr thrown, T value) {
    failure = thrown;
    result = std::move(value);
  });
  loop.run();
  if (failure) std::rethrow_exception(failure);
  return *std::move(result);
}

}  // namespace podid::test
