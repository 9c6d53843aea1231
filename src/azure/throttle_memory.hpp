// SPDX-License-Identifier: Apache-2.0
// Until when Azure asked to be left alone (mic.md §7.6, MIC-25).
#pragma once
#include <map>
#include <optional>
#include <string>

#include "azure/azure_resource.hpp"
#include "base/clock.hpp"

namespace podid::azure {

enum class Direction { read, write };

// Remembers the end of each throttling period per resource and per subscription, each by direction. Entries
// that have ended are dropped on the next write, so it holds as many as are throttled now. Not thread-safe.
class ThrottleMemory {
 public:
  void block_resource(const AzureResource& resource, Direction direction, base::WallTime until, base::WallTime now);
  void block_subscription(const AzureResource& resource, Direction direction, base::WallTime until, base::WallTime now);
  // When calls for this resource may go on, if that is after `now`.
  std::optional<base::WallTime> blocked_until(const AzureResource& resource, Direction direction,
                                              base::WallTime now) const;
  std::size_t size() const { return until_.size(); }

 private:
  void block(std::string key, base::WallTime until, base::WallTime now);
  std::map<std::string, base::WallTime> until_;
};

}  // namespace podid::azure
