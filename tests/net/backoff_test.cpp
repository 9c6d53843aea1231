// SPDX-License-Identifier: Apache-2.0
#include "net/backoff.hpp"

#include <gtest/gtest.h>

namespace podid::net {
namespace {

using std::chrono::milliseconds;

class FixedRandom final : public base::Random {
 public:
  explicit FixedRandom(std::uint64_t value) : value_(value) {}
  std::uint64_t next() override { return value_; }

 private:
  std::uint64_t value_;
};

TEST(Backoff, doubles_up_to_its_limit_and_starts_again) {
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

TEST(Backoff, shortens_by_at_most_the_jitter) {
  FixedRandom random(UINT64_MAX);
  Backoff backoff({.initial = milliseconds(1000), .jitter = 0.5}, random);
  const auto delay = backoff.next();
  EXPECT_GE(delay, milliseconds(500));
  EXPECT_LE(delay, milliseconds(501));
}

TEST(Backoff, stays_at_its_limit_for_ever) {
  FixedRandom random(0);
  Backoff backoff({}, random);
  for (int i = 0; i < 5000; ++i) backoff.next();
  EXPECT_EQ(backoff.next(), BackoffOptions{}.limit);
}

}  // namespace
}  // namespace podid::net
