// SPDX-License-Identifier: Apache-2.0
#include "core/access/last_answer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace podid::core {
namespace {

using namespace std::chrono_literals;

TEST(LastAnswer, HoldsForItsTime) {
  LastAnswer last;
  const Instant now = Instant(1h);
  EXPECT_FALSE(last.at(now));
  last.set(now, {AccessReason::window_closed, now + 2h, now + 1h});
  EXPECT_FALSE(last.at(now - 1ns));
  ASSERT_TRUE(last.at(now));
  EXPECT_EQ(last.at(now)->reason, AccessReason::window_closed);
  EXPECT_EQ(last.at(now)->until, now + 2h);
  EXPECT_TRUE(last.at(now + 1h - 1ns));
  EXPECT_FALSE(last.at(now + 1h));
  last.set(now, {AccessReason::open, std::nullopt, Instant::max()});
  ASSERT_TRUE(last.at(now));
  EXPECT_FALSE(last.at(now)->until.has_value());
}

// What is read is always what one thread wrote whole.
TEST(LastAnswer, IsNeverReadInParts) {
  LastAnswer last;
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!done) {
        const auto answer = last.at(Instant(1s));
        if (answer && answer->holds_until - *answer->until != 1h) ++torn;
      }
    });
  }
  for (int i = 0; i < 20'000; ++i) {
    const Instant until = Instant(std::chrono::seconds(10 + i));
    last.set(Instant(), {AccessReason::open, until, until + 1h});
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
}

}  // namespace
}  // namespace podid::core
