// SPDX-License-Identifier: Apache-2.0
#include "core/immutable_identities.hpp"

#include "core/model/ascii.hpp"
#include "core/model/azure_ids.hpp"

namespace podid::core {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

}  // namespace

ImmutableIdentities::ImmutableIdentities(std::span<const std::string> configured, std::string_view cluster_identity) {
  const auto insert = [this](std::string_view id) {
    if (const auto text = trimmed(id); !text.empty()) ids_.insert(ascii_lower(text));
  };
  for (const std::string& id : configured) insert(id);
  insert(cluster_identity);
}

bool ImmutableIdentities::contains(const AzureIdentity& identity) const {
  return ids_.contains(ascii_lower(identity.client_id.text())) || ids_.contains(resource_id_key(identity.resource_id));
}

}  // namespace podid::core
