// SPDX-License-Identifier: Apache-2.0
// What bounds the process as a whole, where it is not a flag. The other limits stand in the folders of what they bound.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "nmi/options.hpp"

namespace podid::nmi {

// With --workers=0.
inline constexpr unsigned kMostDefaultWorkers = 4;
// What pods' connections may buffer beyond a few KiB each: long heads, unread answers. The container has 256 MiB.
inline constexpr int kMaxBufferedBytes = 32 * 1024 * 1024;
inline constexpr std::size_t kMaxBufferedBytesPerPod = 4 * 1024 * 1024;
// For proxied requests (256), the probe and metrics ports (256 each), and all that the daemon opens for itself.
inline constexpr std::uint64_t kReservedFiles = 1024;
// Of --max-snapshot-age: a quiet watch says nothing for a minute or two.
inline constexpr std::chrono::minutes kLeastSnapshotAge{3};

// Leaves the process some of the `max_files` that it may have open, for calls to Azure and the API server, tools and
// proxied requests: lowers max_connections, with a warning, where they would not be enough.
void leave_files(NmiOptions& options, std::uint64_t max_files);

}  // namespace podid::nmi
