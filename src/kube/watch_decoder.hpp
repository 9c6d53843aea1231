// SPDX-License-Identifier: Apache-2.0
// The body of a watch, decoded: pieces of text in, events out. No I/O.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "kube/json.hpp"

namespace podid::kube {

struct WatchEvent {
  enum class Type { added, modified, deleted, bookmark };
  Type type = Type::added;
  json::value object;  // always an object; of a bookmark only metadata.resourceVersion counts
};

// Not thread-safe. One decoder per watch; after an error the rest of that watch has no meaning.
class WatchDecoder {
 public:
  // An event is one line. etcd takes objects of 1.5 MiB, which JSON's escapes can make a few times longer.
  static constexpr std::size_t kMaxLineBytes = 16 << 20;

  explicit WatchDecoder(std::size_t max_line_bytes = kMaxLineBytes) : max_line_bytes_(max_line_bytes) {}

  // Appends the events that `piece` completes to `events`, in order. An ERROR event of the server ends the watch as
  // the error that its Status means (`gone`: list again); text that is not an event, or a longer line, is `invalid`.
  // Events before it are in `events`.
  base::Result<> feed(std::string_view piece, std::vector<WatchEvent>& events);
  // The body has ended: `unavailable` when that was inside an event.
  base::Result<> finish() const;

 private:
  base::Result<> decode_line(std::string_view line, std::vector<WatchEvent>& events) const;

  std::size_t max_line_bytes_;
  std::string partial_;
};

}  // namespace podid::kube
