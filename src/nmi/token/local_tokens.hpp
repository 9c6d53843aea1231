// SPDX-License-Identifier: Apache-2.0
// One worker's own table of tokens: the path of a cached token asks nobody else.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "nmi/token/token_cache.hpp"

namespace podid::nmi {

// Not thread-safe. Looking up allocates nothing.
class LocalTokens {
 public:
  static constexpr std::size_t kMaxTokens = 4096;

  struct Entry {
    CachedTokenPtr token;
    base::SteadyTime ask_again{};  // of a token that wants a refresh: when to look whether the control thread has it
  };

  // Null when there is none. Valid until the next put().
  Entry* find(std::string_view credential, std::string_view resource) {
    const auto found = entries_.find(KeyView{credential, resource});
    return found == entries_.end() ? nullptr : &found->second;
  }
  void put(std::string_view credential, std::string_view resource, CachedTokenPtr token) {
    // The control thread has them all, so starting over costs one message per token in use.
    if (entries_.size() >= kMaxTokens) entries_.clear();
    entries_.insert_or_assign(Key{std::string(credential), std::string(resource)}, Entry{std::move(token)});
  }

 private:
  struct KeyView {
    std::string_view credential, resource;
  };
  struct Key {
    std::string credential, resource;
    operator KeyView() const { return {credential, resource}; }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const KeyView& key) const {
      const std::hash<std::string_view> hash;
      return hash(key.credential) * 31 + hash(key.resource);
    }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const KeyView& a, const KeyView& b) const {
      return a.credential == b.credential && a.resource == b.resource;
    }
  };
  std::unordered_map<Key, Entry, Hash, Equal> entries_;
};

}  // namespace podid::nmi
