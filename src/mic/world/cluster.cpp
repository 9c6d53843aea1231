// SPDX-License-Identifier: Apache-2.0
#include "mic/world/cluster.hpp"

#include <utility>

namespace podid::mic {
namespace {

bool same_to_us(const core::Pod& a, const core::Pod& b) {
  return a.uid == b.uid && a.node_name == b.node_name && a.binding_label() == b.binding_label() &&
         a.finished() == b.finished();
}

// But for the resourceVersion, which every write changes.
template <class Rule>
bool same_but_for_version(const Rule& before, Rule now) {
  now.meta.resource_version = before.meta.resource_version;
  return before == now;
}

}  // namespace

Cluster::Cluster(core::AssignmentOptions options, AccessTiming timing, core::ZoneLookup zones)
    : timing_(timing),
      terms_(std::move(zones)),
      access_(timing, terms_),
      rules_(options, [this](const core::AzureIdentityBinding& binding, const core::Pod& pod) {
        const core::ObjectKey key = binding.meta.key();
        return core::AssignmentAccess{.closed = access_.closed_for(key, pod.node_name),
                                      .holidays = terms_.holidays_of(key)};
      }) {}

PodKeys Cluster::put(std::shared_ptr<const core::Pod> pod) {
  std::string key = pod->key().text();
  const auto found = pods_.find(key);
  if (found != pods_.end()) {
    if (same_to_us(*found->second, *pod)) return {};
    by_label_.remove(std::string(found->second->binding_label()), key);
    by_node_.remove(found->second->node_name, key);
  }
  by_label_.add(std::string(pod->binding_label()), key);
  by_node_.add(pod->node_name, key);
  pods_.insert_or_assign(key, std::move(pod));
  return {std::move(key)};
}

PodKeys Cluster::erase_pod(const core::ObjectKey& name) {
  std::string key = name.text();
  const auto found = pods_.find(key);
  if (found == pods_.end()) return {};
  by_label_.remove(std::string(found->second->binding_label()), key);
  by_node_.remove(found->second->node_name, key);
  pods_.erase(found);
  return {std::move(key)};
}

PodKeys Cluster::put(core::AzureIdentityBinding binding) {
  std::set<std::string> selectors{binding.selector};
  bool is_news = true;
  if (const core::AzureIdentityBinding* before = rules_.find_binding(binding.meta.key())) {
    selectors.insert(before->selector);
    is_news = !same_but_for_version(*before, binding);
  }
  if (is_news) put_access(binding);
  rules_.put(std::move(binding));
  return is_news ? with_selectors(selectors) : PodKeys();
}

void Cluster::put_access(const core::AzureIdentityBinding& binding) {
  const core::ObjectKey key = binding.meta.key();
  if (binding.access) {
    terms_.put(key, *binding.access);
    access_.put(key);
  } else {
    terms_.erase(key);
    access_.erase(key);
  }
}

PodKeys Cluster::erase_binding(const core::ObjectKey& key) {
  const core::AzureIdentityBinding* before = rules_.find_binding(key);
  if (before == nullptr) return {};
  const std::set<std::string> selectors{before->selector};
  rules_.erase_binding(key);
  terms_.erase(key);
  access_.erase(key);
  return with_selectors(selectors);
}

PodKeys Cluster::put(core::AzureIdentity identity) {
  const core::ObjectKey key = identity.meta.key();
  const core::AzureIdentity* before = rules_.find_identity(key);
  const bool is_news = before == nullptr || !same_but_for_version(*before, identity);
  rules_.put(std::move(identity));
  return is_news ? with_selectors(rules_.selectors_using(key)) : PodKeys();
}

PodKeys Cluster::erase_identity(const core::ObjectKey& key) {
  const std::set<std::string> selectors = rules_.selectors_using(key);
  rules_.erase_identity(key);
  return with_selectors(selectors);
}

PodKeys Cluster::put(std::shared_ptr<const core::IdentityPolicy> policy) {
  return rules_.permissions().set_policy(std::move(policy)) ? all_pods() : PodKeys{};
}

PodKeys Cluster::put_unreadable_policy(std::string problem) {
  return rules_.permissions().set_unreadable(std::move(problem)) ? all_pods() : PodKeys{};
}

PodKeys Cluster::put(core::PolicyLabels labels) {
  const std::string ns = labels.ns;
  return rules_.permissions().put_namespace(std::move(labels)) ? concerned_by_namespace(ns) : PodKeys{};
}

PodKeys Cluster::erase_namespace(const std::string& name) {
  return rules_.permissions().erase_namespace(name) ? concerned_by_namespace(name) : PodKeys{};
}

PodKeys Cluster::renew(const std::vector<core::ObjectKey>& bindings) {
  std::set<std::string> selectors;
  for (const core::ObjectKey& binding : bindings) {
    access_.put(binding);
    selectors.insert(rules_.find_binding(binding)->selector);
  }
  return with_selectors(selectors);
}

PodKeys Cluster::concerned_by_namespace(const std::string& name) const {
  if (!rules_.permissions().goes_by_labels()) return {};
  PodKeys keys = with_selectors(rules_.selectors_of(name));
  for (const auto& [key, pod] : pods_) {
    if (pod->ns == name) keys.push_back(key);
  }
  return keys;
}

Cluster::AccessChanges Cluster::advance(core::Instant now) {
  AccessChanges changes;
  for (const AccessNews& news : access_.advance(now)) {
    changes.bindings.push_back(news.binding);
    if (news.after >= news.until) continue;
    const core::AzureIdentityBinding& binding = *rules_.find_binding(news.binding);
    for (const std::string& pod : by_label_.find(binding.selector)) {
      const base::Duration delay = delay_of(pods_.at(pod)->node_name, timing_);
      if (news.after < delay && delay <= news.until) changes.pods.push_back(pod);
    }
  }
  return changes;
}

PodKeys Cluster::pods_on(const std::string& node) const {
  PodKeys keys;
  append(keys, by_node_.find(node));
  return keys;
}

PodKeys Cluster::with_selectors(const std::set<std::string>& selectors) const {
  PodKeys keys;
  for (const std::string& selector : selectors) append(keys, by_label_.find(selector));
  return keys;
}

std::vector<core::AzureAssignedIdentity> Cluster::desired_for(const std::string& pod,
                                                              std::vector<core::AssignmentWarning>& warnings) const {
  const core::Pod* found = find_pod(pod);
  if (found == nullptr) return {};
  return rules_.desired_for(*found, warnings);
}

const core::Pod* Cluster::find_pod(const std::string& key) const {
  const auto found = pods_.find(key);
  return found == pods_.end() ? nullptr : found->second.get();
}

PodKeys Cluster::all_pods() const {
  PodKeys keys;
  keys.reserve(pods_.size());
  for (const auto& [key, pod] : pods_) keys.push_back(key);
  return keys;
}

}  // namespace podid::mic
