// SPDX-License-Identifier: Apache-2.0
#include "core/access/access_decision.hpp"

#include <gtest/gtest.h>

#include <set>

namespace podid::core {
namespace {

// Each reason is a label's value in metrics, and another one.
TEST(AccessDecision, EachReasonHasAName) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kAccessReasons; ++i) names.insert(to_string(static_cast<AccessReason>(i)));
  EXPECT_EQ(names.size(), kAccessReasons);
  EXPECT_EQ(to_string(AccessReason::window_closed), "window_closed");
  EXPECT_TRUE(AccessState{}.open());
}

}  // namespace
}  // namespace podid::core
