// SPDX-License-Identifier: Apache-2.0
#include "mic/world/claims.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::mic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Claim claim(std::string target, std::string identity, std::string client = "c", std::string source = "default/id") {
  return {.target = std::move(target),
          .identity = std::move(identity),
          .client_id = std::move(client),
          .source = std::move(source)};
}

TEST(Claims, AnIdentityIsInUseWhileAnyPodClaimsItOnTheTarget) {
  Claims claims;
  claims.set("a/web", {claim("vm-1", "one")});
  claims.set("b/web", {claim("vm-1", "one"), claim("vm-1", "two")});
  EXPECT_TRUE(claims.in_use("vm-1", "one"));
  EXPECT_FALSE(claims.in_use("vm-2", "one"));
  claims.set("a/web", {});
  EXPECT_TRUE(claims.in_use("vm-1", "one"));
  claims.set("b/web", {claim("vm-1", "two")});
  EXPECT_FALSE(claims.in_use("vm-1", "one"));
  EXPECT_TRUE(claims.any("vm-1"));
  claims.set("b/web", {});
  EXPECT_FALSE(claims.any("vm-1"));
  EXPECT_EQ(claims.pods(), 0u);
}

TEST(Claims, TheIdentitiesOfANamespaceAreCountedOnce) {
  Claims claims;
  claims.set("a/web", {claim("vm-1", "one", "c", "team/x"), claim("vm-1", "one", "c", "team/y"),
                       claim("vm-1", "two", "c", "team/x"), claim("vm-1", "three", "c", "team-b/x"),
                       claim("vm-2", "four", "c", "team/x")});
  EXPECT_TRUE(claims.crowded("vm-1", "team", 2));
  EXPECT_FALSE(claims.crowded("vm-1", "team", 3));
  EXPECT_TRUE(claims.crowded("vm-1", "team-b", 1));
  EXPECT_FALSE(claims.crowded("vm-2", "team", 2));
  EXPECT_FALSE(claims.crowded("vm-0", "team", 1));
}

TEST(Claims, AChangeNamesItsTargets) {
  Claims claims;
  EXPECT_THAT(claims.set("a/web", {}), IsEmpty());
  EXPECT_THAT(claims.set("a/web", {claim("vm-1", "one"), claim("vm-1", "two")}), ElementsAre("vm-1"));
  EXPECT_THAT(claims.set("a/web", {claim("vm-1", "one"), claim("vm-1", "two")}), IsEmpty());
  EXPECT_THAT(claims.set("a/web", {claim("vm-2", "one")}), ElementsAre("vm-1", "vm-2"));
  EXPECT_THAT(claims.set("a/web", {}), ElementsAre("vm-2"));
}

TEST(Claims, TheSameIdentityFromAnotherSourceStaysInUse) {
  Claims claims;
  claims.set("a/web", {claim("vm-1", "one", "c", "default/x")});
  claims.set("a/web", {claim("vm-1", "one", "c", "default/y")});
  EXPECT_TRUE(claims.in_use("vm-1", "one"));
  EXPECT_TRUE(claims.client_in_use("vm-1", "c", "default/x"));
}

TEST(Claims, AClientIdCountsOnlyWhenAnotherSourceUsesIt) {
  Claims claims;
  claims.set("a/web", {claim("vm-1", "one", "client", "default/x")});
  EXPECT_FALSE(claims.client_in_use("vm-1", "client", "default/x"));
  EXPECT_TRUE(claims.client_in_use("vm-1", "client", "default/y"));
  EXPECT_FALSE(claims.client_in_use("vm-2", "client", "default/y"));
  EXPECT_FALSE(claims.client_in_use("vm-1", "", "default/y"));
  claims.set("a/web", {});
  EXPECT_FALSE(claims.client_in_use("vm-1", "client", "default/y"));
}

}  // namespace
}  // namespace podid::mic
