// SPDX-License-Identifier: Apache-2.0
#include "base/log_budget.hpp"

#include <gtest/gtest.h>

#include "support/fake_clock.hpp"

namespace podid::base {
namespace {

TEST(LogBudget, OfAFloodAHundredLinesASecondAreWrittenAndTheRestIsCounted) {
  test::FakeClock clock;
  LogBudget budget;
  const auto written_of = [&](int lines) {
    int written = 0;
    for (int i = 0; i < lines; ++i) written += budget.take(clock.steady_now()) ? 1 : 0;
    return written;
  };
  clock.advance(std::chrono::seconds(5));
  EXPECT_EQ(written_of(1300), 100);
  EXPECT_EQ(written_of(1), 0);
  EXPECT_EQ(budget.take_suppressed(), 1201U);
  EXPECT_EQ(budget.take_suppressed(), 0U);
  clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(written_of(1300), 100);
}

}  // namespace
}  // namespace podid::base
