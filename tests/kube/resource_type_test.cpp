// SPDX-License-Identifier: Apache-2.0
#include "kube/resource_type.hpp"

#include <gtest/gtest.h>

namespace podid::kube {
namespace {

TEST(ResourceType, HasPathsOfTheCoreGroup) {
  EXPECT_EQ(kPods.api_version(), "v1");
  EXPECT_EQ(kPods.collection_path(""), "/api/v1/pods");
  EXPECT_EQ(kPods.collection_path("shop"), "/api/v1/namespaces/shop/pods");
  EXPECT_EQ(kPods.object_path({"shop", "web-0"}), "/api/v1/namespaces/shop/pods/web-0");
  EXPECT_EQ(kPods.object_path({"shop", "web-0"}, "status"), "/api/v1/namespaces/shop/pods/web-0/status");
}

TEST(ResourceType, HasPathsOfOtherGroups) {
  EXPECT_EQ(kLeases.api_version(), "coordination.k8s.io/v1");
  EXPECT_EQ(kLeases.object_path({"a", "b"}), "/apis/coordination.k8s.io/v1/namespaces/a/leases/b");
  EXPECT_EQ(kAzureIdentities.collection_path(""), "/apis/aadpodidentity.k8s.io/v1/azureidentities");
}

TEST(ResourceType, ClusterScopedTypesHaveNoNamespace) {
  EXPECT_EQ(kNodes.object_path({"", "node-a"}), "/api/v1/nodes/node-a");
  EXPECT_EQ(kNodes.collection_path("ignored"), "/api/v1/nodes");
}

TEST(ResourceType, NamesCannotLeaveTheirPlaceInThePath) {
  EXPECT_EQ(kSecrets.object_path({"a", "../../x?y"}), "/api/v1/namespaces/a/secrets/..%2F..%2Fx%3Fy");
}

TEST(ResourceType, MakesAReferenceForEvents) {
  const ObjectRef ref = kAzureIdentityBindings.reference({"shop", "b"}, "uid-1");
  EXPECT_EQ(ref.api_version, "aadpodidentity.k8s.io/v1");
  EXPECT_EQ(ref.kind, "AzureIdentityBinding");
  EXPECT_EQ(ref.key.to_string(), "shop/b");
  EXPECT_EQ(ref.uid, "uid-1");
}

}  // namespace
}  // namespace podid::kube
