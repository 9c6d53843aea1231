// SPDX-License-Identifier: Apache-2.0
#include "kube/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "support/fake_clock.hpp"

namespace podid::kube {
namespace {

class RateLimiterTest : public ::testing::Test {
 protected:
  static base::Task<> take(RateLimiter& limiter, int& taken) {
    co_await limiter.acquire();
    ++taken;
  }
  void ask(RateLimiter& limiter, int times) {
    for (int i = 0; i < times; ++i) {
      base::asio::co_spawn(io_.get_executor(), take(limiter, taken_), base::asio::detached);
    }
    run();
  }
  void run() {
    io_.restart();
    io_.poll();
  }
  void advance(std::chrono::milliseconds by) {
    clock_.advance(by);
    run();
  }

  base::asio::io_context io_;
  test::FakeClock clock_;
  int taken_ = 0;
};

TEST_F(RateLimiterTest, LetsABurstThroughAndThenTheRate) {
  RateLimiter limiter(5, 2, clock_);
  ask(limiter, 4);
  EXPECT_EQ(taken_, 2);
  advance(std::chrono::milliseconds(199));
  EXPECT_EQ(taken_, 2);
  advance(std::chrono::milliseconds(1));
  EXPECT_EQ(taken_, 3);
  advance(std::chrono::milliseconds(200));
  EXPECT_EQ(taken_, 4);
  advance(std::chrono::minutes(1));  // saves up no more than a burst
  ask(limiter, 3);
  EXPECT_EQ(taken_, 6);
  advance(std::chrono::milliseconds(200));
  EXPECT_EQ(taken_, 7);
}

TEST_F(RateLimiterTest, ZeroMeansNoLimit) {
  RateLimiter limiter(0, 0, clock_);
  ask(limiter, 1000);
  EXPECT_EQ(taken_, 1000);
}

TEST_F(RateLimiterTest, ARateBelowOneWorks) {
  RateLimiter limiter(0.5, 0, clock_);
  ask(limiter, 2);
  EXPECT_EQ(taken_, 1);
  advance(std::chrono::seconds(2));
  EXPECT_EQ(taken_, 2);
}

}  // namespace
}  // namespace podid::kube
