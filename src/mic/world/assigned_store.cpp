// SPDX-License-Identifier: Apache-2.0
#include "mic/world/assigned_store.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/text.hpp"

namespace podid::mic {
namespace {

// Kubernetes orders the versions of one resource as numbers. Where a server has other versions, its word is taken.
bool is_older(const std::string& a, const std::string& b) {
  const auto x = base::parse_number<std::uint64_t>(a);
  const auto y = base::parse_number<std::uint64_t>(b);
  return x && y && *x < *y;
}

}  // namespace

std::string pod_key_of(const core::AzureAssignedIdentity& assigned) {
  return assigned.pod_namespace + "/" + assigned.pod;
}

bool AssignedStore::observe(Object object) {
  if (ended_.contains(object->meta.uid)) return false;
  const auto found = objects_.find(object->meta.key().text());
  if (found != objects_.end()) {
    const core::ObjectMeta& known = found->second->meta;
    if (known.uid == object->meta.uid && known.resource_version == object->meta.resource_version) return false;
    if (is_older(object->meta.resource_version, known.resource_version)) return false;
  }
  put(std::move(object));
  return true;
}

bool AssignedStore::observe_deleted(const core::AzureAssignedIdentity& last) {
  ended_.erase(last.meta.uid);
  const std::string key = last.meta.key().text();
  const auto found = objects_.find(key);
  if (found == objects_.end() || found->second->meta.uid != last.meta.uid) return false;
  erase(key);
  return true;
}

void AssignedStore::wrote(core::AzureAssignedIdentity object) {
  observe(std::make_shared<const core::AzureAssignedIdentity>(std::move(object)));
}

void AssignedStore::ended(const core::AzureAssignedIdentity& object, base::SteadyTime now) {
  ended_.emplace(object.meta.uid, now);
  const std::string key = object.meta.key().text();
  const auto found = objects_.find(key);
  if (found != objects_.end() && found->second->meta.uid == object.meta.uid) erase(key);
}

AssignedStore::Object AssignedStore::find(std::string_view ns, std::string_view name) const {
  const auto found = objects_.find(core::ObjectKey{std::string(ns), std::string(name)}.text());
  return found == objects_.end() ? nullptr : found->second;
}

const std::vector<AssignedStore::Object>& AssignedStore::of_pod(const std::string& pod_key) const {
  static const std::vector<Object> kNone;
  const auto found = by_pod_.find(pod_key);
  return found == by_pod_.end() ? kNone : found->second;
}

std::vector<AssignedStore::Object> AssignedStore::on_node(const std::string& node) const {
  std::vector<Object> found;
  for (const std::string& key : by_node_.find(node)) found.push_back(objects_.at(key));
  return found;
}

std::vector<std::string> AssignedStore::pod_keys() const {
  std::vector<std::string> keys;
  keys.reserve(by_pod_.size());
  for (const auto& [key, objects] : by_pod_) keys.push_back(key);
  return keys;
}

void AssignedStore::forget_ends_before(base::SteadyTime time) {
  std::erase_if(ended_, [time](const auto& end) { return end.second < time; });
}

void AssignedStore::put(Object object) {
  const std::string key = object->meta.key().text();
  erase(key);
  by_pod_[pod_key_of(*object)].push_back(object);
  by_node_.add(object->node_name, key);
  objects_.emplace(key, std::move(object));
}

void AssignedStore::erase(const std::string& key) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return;
  const Object object = std::move(found->second);
  objects_.erase(found);
  by_node_.remove(object->node_name, key);
  const auto pod = by_pod_.find(pod_key_of(*object));
  std::erase(pod->second, object);
  if (pod->second.empty()) by_pod_.erase(pod);
}

}  // namespace podid::mic
