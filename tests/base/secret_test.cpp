// SPDX-License-Identifier: Apache-2.0
#include "base/secret.hpp"

#include <gtest/gtest.h>

#include <type_traits>

namespace podid::base {
namespace {

TEST(Secret, OnlyRevealGivesTheText) {
  const Secret secret("pass phrase");
  EXPECT_EQ(secret.reveal(), "pass phrase");
  EXPECT_EQ(secret.description(), "(11 bytes)");
  static_assert(!std::is_convertible_v<Secret, std::string>);
  static_assert(!std::is_convertible_v<std::string, Secret>);
}

TEST(Secret, ComparesByContent) {
  EXPECT_EQ(Secret("a"), Secret("a"));
  EXPECT_FALSE(Secret("a") == Secret("b"));
  EXPECT_FALSE(Secret("a") == Secret("aa"));
  EXPECT_EQ(Secret(), Secret(""));
}

TEST(Secret, MovedFromSecretIsEmptyAndItsBufferWiped) {
  Secret short_one("hunter2");  // small enough to live inside the object
  const Secret taken = std::move(short_one);
  EXPECT_EQ(taken.reveal(), "hunter2");
  EXPECT_TRUE(short_one.empty());  // NOLINT(bugprone-use-after-move): the point of the test
  const auto* bytes = reinterpret_cast<const char*>(&short_one);
  EXPECT_EQ(std::string_view(bytes, sizeof short_one).find("unter2"), std::string_view::npos);
}

TEST(Secret, AssignmentReplaces) {
  Secret secret("first");
  const Secret other("second, which is longer than the small buffer");
  secret = other;
  EXPECT_EQ(secret, other);
  secret = Secret("third");
  EXPECT_EQ(secret.reveal(), "third");
}

}  // namespace
}  // namespace podid::base
