// SPDX-License-Identifier: Apache-2.0
#include "core/access/zone.hpp"

#include <algorithm>
#include <limits>

namespace podid::core {
namespace {

constexpr std::int64_t kLargestOffset = 26LL * 3600;
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

}  // namespace

Zone::Zone(std::int32_t first_offset, std::vector<Shift> shifts) : shifts_(std::move(shifts)) {
  shifts_.insert(shifts_.begin(), Shift{.at = std::numeric_limits<std::int64_t>::min(), .offset = first_offset});
}

std::size_t Zone::at(std::int64_t instant) const {
  const auto next = std::ranges::upper_bound(shifts_, instant, {}, &Shift::at);
  return static_cast<std::size_t>(next - shifts_.begin()) - 1;
}

std::int64_t Zone::end_of(std::size_t index) const {
  return index + 1 == shifts_.size() ? kForever : shifts_[index + 1].at;
}

std::int64_t Zone::wall_clock(std::int64_t instant) const { return instant + shifts_[at(instant)].offset; }

std::int64_t Zone::first_time(std::int64_t wall) const {
  std::size_t index = at(wall - kLargestOffset);
  // On to the first stretch that goes beyond `wall`. The last one does, at its end.
  while (index + 1 < shifts_.size() && end_of(index) + shifts_[index].offset <= wall) ++index;
  return std::max(shifts_[index].at, wall - shifts_[index].offset);
}

std::int64_t Zone::last_time(std::int64_t wall) const {
  std::size_t index = at(wall + kLargestOffset);
  // Back to the last stretch that begins at `wall` or before it. The first one does.
  while (index > 0 && shifts_[index].at + shifts_[index].offset > wall) --index;
  return std::min(end_of(index), wall - shifts_[index].offset);
}

}  // namespace podid::core
