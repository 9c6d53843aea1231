// SPDX-License-Identifier: Apache-2.0
// Any bytes as a page of the resource manager's list of VMs: whatever is read of it belongs to the collection asked for,
// and is what the resource alone would have been read as.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "azure/arm_wire.hpp"

using namespace podid;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const azure::AzureResource collection{
      .subscription_id = "Sub", .resource_group = "RG", .kind = azure::ResourceKind::vm, .name = {}};
  const auto page = azure::parse_resource_page(text, collection);
  if (page) {
    for (const auto& [key, state] : page->states) {
      if (!key.starts_with(collection.key()) || key.size() == collection.key().size()) std::abort();
    }
  } else if (page.error().message.empty()) {
    std::abort();
  }
  // A readable resource as the only one of a page.
  const auto alone = azure::parse_resource(text);
  if (!alone) return 0;
  const auto listed = azure::parse_resource_page("{\"value\":[" + std::string(text) + "]}", collection);
  if (!listed) return 0;  // two levels deeper than the JSON parser goes
  for (const auto& [key, state] : listed->states) {
    if (state.type != alone->type || state.user_assigned.size() != alone->user_assigned.size()) std::abort();
  }
  return 0;
}
