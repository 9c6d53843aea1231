// SPDX-License-Identifier: Apache-2.0
#include "base/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::base {
namespace {

TEST(Random, UuidIsVersionFour) {
  SystemRandom random;
  const std::string one = random.uuid();
  EXPECT_THAT(one, testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_NE(one, random.uuid());
}

TEST(Random, UnitIsBelowOne) {
  SystemRandom random;
  for (int i = 0; i < 1000; ++i) {
    const double value = random.unit();
    EXPECT_GE(value, 0);
    EXPECT_LT(value, 1);
  }
}

}  // namespace
}  // namespace podid::base
