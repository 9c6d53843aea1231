// SPDX-License-Identifier: Apache-2.0
#include "azure/azure_resource.hpp"

#include <gtest/gtest.h>

namespace podid::azure {
namespace {

TEST(AzureResource, IsNamedByItsIdAndComparesWithoutCase) {
  const AzureResource vm{.subscription_id = "Sub", .resource_group = "RG", .kind = ResourceKind::vm, .name = "Vm1"};
  EXPECT_EQ(vm.id(), "/subscriptions/Sub/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/Vm1");
  const AzureResource same{.subscription_id = "sub", .resource_group = "rg", .kind = ResourceKind::vm, .name = "VM1"};
  EXPECT_EQ(vm.key(), same.key());
  const AzureResource set{.subscription_id = "Sub", .resource_group = "RG", .kind = ResourceKind::vmss, .name = "Vm1"};
  EXPECT_TRUE(set.id().contains("/virtualMachineScaleSets/Vm1"));
  EXPECT_NE(vm.key(), set.key());
}

TEST(AzureResource, FindsAnIdentityInAnyCase) {
  IdentityState state;
  state.user_assigned.emplace("/subscriptions/s/id1", UserIdentity{});
  EXPECT_TRUE(state.has("/subscriptions/S/ID1"));
  EXPECT_FALSE(state.has("/subscriptions/S/ID2"));
}

}  // namespace
}  // namespace podid::azure
