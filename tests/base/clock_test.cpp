// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"
#include "support/run_task.hpp"

namespace podid::base {
namespace {

// What holds for every clock's timers. The real one is shown with times that have come already.
template <class ClockType>
class TimerTest : public ::testing::Test {
 protected:
  SteadyTime past() const { return clock.steady_now() - std::chrono::seconds(1); }

  asio::io_context io;
  ClockType clock;
  std::unique_ptr<Timer> timer = clock.make_timer(io.get_executor());
  int rung = 0;
};

using Clocks = ::testing::Types<RealClock, test::FakeClock>;
TYPED_TEST_SUITE(TimerTest, Clocks);

TYPED_TEST(TimerTest, RingsOnTheExecutorAndOnce) {
  this->timer->set(this->past(), [this] { ++this->rung; });
  EXPECT_EQ(this->rung, 0) << "never from within set()";
  this->io.run();
  EXPECT_EQ(this->rung, 1);
}

TYPED_TEST(TimerTest, NobodyIsCalledAfterCancelAlsoWhereItWasDue) {
  this->timer->set(this->past(), [this] { ++this->rung; });
  this->timer->cancel();
  this->io.run();
  EXPECT_EQ(this->rung, 0);
}

TYPED_TEST(TimerTest, ANewTimeReplacesTheOneBefore) {
  this->timer->set(this->past(), [this] { this->rung += 10; });
  this->timer->set(this->past(), [this] { ++this->rung; });
  this->io.run();
  EXPECT_EQ(this->rung, 1);
}

TYPED_TEST(TimerTest, MayBeSetAgainByWhomItCalls) {
  this->timer->set(this->past(), [this] {
    ++this->rung;
    this->timer->set(this->past(), [this] { ++this->rung; });
  });
  this->io.run();
  EXPECT_EQ(this->rung, 2);
}

TYPED_TEST(TimerTest, MayBeDestroyedByWhomItCallsAndBefore) {
  this->timer->set(this->past(), [this] {
    ++this->rung;
    this->timer.reset();
  });
  this->io.run();
  EXPECT_EQ(this->rung, 1);
  auto other = this->clock.make_timer(this->io.get_executor());
  other->set(this->past(), [this] { ++this->rung; });
  other.reset();
  this->io.restart();
  this->io.run();
  EXPECT_EQ(this->rung, 1);
}

}  // namespace
}  // namespace podid::base
