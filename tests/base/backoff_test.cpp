// SPDX-License-Identifier: Apache-2.0
#include "base/backoff.hpp"

#include <gtest/gtest.h>

namespace podid::base {
namespace {

using std::chrono::milliseconds;

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint64_t value) : value_(value) {}
  std::uint64_t next() override { return value_; }

 private:
  std::uint64_t value_;
};

TEST(Backoff, DoublesUpToItsLimitAndStartsAgain) {
  FixedRandom random(0);  // no jitter
  Backoff backoff({.initial = milliseconds(100), .limit = milliseconds(1000)}, random);
  EXPECT_EQ(backoff.next(), milliseconds(100));
  EXPECT_EQ(backoff.next(), milliseconds(200));
  EXPECT_EQ(backoff.next(), milliseconds(400));
  EXPECT_EQ(backoff.next(), milliseconds(800));
  EXPECT_EQ(backoff.next(), milliseconds(1000));
  EXPECT_EQ(backoff.attempts(), 5);
  backoff.reset();
  EXPECT_EQ(backoff.next(), milliseconds(100));
}

TEST(Backoff, ShortensByAtMostTheJitter) {
  FixedRandom random(UINT64_MAX);
  Backoff backoff({.initial = milliseconds(1000), .jitter = 0.5}, random);
  const auto delay = backoff.next();
  EXPECT_GE(delay, milliseconds(500));
  EXPECT_LE(delay, milliseconds(501));
}

TEST(Backoff, StaysAtItsLimitForEver) {
  FixedRandom random(0);
  Backoff backoff({}, random);
  for (int i = 0; i < 5000; ++i) backoff.next();
  EXPECT_EQ(backoff.next(), BackoffOptions{}.limit);
}

TEST(Backoff, PausesWithoutJitterDouble) {
  constexpr std::chrono::seconds first{3};
  constexpr std::chrono::seconds longest{10};
  EXPECT_EQ(next_pause(Duration(0), first, longest), first);
  EXPECT_EQ(next_pause(first, first, longest), std::chrono::seconds(6));
  EXPECT_EQ(next_pause(std::chrono::seconds(6), first, longest), longest);
  EXPECT_EQ(next_pause(longest, first, longest), longest);
}

}  // namespace
}  // namespace podid::base
