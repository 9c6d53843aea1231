// SPDX-License-Identifier: Apache-2.0
// Which keys carry a value: the building block of the controller's indexes.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace podid::mic {

// Adding and removing cost the same however many keys share a value. An empty value is not indexed. Not thread-safe.
class KeyIndex {
 public:
  using Keys = std::unordered_set<std::string>;

  void add(const std::string& value, const std::string& key) {
    if (!value.empty()) keys_[value].insert(key);
  }
  void remove(const std::string& value, const std::string& key) {
    const auto found = keys_.find(value);
    if (found == keys_.end()) return;
    found->second.erase(key);
    if (found->second.empty()) keys_.erase(found);
  }
  // In no particular order; valid until the next change.
  const Keys& find(const std::string& value) const {
    static const Keys kNone;
    const auto found = keys_.find(value);
    return found == keys_.end() ? kNone : found->second;
  }
  std::size_t size() const { return keys_.size(); }

 private:
  std::unordered_map<std::string, Keys> keys_;
};

}  // namespace podid::mic
