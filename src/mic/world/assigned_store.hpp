// SPDX-License-Identifier: Apache-2.0
// The AzureAssignedIdentities as they are: what the watch says, and what we wrote ourselves before the watch says it (MIC-7).
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "core/model/resources.hpp"
#include "mic/world/key_index.hpp"

namespace podid::mic {

// "ns/name" of the pod that an assignment is for.
std::string pod_key_of(const core::AzureAssignedIdentity& assigned);

// Never goes back in time: an event of the watch that is older than our own last write of the object is ignored, and an
// object that we saw end does not come back through a late event. Not thread-safe.
class AssignedStore {
 public:
  using Object = std::shared_ptr<const core::AzureAssignedIdentity>;

  // From the watch. False: nothing new.
  bool observe(Object object);
  bool observe_deleted(const core::AzureAssignedIdentity& last);
  // What the server answered to a write of ours.
  void wrote(core::AzureAssignedIdentity object);
  // The object with that uid is gone: our removal was the last one, or the server does not know it (any more).
  void ended(const core::AzureAssignedIdentity& object, base::SteadyTime now);

  // Null when there is none.
  Object find(std::string_view ns, std::string_view name) const;
  // Valid until the next change.
  const std::vector<Object>& of_pod(const std::string& pod_key) const;
  std::vector<Object> on_node(const std::string& node) const;
  std::vector<std::string> pod_keys() const;
  bool node_used(const std::string& node) const { return !by_node_.find(node).empty(); }

  // Forgets the ends of objects that the watch has had ample time to report.
  void forget_ends_before(base::SteadyTime time);
  std::size_t size() const { return objects_.size(); }

 private:
  void put(Object object);
  void erase(const std::string& key);

  std::unordered_map<std::string, Object> objects_;  // by "ns/name"
  std::unordered_map<std::string, std::vector<Object>> by_pod_;
  KeyIndex by_node_;
  std::unordered_map<std::string, base::SteadyTime> ended_;  // by uid
};

}  // namespace podid::mic
