// SPDX-License-Identifier: Apache-2.0
#include "base/flags/environment.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace podid::base {
namespace {

TEST(Environment, AVariableThatIsNotSetIsEmpty) {
  ASSERT_EQ(::setenv("PODID_ENVIRONMENT_TEST", "value", 1), 0);
  EXPECT_EQ(environment_variable("PODID_ENVIRONMENT_TEST"), "value");
  ASSERT_EQ(::unsetenv("PODID_ENVIRONMENT_TEST"), 0);
  EXPECT_EQ(environment_variable("PODID_ENVIRONMENT_TEST"), "");
}

}  // namespace
}  // namespace podid::base
