// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/http/call.hpp"

#include <gtest/gtest.h>

namespace podid::lab::azure {
namespace {

Call call_of(std::string target) {
  Call call;
  call.target = std::move(target);
  return call;
}

TEST(Call, IsTakenApart) {
  Call call = call_of("/metadata//identity/a%2Fb?resource=https%3A%2F%2Fx&client_id=&a+b=c");
  ASSERT_TRUE(parse_target(call));
  EXPECT_EQ(call.segments, (std::vector<std::string>{"metadata", "identity", "a/b"}));
  EXPECT_EQ(call.parameter("resource"), "https://x");
  EXPECT_EQ(call.parameter("client_id"), std::nullopt) << "an empty value counts as absent";
  EXPECT_EQ(call.parameter("a b"), "c");
  EXPECT_FALSE(call.repeats_a_parameter());
}

TEST(Call, RepeatedParametersAndBadEscapesAreSeen) {
  Call twice = call_of("/?a=1&a=2");
  ASSERT_TRUE(parse_target(twice));
  EXPECT_TRUE(twice.repeats_a_parameter());
  for (const char* target : {"/%zz", "/?a=%1"}) {
    Call bad = call_of(target);
    EXPECT_FALSE(parse_target(bad)) << target;
  }
}

TEST(Call, HostAndTokenComeFromTheHeaders) {
  Call call;
  EXPECT_EQ(call.bearer_token(), std::nullopt);
  call.headers = {{"Host", "Vault.Example:8443"}, {"Authorization", "bearer  abc "}};
  EXPECT_EQ(call.host(), "vault.example");
  EXPECT_EQ(call.origin(), "https://Vault.Example:8443");
  EXPECT_EQ(call.bearer_token(), "abc");
  Call v6;
  v6.headers = {{"Host", "[fd00::1]:443"}};
  EXPECT_EQ(v6.host(), "fd00::1");
}

}  // namespace
}  // namespace podid::lab::azure
