// SPDX-License-Identifier: Apache-2.0
#include "core/immutable_identities.hpp"

#include <gtest/gtest.h>

#include "support/builders.hpp"

namespace podid::core {
namespace {

using test::make_identity;

TEST(ImmutableIdentities, ClientAndResourceIdsAreTrimmedAndCompareWithoutCase) {
  const std::vector<std::string> configured = {" CLIENT-A ", "", "  ", test::identity_resource_id("B")};
  const ImmutableIdentities immutable(configured, "Cluster-Id");
  EXPECT_TRUE(immutable.contains(make_identity("x", "a")));
  EXPECT_TRUE(immutable.contains(make_identity("x", "b")));
  EXPECT_FALSE(immutable.contains(make_identity("x", "c")));
  AzureIdentity cluster = make_identity("x", "c");
  cluster.client_id = ClientId("cluster-ID");
  EXPECT_TRUE(immutable.contains(cluster));
  EXPECT_FALSE(ImmutableIdentities({}, "").contains(AzureIdentity{})) << "an empty id is in no set";
}

}  // namespace
}  // namespace podid::core
