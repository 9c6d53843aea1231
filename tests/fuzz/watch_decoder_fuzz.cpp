// SPDX-License-Identifier: Apache-2.0
// Any bytes as the body of a watch: events and an outcome, the same however the bytes are cut into pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "kube/watch_decoder.hpp"

using namespace podid;

namespace {

struct Outcome {
  std::vector<kube::WatchEvent> events;
  base::Result<> result;
};

Outcome decode(std::string_view text, std::size_t piece) {
  constexpr std::size_t kLineLimit = 4096;
  kube::WatchDecoder decoder(kLineLimit);
  Outcome outcome;
  while (outcome.result && !text.empty()) {
    const std::string_view next = text.substr(0, piece);
    text.remove_prefix(next.size());
    outcome.result = decoder.feed(next, outcome.events);
  }
  if (outcome.result) outcome.result = decoder.finish();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Outcome whole = decode(text, std::max<std::size_t>(size, 1));
  const Outcome pieces = decode(text, 7);
  if (whole.events.size() != pieces.events.size()) std::abort();
  if (whole.result.has_value() != pieces.result.has_value()) std::abort();
  if (!whole.result && whole.result.error().message != pieces.result.error().message) std::abort();
  for (std::size_t i = 0; i < whole.events.size(); ++i) {
    if (whole.events[i].type != pieces.events[i].type || whole.events[i].object != pieces.events[i].object)
      std::abort();
    if (!whole.events[i].object.is_object()) std::abort();
  }
  return 0;
}
