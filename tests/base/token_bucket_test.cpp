// SPDX-License-Identifier: Apache-2.0
#include "base/token_bucket.hpp"

#include <gtest/gtest.h>

namespace podid::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr SteadyTime kStart{std::chrono::hours(1)};

TEST(TokenBucket, ABurstAndThenTheRate) {
  const TokenRate rate{.per_second = 2, .burst = 3};
  TokenBucket bucket(rate, kStart);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(rate, kStart)) << i;
  EXPECT_FALSE(bucket.take(rate, kStart));
  EXPECT_FALSE(bucket.take(rate, kStart + milliseconds(499)));
  EXPECT_TRUE(bucket.take(rate, kStart + milliseconds(500)));
  EXPECT_FALSE(bucket.take(rate, kStart + milliseconds(500)));
}

TEST(TokenBucket, HoldsNoMoreThanABurst) {
  const TokenRate rate{.per_second = 2, .burst = 3};
  TokenBucket bucket(rate, kStart);
  const SteadyTime later = kStart + seconds(1000);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(rate, later)) << i;
  EXPECT_FALSE(bucket.take(rate, later));
}

TEST(TokenBucket, IsFullAgainAfterARest) {
  const TokenRate rate{.per_second = 2, .burst = 3};
  TokenBucket bucket(rate, kStart);
  EXPECT_TRUE(bucket.full(rate, kStart));
  EXPECT_TRUE(bucket.take(rate, kStart));
  EXPECT_FALSE(bucket.full(rate, kStart + milliseconds(499)));
  EXPECT_TRUE(bucket.full(rate, kStart + milliseconds(500)));
  EXPECT_EQ(bucket.last_used(), kStart);
}

TEST(TokenBucket, ThoseWhoTakeAheadWaitInTurn) {
  const TokenRate rate{.per_second = 4, .burst = 1};
  TokenBucket bucket(rate, kStart);
  EXPECT_EQ(bucket.take_ahead(rate, kStart), Duration(0));
  EXPECT_EQ(bucket.take_ahead(rate, kStart), milliseconds(250));
  EXPECT_EQ(bucket.take_ahead(rate, kStart), milliseconds(500));
  EXPECT_EQ(bucket.take_ahead(rate, kStart + milliseconds(750)), Duration(0));
}

}  // namespace
}  // namespace podid::base
