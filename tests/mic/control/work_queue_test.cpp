// SPDX-License-Identifier: Apache-2.0
#include "mic/control/work_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace podid::mic {
namespace {

using ::testing::ElementsAre;

constexpr base::SteadyTime at(int seconds) { return base::SteadyTime(std::chrono::seconds(seconds)); }

std::vector<std::string> pop_all(WorkQueue& queue) {
  std::vector<std::string> keys;
  while (auto key = queue.pop()) keys.push_back(*key);
  return keys;
}

TEST(WorkQueue, HandsOutEachKeyOnce) {
  WorkQueue queue({.per_group = 10, .total = 10});
  for (int i = 0; i < 3; ++i) queue.add("a", "n", Lane::urgent);
  queue.add("b", "n", Lane::urgent);
  EXPECT_EQ(queue.waiting(), 2u);
  EXPECT_THAT(pop_all(queue), ElementsAre("a", "b"));
  EXPECT_EQ(queue.in_work(), 2u);
}

TEST(WorkQueue, AKeyAddedDuringItsWorkComesAgainAfterwards) {
  WorkQueue queue({.per_group = 10, .total = 10});
  queue.add("a", "n", Lane::urgent);
  EXPECT_EQ(queue.pop(), "a");
  queue.add("a", "other", Lane::background);
  EXPECT_EQ(queue.pop(), std::nullopt);
  queue.done("a");
  EXPECT_EQ(queue.pop(), "a");
  queue.done("a");
  EXPECT_TRUE(queue.idle());
}

TEST(WorkQueue, UrgentKeysOvertakeButDoNotStarveTheOthers) {
  WorkQueue queue({.per_group = 100, .total = 100});
  queue.add("slow", "n", Lane::background);
  for (int i = 0; i < 10; ++i) queue.add("quick-" + std::to_string(i), "n", Lane::urgent);
  const std::vector<std::string> order = pop_all(queue);
  EXPECT_THAT(order[0], "quick-0");
  EXPECT_THAT(order[7], "slow") << "every eighth key comes from the background";
}

TEST(WorkQueue, AWaitingKeyCanMoveUp) {
  WorkQueue queue({.per_group = 10, .total = 10});
  queue.add("a", "n", Lane::background);
  queue.add("b", "n", Lane::background);
  queue.add("b", "n", Lane::urgent);
  EXPECT_THAT(pop_all(queue), ElementsAre("b", "a"));
}

TEST(WorkQueue, GroupsTakeTurnsAndKeepTheirLimit) {
  WorkQueue queue({.per_group = 2, .total = 3});
  for (int i = 0; i < 4; ++i) queue.add("big-" + std::to_string(i), "big", Lane::urgent);
  queue.add("small", "small", Lane::urgent);
  EXPECT_THAT(pop_all(queue), ElementsAre("big-0", "small", "big-1"));
  EXPECT_TRUE(queue.busy("small"));
  queue.done("small");
  EXPECT_FALSE(queue.busy("small"));
  EXPECT_EQ(queue.pop(), std::nullopt) << "the group has reached its own limit";
  queue.done("big-0");
  EXPECT_THAT(pop_all(queue), ElementsAre("big-2"));
}

TEST(WorkQueue, DelayedKeysComeWhenTheirTimeHasCome) {
  WorkQueue queue({.per_group = 10, .total = 10});
  queue.add_at("a", "n", at(20));
  queue.add_at("a", "n", at(10));
  queue.add_at("a", "n", at(30));
  EXPECT_EQ(queue.next_due(), at(10));
  queue.release_due(at(9));
  EXPECT_EQ(queue.pop(), std::nullopt);
  queue.release_due(at(10));
  EXPECT_EQ(queue.pop(), "a");
  queue.done("a");
  EXPECT_EQ(queue.next_due(), std::nullopt);
  EXPECT_TRUE(queue.idle());
}

TEST(WorkQueue, AnEarlierAddMakesADelayMoot) {
  WorkQueue queue({.per_group = 10, .total = 10});
  queue.add_at("a", "n", at(10));
  queue.add("a", "n", Lane::urgent);
  EXPECT_EQ(queue.next_due(), std::nullopt);
  EXPECT_EQ(queue.pop(), "a");
}

TEST(WorkQueue, AKeyDelayedDuringItsWorkWaitsAfterwards) {
  WorkQueue queue({.per_group = 10, .total = 10});
  queue.add("a", "n", Lane::urgent);
  queue.pop();
  queue.add_at("a", "n", at(10));
  queue.done("a");
  EXPECT_EQ(queue.pop(), std::nullopt);
  queue.release_due(at(10));
  EXPECT_EQ(queue.pop(), "a");
}

}  // namespace
}  // namespace podid::mic
