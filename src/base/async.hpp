// SPDX-License-Identifier: Apache-2.0
// The words for asynchronous work: every coroutine of the project is a Task on an Executor.
#pragma once
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <chrono>
#include <thread>
#include <utility>

namespace podid::base {

namespace asio = boost::asio;

// One io_context is run by exactly one thread, so code on one Executor never runs in parallel with other code on it:
// objects that name an Executor in their constructor belong to that thread unless their header says otherwise.
// The concrete type (not any_io_executor) keeps type erasure off the request path.
using Executor = asio::io_context::executor_type;

// A coroutine on an Executor. Rules of the house (compilers have had wrong code for the alternatives, see
// docs/dependencies.md): name the arguments, await on a line of its own, test the result on the next line; a coroutine
// is a function or a member function, never a capturing lambda temporary. Cancelling the spawned root task cancels the
// operation it waits for; the wait then throws boost::system::system_error(operation_aborted), which TaskGroup treats
// as a normal stop.
template <class T = void>
using Task = asio::awaitable<T, Executor>;

// Completion token: co_await socket.async_x(..., use_task). Errors are thrown.
inline constexpr asio::use_awaitable_t<Executor> use_task{};
// Completion token: auto [error, n] = co_await socket.async_x(..., as_result). Errors are values.
inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable_t<Executor>{});

using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;

// For a class that belongs to one executor: check() in its calls asserts, in debug builds, that they come from the thread
// that runs it. Calls from elsewhere pass until the executor is first seen to run: wiring is done before.
class OnExecutor {
 public:
#ifdef NDEBUG
  explicit OnExecutor(const Executor& /*executor*/) {}
  void check() const {}
#else
  explicit OnExecutor(Executor executor) : executor_(std::move(executor)) {}
  void check() const {
    if (executor_.running_in_this_thread()) {
      thread_.store(std::this_thread::get_id(), std::memory_order_relaxed);
    } else {
      const std::thread::id thread = thread_.load(std::memory_order_relaxed);
      assert((thread == std::thread::id() || thread == std::this_thread::get_id()) && "called from another thread");
    }
  }

 private:
  Executor executor_;
  mutable std::atomic<std::thread::id> thread_;  // the last one that was seen to run it
#endif
};

}  // namespace podid::base
