// SPDX-License-Identifier: Apache-2.0
// On which VM or scale set a node's pods have their identities.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/model/azure_ids.hpp"
#include "core/model/node.hpp"
#include "mic/world/key_index.hpp"

namespace podid::mic {

struct NodeAnswer {
  bool exists = false;                        // the node object is there
  std::optional<core::ComputeTarget> target;  // also of a node that has gone, as far as it was known
  std::string problem;                        // why an existing node has no target
};

// Remembers where a node was after it has gone: identities of its pods may have to come off its scale set (MIC-13).
// Not thread-safe.
class NodeDirectory {
 public:
  // False: nothing that matters has changed.
  bool put(const core::Node& node);
  bool erase(const std::string& name);
  // What stands in for empty provider ids; true when it differs from before.
  bool set_defaults(core::ComputeDefaults defaults);

  NodeAnswer find(const std::string& name) const;
  // Existing nodes on that target (core::ComputeTarget::key()).
  const KeyIndex::Keys& on_target(const std::string& target) const { return by_target_.find(target); }
  // Drops the memory of gone nodes that `needed` does not want.
  void forget_gone(const std::function<bool(const std::string& name)>& needed);
  std::vector<std::string> names() const;
  std::size_t size() const { return nodes_.size(); }

 private:
  struct Entry {
    core::Node node;
    NodeAnswer answer;
    std::string target;  // key of answer.target
  };
  void locate(Entry& entry);

  core::ComputeDefaults defaults_;
  std::unordered_map<std::string, Entry> nodes_;
  KeyIndex by_target_;
  std::unordered_map<std::string, core::ComputeTarget> gone_;
};

}  // namespace podid::mic
