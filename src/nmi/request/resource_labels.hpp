// SPDX-License-Identifier: Apache-2.0
// Which resources become values of a metric's label: a client writes there what it likes (NMI-21).
#pragma once
#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace podid::nmi {

// One worker's; not thread-safe.
class ResourceLabels {
 public:
  static constexpr std::size_t kMost = 200;
  // Refused requests fill half of the room at most: a pod that asks for nonsense takes no label from the others.
  static constexpr std::size_t kMostRefused = kMost / 2;

  enum class Answered { issued, refused };
  // `resource` itself where there is room for it, else "other".
  std::string_view label_of(std::string_view resource, Answered answered) {
    if (resource.empty()) return resource;
    if (known_.contains(resource)) return resource;
    if (known_.size() >= (answered == Answered::issued ? kMost : kMostRefused)) return "other";
    known_.emplace(resource);
    return resource;
  }

 private:
  std::set<std::string, std::less<>> known_;
};

}  // namespace podid::nmi
