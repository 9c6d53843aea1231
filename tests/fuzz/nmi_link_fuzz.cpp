// SPDX-License-Identifier: Apache-2.0
// Any bytes as a message between keeper and server: what is taken is exactly what is sent, and can be shown.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "nmi/link/messages.hpp"

using namespace podid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const base::Result<nmi::Message> message = nmi::decode(bytes);
  if (!message) return 0;
  const auto* state = std::get_if<nmi::KeeperState>(&*message);
  // A longer problem than we send is read, and cut when it is written again.
  if (nmi::encode(*message) != bytes && (state == nullptr || state->problem.size() <= 2048)) std::abort();
  if (state != nullptr) {
    base::MetricsRegistry metrics;
    nmi::adopt(state->measured, metrics);
    if (metrics.expose().size() > 64 * 1024) std::abort();
  }
  return 0;
}
