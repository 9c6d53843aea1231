// SPDX-License-Identifier: Apache-2.0
// What bounds the process as a whole, where it is not a flag. The other limits stand in the folders of what they bound.
#pragma once
#include <chrono>
#include <cstddef>

namespace podid::mic {

// After SIGTERM: how long writes in flight may take before they are cancelled and the lease is released. Shorter than the
// 30 s that Kubernetes grants by default.
inline constexpr std::chrono::seconds kDrainTimeout{20};
// How often a new leader says which caches it still waits for.
inline constexpr std::chrono::seconds kCacheReport{30};
// Calendars: ConfigMaps that bindings name. One that is refused, or not heard of for so long, is unreadable.
inline constexpr std::size_t kMaxCalendarsPerNamespace = 16;
inline constexpr std::size_t kMaxCalendarKeys = 64;
inline constexpr std::size_t kMaxCalendarBytes = 32 * 1024;
inline constexpr std::chrono::seconds kCalendarLook{1};
inline constexpr std::chrono::seconds kCalendarPatience{30};
// Grants: what is refused, or not heard of for so long, does not count.
inline constexpr std::chrono::seconds kGrantLook{2};
inline constexpr std::chrono::seconds kGrantPatience{30};
// An approval whose grant is not there for so long is deleted.
inline constexpr std::chrono::seconds kOrphanAge{60};
inline constexpr std::size_t kMostOrphansAtOnce = 4;
// The cloud configuration file.
inline constexpr std::size_t kMaxCloudConfigBytes = 1 << 20;

}  // namespace podid::mic
