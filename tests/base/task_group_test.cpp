// SPDX-License-Identifier: Apache-2.0
#include "base/task_group.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "support/fake_clock.hpp"

namespace podid::base {
namespace {

using namespace std::chrono_literals;

Task<> sleep_then_set(Clock& clock, Duration duration, bool& done) {
  co_await clock.sleep_for(duration);
  done = true;
}

Task<> join_then_set(TaskGroup& group, bool& joined) {
  co_await group.join();
  joined = true;
}

class TaskGroupTest : public testing::Test {
 protected:
  void join() {
    asio::co_spawn(loop.get_executor(), join_then_set(group, joined), asio::detached);
    loop.poll();
  }
  asio::io_context loop;
  test::FakeClock clock;
  bool joined = false;
  TaskGroup group{loop.get_executor()};
};

TEST_F(TaskGroupTest, JoinWaitsForTheLastTask) {
  bool first = false;
  bool second = false;
  group.spawn("first", sleep_then_set(clock, 1s, first));
  group.spawn("second", sleep_then_set(clock, 2s, second));
  join();
  EXPECT_EQ(group.size(), 2u);
  clock.advance(1s);
  loop.poll();
  EXPECT_TRUE(first);
  EXPECT_FALSE(joined);
  clock.advance(1s);
  loop.poll();
  EXPECT_TRUE(second);
  EXPECT_TRUE(joined);
}

TEST_F(TaskGroupTest, StopCancelsWaitsAndRefusesNewTasks) {
  bool done = false;
  bool late = false;
  group.spawn("sleeper", sleep_then_set(clock, 1h, done));
  loop.poll();
  asio::post(loop, [&] {
    group.stop();
    group.spawn("late", sleep_then_set(clock, 0s, late));
  });
  join();
  EXPECT_TRUE(joined);
  EXPECT_TRUE(group.stopping());
  EXPECT_FALSE(done);
  EXPECT_FALSE(late);
  EXPECT_EQ(clock.sleepers(), 0u);
}

TEST_F(TaskGroupTest, JoinOfAnEmptyGroupReturnsAtOnce) {
  join();
  EXPECT_TRUE(joined);
}

}  // namespace
}  // namespace podid::base
