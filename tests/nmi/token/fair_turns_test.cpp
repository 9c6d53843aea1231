// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/fair_turns.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "support/fake_clock.hpp"

namespace podid::nmi {
namespace {

using namespace std::chrono_literals;

class FairTurnsTest : public ::testing::Test {
 protected:
  base::Task<> take(FairTurns& from, std::string asker, base::SteadyTime deadline) {
    const bool mine = co_await from.enter(asker, deadline);
    got += mine ? asker : "(" + asker + ")";
  }
  void ask(const std::string& asker, base::Duration patience = 20s) {
    base::asio::co_spawn(io, take(turns, asker, clock.steady_now() + patience), base::asio::detached);
    settle();
  }
  void settle() {
    io.restart();
    io.poll();
  }
  std::string after(base::Duration time) {
    clock.advance(time);
    settle();
    return std::exchange(got, {});
  }
  std::uint64_t refused() {
    return metrics.counter(base::metric::kNmiLimitHits).find_or_add({"imds_requests"})->value();
  }

  base::asio::io_context io{1};
  test::FakeClock clock;
  base::MetricsRegistry metrics;
  std::string got;  // those who had their turn, in order; in parentheses those who had none
  FairTurns turns{io.get_executor(), 4, clock, metrics};
};

TEST_F(FairTurnsTest, ASecondsWorthIsThereAtOnceThenOneAfterTheOther) {
  for (int i = 0; i < 7; ++i) ask("a");
  EXPECT_EQ(after(0s), "aaaa");
  EXPECT_EQ(turns.waiting(), 3u);
  EXPECT_EQ(after(249ms), "");
  EXPECT_EQ(after(1ms), "a");
  EXPECT_EQ(after(500ms), "aa");
  EXPECT_EQ(turns.waiting(), 0u);
  EXPECT_EQ(clock.timers(), 0u);
}

// A pod that asks for much waits for itself.
TEST_F(FairTurnsTest, PodsTakeTurns) {
  for (int i = 0; i < 12; ++i) ask("a");
  ask("b");
  ask("c");
  ask("b");
  EXPECT_EQ(after(0s), "aaaa");
  std::string order;
  for (int i = 0; i < 11; ++i) order += after(250ms);
  EXPECT_EQ(order, "abcabaaaaaa");
  EXPECT_EQ(refused(), 0u);
}

TEST_F(FairTurnsTest, WhoseTurnCannotComeInTimeIsToldAtOnce) {
  for (int i = 0; i < 8; ++i) ask("a", 900ms);
  EXPECT_EQ(after(0s), "aaaa(a)") << "three wait 250, 500 and 750 ms";
  EXPECT_EQ(refused(), 1u);
  ask("b", 1s);
  EXPECT_EQ(after(0s), "") << "the others' number is no hindrance";
  EXPECT_EQ(after(250ms) + after(250ms) + after(250ms), "aba");
  EXPECT_EQ(after(150ms), "(a)") << "whom b has overtaken";
  EXPECT_EQ(refused(), 2u);
  EXPECT_EQ(turns.waiting(), 0u);
}

TEST_F(FairTurnsTest, WithoutALimitNobodyWaits) {
  FairTurns open(io.get_executor(), 0, clock, metrics);
  for (int i = 0; i < 1000; ++i) {
    base::asio::co_spawn(io, take(open, "a", clock.steady_now()), base::asio::detached);
  }
  EXPECT_EQ(after(0s), std::string(1000, 'a'));
}

}  // namespace
}  // namespace podid::nmi
