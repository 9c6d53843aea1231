// SPDX-License-Identifier: Apache-2.0
// What we read of every object's metadata.
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace podid::core {

using StringMap = std::map<std::string, std::string, std::less<>>;

// The value of a key, or "" (which the domain nowhere tells from an absent key).
inline std::string_view value_or_empty(const StringMap& map, std::string_view key) {
  const auto it = map.find(key);
  return it == map.end() ? std::string_view{} : std::string_view(it->second);
}

// Namespace and name, ordered by namespace, then name, in plain byte order: the order of api.md §3 for
// bindings.
struct ObjectKey {
  std::string ns;
  std::string name;
  auto operator<=>(const ObjectKey&) const = default;
  std::string text() const { return ns + "/" + name; }
};

struct OwnerReference {
  std::string api_version;
  std::string kind;
  std::string name;
  std::string uid;
  bool controller = false;
  bool operator==(const OwnerReference&) const = default;
};

// Times stay text, as the API server writes them (UTC, whole seconds, "2026-01-02T03:04:05Z"): in this form
// they sort by time as text. Empty means absent.
struct ObjectMeta {
  std::string name;
  std::string ns;
  std::string uid;
  std::string resource_version;
  std::string creation_timestamp;
  std::string deletion_timestamp;
  StringMap labels;
  StringMap annotations;
  std::vector<std::string> finalizers;
  std::vector<OwnerReference> owner_references;

  ObjectKey key() const { return {ns, name}; }
  bool deleting() const { return !deletion_timestamp.empty(); }
  bool operator==(const ObjectMeta&) const = default;
};

}  // namespace podid::core
