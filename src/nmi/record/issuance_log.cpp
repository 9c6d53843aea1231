// SPDX-License-Identifier: Apache-2.0
#include "nmi/record/issuance_log.hpp"

namespace podid::nmi {

std::size_t IssuanceLog::Hash::operator()(const KeyView& key) const {
  const std::hash<const void*> pointer;
  std::size_t hash = pointer(key.entry) * 31 + pointer(key.identity);
  hash = hash * 31 + static_cast<std::size_t>(key.refused);
  return hash * 31 + std::hash<std::string_view>{}(key.resource);
}

void IssuanceLog::count(const PodEntryPtr& entry, const core::Decision& decision, const KeyView& key) {
  const auto found = records_.find(key);
  if (found != records_.end()) {
    ++found->second.count;
    return;
  }
  records_.emplace(Key{key.entry, key.identity, key.refused, std::string(key.resource), std::string(key.mismatch),
                       std::string(key.why)},
                   Value{entry, decision.binding, 1});
}

void IssuanceLog::issued(const PodEntryPtr& entry, const core::Decision& decision, std::string_view resource) {
  count(entry, decision, {entry.get(), decision.identity, core::RefusalReason::none, resource, {}, {}});
}

void IssuanceLog::refused(const PodEntryPtr& entry, const core::Decision& decision, std::string_view why) {
  count(entry, decision, {entry.get(), nullptr, decision.reason, {}, {}, why});
}

void IssuanceLog::mismatched(const PodEntryPtr& entry, const core::Decision& decision, std::string_view why) {
  count(entry, decision, {entry.get(), decision.identity, core::RefusalReason::none, {}, why, {}});
}

std::vector<Issuance> IssuanceLog::take() {
  std::vector<Issuance> taken;
  taken.reserve(records_.size());
  for (auto& [key, value] : records_) {
    taken.push_back({std::move(value.entry), key.identity, value.binding, key.refused, key.resource, value.count,
                     key.mismatch, key.why});
  }
  records_.clear();
  return taken;
}

}  // namespace podid::nmi
