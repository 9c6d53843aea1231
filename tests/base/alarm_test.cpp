// SPDX-License-Identifier: Apache-2.0
#include "base/alarm.hpp"

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"
#include "support/run_task.hpp"

namespace podid::base {
namespace {

using std::chrono::seconds;

class AlarmTest : public ::testing::Test {
 public:
  void set(std::optional<base::Duration> in) {
    test::run_task(io, set_on_its_thread(in));
    run();
  }
  void advance(base::Duration time) {
    clock.advance(time);
    run();
  }
  void run() {
    io.restart();
    io.poll();
  }
  base::Task<> set_on_its_thread(std::optional<base::Duration> in) {
    alarm.set(in ? std::optional(clock.steady_now() + *in) : std::nullopt);
    co_return;
  }

  base::asio::io_context io;
  test::FakeClock clock;
  int rung = 0;
  Alarm alarm{io.get_executor(), clock, [this] { ++rung; }};
};

TEST_F(AlarmTest, RingsOnceAtItsTime) {
  set(seconds(10));
  advance(seconds(10) - base::Duration(1));
  EXPECT_EQ(rung, 0);
  advance(base::Duration(1));
  EXPECT_EQ(rung, 1);
  advance(seconds(100));
  EXPECT_EQ(rung, 1);
  EXPECT_EQ(clock.timers(), 0u);
}

TEST_F(AlarmTest, ANewTimeReplacesTheOldOne) {
  set(seconds(10));
  set(seconds(5));
  EXPECT_EQ(clock.timers(), 1u);
  advance(seconds(5));
  EXPECT_EQ(rung, 1);
  set(seconds(10));
  set(seconds(20));
  advance(seconds(10));
  EXPECT_EQ(rung, 1);
  advance(seconds(10));
  EXPECT_EQ(rung, 2);
}

TEST_F(AlarmTest, CanBeSwitchedOff) {
  set(seconds(10));
  set(std::nullopt);
  EXPECT_EQ(clock.timers(), 0u);
  advance(seconds(10));
  EXPECT_EQ(rung, 0);
}

TEST_F(AlarmTest, ATimeInThePastRingsAtOnce) {
  set(seconds(-1));
  EXPECT_EQ(rung, 1);
}

}  // namespace
}  // namespace podid::base
