// SPDX-License-Identifier: Apache-2.0
#include "nmi/limits.hpp"

#include <algorithm>
#include <climits>

#include "base/log.hpp"

namespace podid::nmi {

void leave_files(NmiOptions& options, std::uint64_t max_files) {
  const std::uint64_t reserved = std::min(kReservedFiles, max_files / 2);
  const auto most = static_cast<int>(std::clamp<std::uint64_t>(max_files - reserved, 1, INT_MAX));
  if (options.max_connections <= most) return;
  base::log::warning("fewer connections than --max-connections: too few files may be open",
                     {{"connections", most}, {"files", max_files}, {"max_connections", options.max_connections}});
  options.max_connections = most;
}

}  // namespace podid::nmi
