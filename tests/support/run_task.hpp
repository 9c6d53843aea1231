// SPDX-License-Identifier: Apache-2.0
// Coroutines from the body of a test: the test's thread runs the io_context until something has happened.
#pragma once
#include <fmt/format.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <utility>

#include "base/async.hpp"

namespace podid::test {

// Only a test that is going to fail waits this long.
inline constexpr std::chrono::seconds kNever{30};

// Runs handlers until `happened()`. False when it did not within kNever.
inline bool run_until(base::asio::io_context& io, const std::function<bool()>& happened) {
  const auto give_up = std::chrono::steady_clock::now() + kNever;
  while (!happened()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(50));
  }
  return true;
}

// Runs the task on the io_context to its end. Rethrows what it throws; throws when it does not end within kNever.
inline void run_task(base::asio::io_context& io, base::Task<> task,
                     const std::source_location& where = std::source_location::current()) {
  bool done = false;
  std::exception_ptr failure;
  base::asio::cancellation_signal cancel;
  base::asio::co_spawn(io.get_executor(), std::move(task),
                       base::asio::bind_cancellation_slot(cancel.slot(), [&](std::exception_ptr thrown) {
                         failure = thrown;
                         done = true;
                       }));
  if (!run_until(io, [&] { return done; })) {
    cancel.emit(base::asio::cancellation_type::terminal);  // it refers to what the test is about to destroy
    run_until(io, [&] { return done; });
    throw std::runtime_error(fmt::format("{}:{}: the task did not end", where.file_name(), where.line()));
  }
  if (failure) std::rethrow_exception(failure);
}

namespace detail {
template <class T>
base::Task<> store_result(base::Task<T> task, std::optional<T>& result) {
  T value = co_await std::move(task);
  result.emplace(std::move(value));
}
}  // namespace detail

// The same for a task with a result, which is returned.
template <class T>
T run_task(base::asio::io_context& io, base::Task<T> task,
           const std::source_location& where = std::source_location::current()) {
  std::optional<T> result;
  run_task(io, detail::store_result(std::move(task), result), where);
  return std::move(*result);
}

// The same on a loop of its own.
template <class T>
T run_task(base::Task<T> task, const std::source_location& where = std::source_location::current()) {
  base::asio::io_context io;
  return run_task(io, std::move(task), where);
}

}  // namespace podid::test
