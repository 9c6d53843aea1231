// SPDX-License-Identifier: Apache-2.0
#include "core/model/naming.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/builders.hpp"

namespace podid::core {
namespace {

TEST(Naming, PlainNameJoinsTheParts) {
  EXPECT_EQ(assigned_identity_name({"shop", "web-0", "kv-reader"}), "web-0-shop-kv-reader");
}

TEST(Naming, CollidingNamesDifferWhenHashed) {
  const AssignmentKey one{"b-c", "a", "d"};
  const AssignmentKey two{"b", "a", "c-d"};
  ASSERT_EQ(assigned_identity_name(one), assigned_identity_name(two));
  EXPECT_NE(hashed_assigned_identity_name(one), hashed_assigned_identity_name(two));
  EXPECT_THAT(hashed_assigned_identity_name(one), testing::MatchesRegex("a-b-c-d-[0-9a-f]{10}"));
}

TEST(Naming, SameNamesInTwoNamespacesHaveANameEach) {
  const AssignmentKey own{"shop", "web", "kv", "shop"};
  const AssignmentKey foreign{"shop", "web", "kv", "aaa-evil"};
  const std::vector<std::string> names = assigned_identity_names(own);
  const std::vector<std::string> others = assigned_identity_names(foreign);
  ASSERT_EQ(names.size(), 3u);
  EXPECT_EQ(names[0], "web-shop-kv");
  EXPECT_EQ(others[0], names[0]);
  EXPECT_NE(others.back(), names.back());
  for (const std::string& name : names) EXPECT_TRUE(is_assigned_identity_name(name, own)) << name;
  EXPECT_FALSE(is_assigned_identity_name(names.back(), foreign));
}

TEST(Naming, OverlongNameIsHashedAndFits) {
  const AssignmentKey key{std::string(63, 'n'), std::string(150, 'p') + ".", std::string(100, 'i')};
  const std::string name = assigned_identity_name(key);
  EXPECT_EQ(name.size(), 253u);
  EXPECT_EQ(name, hashed_assigned_identity_name(key));
  const AssignmentKey longest{std::string(50, 'n'), std::string(101, 'p'), std::string(100, 'i')};
  EXPECT_EQ(assigned_identity_name(longest).size(), 253u);
  EXPECT_NE(assigned_identity_name(longest), hashed_assigned_identity_name(longest));
}

TEST(Naming, TruncatedPrefixEndsAlphanumeric) {
  // The cut falls behind a dot, which must not stand before the hyphen.
  const AssignmentKey key{"n", std::string(241, 'p') + ".ppp", std::string(100, 'i')};
  const std::string name = assigned_identity_name(key);
  EXPECT_THAT(name, testing::MatchesRegex("p+-[0-9a-f]{10}"));
}

TEST(Naming, RecognisesBothForms) {
  const AssignmentKey key{"shop", "web-0", "kv"};
  EXPECT_TRUE(is_assigned_identity_name("web-0-shop-kv", key));
  EXPECT_TRUE(is_assigned_identity_name(hashed_assigned_identity_name(key), key));
  for (const char* other :
       {"", "web-0-shop-kx", "web-0-shop-kv-0123456789", "web-0_shop-kv", "web-0-shop_kv", "web-1-shop-kv"}) {
    EXPECT_FALSE(is_assigned_identity_name(other, key)) << other;
  }
}

TEST(Naming, MakesANodeLabelValue) {
  const std::string fits(63, 'n');
  const std::string too_long = std::string(52, 'n') + "." + std::string(30, 'x');
  EXPECT_EQ(node_label_value(fits), fits);
  EXPECT_TRUE(is_node_label_value(fits, fits));
  const std::string value = node_label_value(too_long);
  EXPECT_LE(value.size(), 63u);
  EXPECT_THAT(value, testing::MatchesRegex("n+-[0-9a-f]{10}"));
  EXPECT_TRUE(is_node_label_value(value, too_long));
  EXPECT_FALSE(is_node_label_value(value, too_long + "y"));
}

TEST(Naming, ChoosesTheNamespaceOfAnAssignment) {
  AzureIdentity identity = test::make_identity("shop", "kv");
  EXPECT_EQ(assignment_namespace(identity, NamespacedMode::off), "default");
  EXPECT_EQ(assignment_namespace(identity, NamespacedMode::on), "shop");
  identity.meta.annotations["aadpodidentity.k8s.io/Behavior"] = "namespaced";
  EXPECT_EQ(assignment_namespace(identity, NamespacedMode::off), "shop");
  identity.meta.annotations["aadpodidentity.k8s.io/Behavior"] = "Namespaced";
  EXPECT_EQ(assignment_namespace(identity, NamespacedMode::off), "default");
}

}  // namespace
}  // namespace podid::core
