// SPDX-License-Identifier: Apache-2.0
// What bounds the controller's own work, where it is not a flag.
#pragma once
#include <chrono>
#include <cstddef>

namespace podid::mic {

// API-server writes in flight over all nodes together (--createDeleteBatch is the limit per VM or scale set).
inline constexpr std::size_t kMaxWritesInFlight = 128;
// How long the end of an own deletion is remembered, so that a late watch event does not bring the object back.
inline constexpr std::chrono::minutes kTombstoneAge{10};
// Pods whose desired state is computed before other coroutines get a turn.
inline constexpr std::size_t kDigestBatch = 500;
// Writes to the API server for one pod that failed are tried again after this long, doubling at each failure.
inline constexpr std::chrono::milliseconds kWriteRetryFirstDelay{200};
inline constexpr std::chrono::minutes kWriteRetryLastDelay{5};
// While some binding has spec.access, the clock on the wall, which can be set, is looked at this often.
inline constexpr std::chrono::seconds kWallClockLook{2};
// An object's status is written this often at most, unless a condition flips (D11).
inline constexpr std::chrono::seconds kStatusInterval{10};
// Warnings about objects of one namespace that are remembered, so that they are not repeated before the next full pass.
// Further ones of that namespace are left out until then: they neither repeat nor hide those of others.
inline constexpr std::size_t kMaxWarnedPerNamespace = 64;

}  // namespace podid::mic
