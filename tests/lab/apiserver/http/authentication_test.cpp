// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/http/authentication.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

TEST(Authentication, KnowsTheTokensOfItsFile) {
  auto tokens = parse_token_file("# comment\nt1,alice,1\n\nt2, bob ,2,\"system:masters, ops\"\n");
  ASSERT_TRUE(tokens) << tokens.error().message;
  const Authenticator authenticator(std::move(*tokens));
  EXPECT_EQ(authenticator.authenticate("Bearer t1")->name, "alice");
  const auto bob = authenticator.authenticate("bearer t2");
  EXPECT_EQ(bob->name, "bob");
  EXPECT_EQ(bob->groups, (std::vector<std::string>{"system:masters", "ops", "system:authenticated"}));
  EXPECT_FALSE(authenticator.authenticate("Bearer t3"));
  EXPECT_FALSE(authenticator.authenticate("Basic t1"));
  EXPECT_TRUE(authenticator.authenticate(std::nullopt)->anonymous);
}

TEST(Authentication, WithoutTokensEverybodyIsTheAdministrator) {
  const Authenticator authenticator({});
  EXPECT_EQ(authenticator.authenticate(std::nullopt)->name, "system:admin");
  EXPECT_FALSE(authenticator.authenticate("Bearer x")->anonymous);
}

TEST(Authentication, ABadFileNamesTheLineAndNotTheToken) {
  for (const std::string_view text :
       {"t1,alice,1\nsecret-token", "t1,alice,1\nsecret-token,", "t1,alice,1\nsecret-token,\"x,1"}) {
    const auto tokens = parse_token_file(text);
    ASSERT_FALSE(tokens) << text;
    EXPECT_NE(tokens.error().message.find("line 2"), std::string::npos);
    EXPECT_EQ(tokens.error().message.find("secret-token"), std::string::npos);
  }
}

}  // namespace
}  // namespace podid::lab::apiserver
