// SPDX-License-Identifier: Apache-2.0
// Every number that bounds what the controller keeps or does at once, and that is not a flag.
#pragma once
#include <chrono>
#include <cstddef>

namespace podid::mic {

// API-server writes in flight over all nodes together (--createDeleteBatch is the limit per VM or scale set).
inline constexpr std::size_t kMaxWritesInFlight = 128;
// One write to the API server, from sending it to the end of its answer.
inline constexpr std::chrono::seconds kApiWriteTimeout{30};
// After SIGTERM: how long writes in flight may take before they are cancelled and the lease is released. Shorter than the
// 30 s that Kubernetes grants by default.
inline constexpr std::chrono::seconds kDrainTimeout{20};
// How long the end of an own deletion is remembered, so that a late watch event does not bring the object back.
inline constexpr std::chrono::minutes kTombstoneAge{10};
// Pods whose desired state is computed before other coroutines get a turn.
inline constexpr std::size_t kDigestBatch = 500;
// An identity that Azure refused is left out of later changes for this long, doubling at each refusal (MIC-16).
inline constexpr std::chrono::minutes kBadIdentityFirstDelay{1};
inline constexpr std::chrono::minutes kBadIdentityLastDelay{60};
// A VM or scale set whose change failed as a whole is tried again after this long, doubling at each failure.
inline constexpr std::chrono::seconds kAzureRetryFirstDelay{5};
inline constexpr std::chrono::minutes kAzureRetryLastDelay{10};
// From so many VMs (or scale sets) of one resource group on, one list call takes the place of a look at each (MIC-5).
inline constexpr std::size_t kListThreshold = 8;
// How long the change of a VM or scale set waits for assignments on it that are just being written, so that they share
// one request.
inline constexpr std::chrono::milliseconds kFoldLimit{500};
// An update of a VM or scale set as a whole; Azure's own limits (mic.md §7.5) end it long before.
inline constexpr std::chrono::minutes kAzureUpdateLimit{60};
// Writes to the API server for one pod that failed are tried again after this long, doubling at each failure.
inline constexpr std::chrono::milliseconds kWriteRetryFirstDelay{200};
inline constexpr std::chrono::minutes kWriteRetryLastDelay{5};
// How often a new leader says which caches it still waits for.
inline constexpr std::chrono::seconds kCacheReport{30};
// The cloud configuration file.
inline constexpr std::size_t kMaxCloudConfigBytes = 1 << 20;

}  // namespace podid::mic
