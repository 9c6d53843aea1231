// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/snapshot.hpp"

namespace podid::nmi {

void PodEntry::access_at(base::WallTime now, std::vector<core::AccessOfBinding>& out) const {
  out.clear();
  for (const LimitedBinding& each : limited) out.push_back({each.binding, &each.access, each.access.at(now)});
}

CredentialPtr PodEntry::credential_of(const core::AzureIdentity* identity) const {
  for (const Credentials* known : {&credentials, objects ? &objects->credentials : nullptr}) {
    if (known == nullptr) continue;
    for (const auto& [of, credential] : *known) {
      if (of == identity) return credential;
    }
  }
  return nullptr;
}

const PodAtAddress& Snapshot::at(const AddressKey& address) const {
  static const PodAtAddress kNobody;
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? kNobody : found->second;
}

const PodEntryPtr& Snapshot::named(std::string_view ns, std::string_view name) const {
  static const PodEntryPtr kNone;
  const auto found = by_name_.find(std::string(ns).append("/").append(name));
  return found == by_name_.end() ? kNone : found->second;
}

}  // namespace podid::nmi
