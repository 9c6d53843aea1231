// SPDX-License-Identifier: Apache-2.0
// Who got, or was refused, tokens of what: counted exactly by each worker, collected by the control thread.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/decide.hpp"
#include "nmi/pods/snapshot.hpp"

namespace podid::nmi {

// Equal records are one with a count.
struct Issuance {
  PodEntryPtr entry;  // keeps identity and binding alive
  // Granted: of the decision. Both null: the pod is excepted, the node's own identity was used.
  const core::AzureIdentity* identity = nullptr;
  const core::AzureIdentityBinding* binding = nullptr;  // refused: the one that was looked at, if any
  core::RefusalReason refused = core::RefusalReason::none;
  std::string resource;
  std::uint64_t count = 0;
  // Granted, and yet no token: why the AzureIdentity contradicts itself.
  std::string mismatch = {};
  std::string why = {};  // refused: what is missing, as a sentence
};

// One worker's. Not thread-safe; counting again allocates nothing.
class IssuanceLog {
 public:
  // Different records kept until they are taken; beyond, full() asks for that to happen soon.
  static constexpr std::size_t kMaxRecords = 4096;

  void issued(const PodEntryPtr& entry, const core::Decision& decision, std::string_view resource);
  // `why`: what is missing (core::refusal_summary), or nothing.
  void refused(const PodEntryPtr& entry, const core::Decision& decision, std::string_view why);
  void mismatched(const PodEntryPtr& entry, const core::Decision& decision, std::string_view why);

  bool empty() const { return records_.empty(); }
  bool full() const { return records_.size() >= kMaxRecords; }
  // Everything since the last call.
  std::vector<Issuance> take();

 private:
  struct KeyView {
    const PodEntry* entry;
    const core::AzureIdentity* identity;
    core::RefusalReason refused;
    std::string_view resource;
    std::string_view mismatch;
    std::string_view why;
  };
  struct Key {
    const PodEntry* entry;
    const core::AzureIdentity* identity;
    core::RefusalReason refused;
    std::string resource;
    std::string mismatch;
    std::string why;
    operator KeyView() const { return {entry, identity, refused, resource, mismatch, why}; }
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const KeyView& key) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const KeyView& a, const KeyView& b) const {
      return a.entry == b.entry && a.identity == b.identity && a.refused == b.refused && a.resource == b.resource &&
             a.mismatch == b.mismatch && a.why == b.why;
    }
  };
  void count(const PodEntryPtr& entry, const core::Decision& decision, const KeyView& key);

  struct Value {
    PodEntryPtr entry;
    const core::AzureIdentityBinding* binding;
    std::uint64_t count;
  };
  std::unordered_map<Key, Value, Hash, Equal> records_;
};

}  // namespace podid::nmi
