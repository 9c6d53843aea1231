// SPDX-License-Identifier: Apache-2.0
#include "base/backoff.hpp"

#include <cmath>

namespace podid::base {

std::chrono::milliseconds Backoff::next() {
  const double full = std::min(static_cast<double>(options_.limit.count()),
                               static_cast<double>(options_.initial.count()) * std::pow(options_.factor, attempts_));
  ++attempts_;
  const double scale = 1.0 - options_.jitter * random_.unit();
  return std::chrono::milliseconds(static_cast<std::int64_t>(full * scale));
}

}  // namespace podid::base
