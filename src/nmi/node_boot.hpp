// SPDX-License-Identifier: Apache-2.0
// A boot of the node takes all addresses from its pods. They get new ones, perhaps each other's, before the kubelet has told
// the API server.
#pragma once
#include <optional>

#include "base/clock.hpp"

namespace podid::nmi {

// After that the kubelet has told all of them.
inline constexpr std::chrono::minutes kBootMatters{15};

// When this machine was booted, where that is not longer ago than kBootMatters.
std::optional<base::WallTime> recent_boot(base::WallTime now);

}  // namespace podid::nmi
