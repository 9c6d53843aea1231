// SPDX-License-Identifier: Apache-2.0
#include "base/event.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include "base/task_group.hpp"

namespace podid::base {
namespace {

Task<> count_wait(Event& event, int& woken) {
  co_await event.wait();
  ++woken;
}

class EventTest : public testing::Test {
 protected:
  void spawn_waiter() {
    tasks.spawn("waiter", count_wait(event, woken));
    loop.poll();
  }
  void run() {
    loop.restart();
    loop.poll();
  }

  asio::io_context loop;
  Event event{loop.get_executor()};
  int woken = 0;
  TaskGroup tasks{loop.get_executor()};
};

TEST_F(EventTest, WakesAllWhoWait) {
  spawn_waiter();
  spawn_waiter();
  run();
  EXPECT_EQ(woken, 0);
  event.notify();
  EXPECT_EQ(woken, 0) << "those who wait run after the caller";
  run();
  EXPECT_EQ(woken, 2);
}

TEST_F(EventTest, IsNotRemembered) {
  event.notify();
  spawn_waiter();
  run();
  EXPECT_EQ(woken, 0);
  event.notify();
  run();
  EXPECT_EQ(woken, 1);
}

TEST_F(EventTest, ACancelledWaitEndsItsTaskAlone) {
  TaskGroup others(loop.get_executor());
  int others_woken = 0;
  others.spawn("other", count_wait(event, others_woken));
  spawn_waiter();
  asio::post(loop, [this] { tasks.stop(); });
  run();
  EXPECT_EQ(woken, 0);
  EXPECT_EQ(tasks.size(), 0U);
  event.notify();
  run();
  EXPECT_EQ(others_woken, 1);
}

TEST_F(EventTest, ANotifiedWaitReturnsThoughItsTaskIsToStop) {
  spawn_waiter();
  asio::post(loop, [this] {
    event.notify();
    tasks.stop();
  });
  run();
  EXPECT_EQ(woken, 1);
}

}  // namespace
}  // namespace podid::base
