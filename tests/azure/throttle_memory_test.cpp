// SPDX-License-Identifier: Apache-2.0
#include "azure/throttle_memory.hpp"

#include <gtest/gtest.h>

#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using namespace std::chrono_literals;

const base::WallTime kNow = base::from_unix_seconds(1'800'000'000);
const AzureResource kVm{.subscription_id = "Sub", .resource_group = "rg", .kind = ResourceKind::vm, .name = "vm1"};
const AzureResource kOther{.subscription_id = "sub", .resource_group = "rg", .kind = ResourceKind::vm, .name = "vm2"};
const AzureResource kForeign{
    .subscription_id = "sub2", .resource_group = "rg", .kind = ResourceKind::vm, .name = "vm1"};

TEST(ThrottleMemory, OfAResourceConcernsItAlone) {
  ThrottleMemory memory;
  memory.block_resource(kVm, Direction::write, kNow + 60s, kNow);
  EXPECT_EQ(memory.blocked_until(kVm, Direction::write, kNow), kNow + 60s);
  EXPECT_EQ(memory.blocked_until(kVm, Direction::read, kNow), std::nullopt);
  EXPECT_EQ(memory.blocked_until(kOther, Direction::write, kNow), std::nullopt);
  EXPECT_EQ(memory.blocked_until(kVm, Direction::write, kNow + 60s), std::nullopt);
}

TEST(ThrottleMemory, OfASubscriptionConcernsAllOfItsResources) {
  ThrottleMemory memory;
  memory.block_subscription(kVm, Direction::read, kNow + 60s, kNow);
  EXPECT_EQ(memory.blocked_until(kOther, Direction::read, kNow), kNow + 60s);
  EXPECT_EQ(memory.blocked_until(kOther, Direction::write, kNow), std::nullopt);
  EXPECT_EQ(memory.blocked_until(kForeign, Direction::read, kNow), std::nullopt);
}

TEST(ThrottleMemory, TheLatestEndCountsAndOldOnesAreForgotten) {
  ThrottleMemory memory;
  memory.block_resource(kVm, Direction::write, kNow + 60s, kNow);
  memory.block_resource(kVm, Direction::write, kNow + 10s, kNow);
  EXPECT_EQ(memory.blocked_until(kVm, Direction::write, kNow), kNow + 60s);
  memory.block_subscription(kVm, Direction::write, kNow + 90s, kNow);
  EXPECT_EQ(memory.blocked_until(kVm, Direction::write, kNow), kNow + 90s);
  memory.block_resource(kOther, Direction::write, kNow + 200s, kNow + 100s);
  EXPECT_EQ(memory.size(), 1u);
}

}  // namespace
}  // namespace podid::azure
