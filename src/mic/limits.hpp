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
// The cloud configuration file.
inline constexpr std::size_t kMaxCloudConfigBytes = 1 << 20;

}  // namespace podid::mic
