// SPDX-License-Identifier: Apache-2.0
#include "nmi/node_boot.hpp"

#include <ctime>

namespace podid::nmi {

std::optional<base::WallTime> recent_boot(base::WallTime now) {
  timespec up{};
  if (::clock_gettime(CLOCK_BOOTTIME, &up) != 0) return std::nullopt;
  const std::chrono::seconds uptime(up.tv_sec);
  if (uptime >= kBootMatters) return std::nullopt;
  return now - uptime;
}

}  // namespace podid::nmi
