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
// The cloud configuration file.
inline constexpr std::size_t kMaxCloudConfigBytes = 1 << 20;

}  // namespace podid::mic
