// SPDX-License-Identifier: Apache-2.0
#include "core/model/resources.hpp"

#include <gtest/gtest.h>

#include "core/model/naming.hpp"
#include "support/builders.hpp"

namespace podid::core {
namespace {

TEST(Resources, ACopyHasWhatDecisionsReadAndNoMore) {
  AzureIdentity identity = test::make_identity("shop", "kv");
  identity.meta.labels.emplace("a", "b");
  identity.meta.annotations.emplace(kBehaviorAnnotation, kNamespacedBehavior);
  identity.meta.annotations.emplace(kObjectIdAnnotation, "o-1");
  identity.meta.annotations.emplace("kubectl.kubernetes.io/last-applied-configuration", "{}");
  identity.available_replicas = 3;
  identity.unknown.spec["later"] = 1;
  identity.unknown.status["later"] = 1;
  const AzureIdentity copy = copied(identity);
  EXPECT_EQ(copy.meta.uid, identity.meta.uid);
  EXPECT_EQ(copy.meta.resource_version, "1");
  EXPECT_TRUE(copy.meta.labels.empty());
  EXPECT_EQ(copy.meta.annotations.size(), 2u);
  EXPECT_TRUE(copy.namespaced());
  EXPECT_EQ(copy.object_id().text(), "o-1");
  EXPECT_EQ(copy.client_id, identity.client_id);
  EXPECT_EQ(copy.available_replicas, 0);
  EXPECT_TRUE(copy.unknown.spec.contains("later"));
  EXPECT_TRUE(copy.unknown.status.empty());
}

TEST(Resources, OnlyAManagedIdentityWithoutAnyIdIsUnnamed) {
  AzureIdentity identity = test::make_identity("shop", "kv");
  EXPECT_FALSE(identity.unnamed());
  identity.client_id = {};
  EXPECT_FALSE(identity.unnamed());
  identity.resource_id = {};
  EXPECT_TRUE(identity.unnamed());
  identity.type = IdentityType::service_principal_secret;
  EXPECT_FALSE(identity.unnamed());
}

}  // namespace
}  // namespace podid::core
