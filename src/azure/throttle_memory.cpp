// SPDX-License-Identifier: Apache-2.0
#include "azure/throttle_memory.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace podid::azure {
namespace {

std::string_view prefix(Direction direction) { return direction == Direction::read ? "read " : "write "; }

std::string resource_key(const AzureResource& resource, Direction direction) {
  return std::string(prefix(direction)) + resource.key();
}

std::string subscription_key(const AzureResource& resource, Direction direction) {
  return std::string(prefix(direction)) + base::to_lower(resource.subscription_id);
}

}  // namespace

void ThrottleMemory::block_resource(const AzureResource& resource, Direction direction, base::WallTime until,
                                    base::WallTime now) {
  block(resource_key(resource, direction), until, now);
}

void ThrottleMemory::block_subscription(const AzureResource& resource, Direction direction, base::WallTime until,
                                        base::WallTime now) {
  block(subscription_key(resource, direction), until, now);
}

std::optional<base::WallTime> ThrottleMemory::blocked_until(const AzureResource& resource, Direction direction,
                                                            base::WallTime now) const {
  base::WallTime until = now;
  for (const std::string& key : {resource_key(resource, direction), subscription_key(resource, direction)}) {
    if (const auto found = until_.find(key); found != until_.end()) until = std::max(until, found->second);
  }
  if (until <= now) return std::nullopt;
  return until;
}

void ThrottleMemory::block(std::string key, base::WallTime until, base::WallTime now) {
  std::erase_if(until_, [now](const auto& entry) { return entry.second <= now; });
  base::WallTime& entry = until_.try_emplace(std::move(key), until).first->second;
  entry = std::max(entry, until);
}

}  // namespace podid::azure
