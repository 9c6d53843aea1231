// SPDX-License-Identifier: Apache-2.0
#include "mic/world/node_directory.hpp"

#include <utility>

namespace podid::mic {

bool NodeDirectory::put(const core::Node& node) {
  gone_.erase(node.name);
  const auto found = nodes_.find(node.name);
  if (found != nodes_.end() && found->second.node.provider_id == node.provider_id) return false;
  Entry& entry = nodes_[node.name];
  entry.node = node;
  locate(entry);
  return true;
}

bool NodeDirectory::erase(const std::string& name) {
  const auto found = nodes_.find(name);
  if (found == nodes_.end()) return false;
  by_target_.remove(found->second.target, name);
  if (found->second.answer.target) gone_.insert_or_assign(name, *found->second.answer.target);
  nodes_.erase(found);
  return true;
}

bool NodeDirectory::set_defaults(core::ComputeDefaults defaults) {
  if (defaults.subscription == defaults_.subscription && defaults.resource_group == defaults_.resource_group) {
    return false;
  }
  defaults_ = std::move(defaults);
  for (auto& [name, entry] : nodes_) locate(entry);
  return true;
}

void NodeDirectory::locate(Entry& entry) {
  by_target_.remove(entry.target, entry.node.name);
  entry.target.clear();
  entry.answer = NodeAnswer{.exists = true, .target = {}, .problem = {}};
  auto target = core::compute_target(entry.node, defaults_);
  if (target) {
    entry.target = target->key();
    entry.answer.target = std::move(*target);
    by_target_.add(entry.target, entry.node.name);
  } else {
    entry.answer.problem = target.error().problem;
  }
}

NodeAnswer NodeDirectory::find(const std::string& name) const {
  if (const auto found = nodes_.find(name); found != nodes_.end()) return found->second.answer;
  NodeAnswer answer;
  if (const auto gone = gone_.find(name); gone != gone_.end()) answer.target = gone->second;
  return answer;
}

void NodeDirectory::forget_gone(const std::function<bool(const std::string& name)>& needed) {
  std::erase_if(gone_, [&needed](const auto& gone) { return !needed(gone.first); });
}

std::vector<std::string> NodeDirectory::names() const {
  std::vector<std::string> names;
  names.reserve(nodes_.size());
  for (const auto& [name, entry] : nodes_) names.push_back(name);
  return names;
}

}  // namespace podid::mic
