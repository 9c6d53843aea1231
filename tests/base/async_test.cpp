// SPDX-License-Identifier: Apache-2.0
#include "base/async.hpp"

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>
#include <thread>

namespace podid::base {
namespace {

TEST(OnExecutor, HoldsCallersToTheThreadThatRunsTheExecutor) {
  asio::io_context loop;
  const OnExecutor on_executor(loop.get_executor());
  const auto from_another_thread = [&] { std::thread([&] { on_executor.check(); }).join(); };
  on_executor.check();
  from_another_thread();  // it does not run yet

  asio::post(loop, [&] { on_executor.check(); });
  loop.poll();
  on_executor.check();  // the same thread between two runs
  EXPECT_DEBUG_DEATH(from_another_thread(), "called from another thread");
}

}  // namespace
}  // namespace podid::base
