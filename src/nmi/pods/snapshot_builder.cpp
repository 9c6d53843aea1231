// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/snapshot_builder.hpp"

#include <algorithm>

#include "base/time_text.hpp"

namespace podid::nmi {
namespace {

template <class T>
void put_by_namespace(std::map<std::string, std::map<std::string, std::shared_ptr<const T>>>& map,
                      std::shared_ptr<const T> object) {
  const std::string ns = object->meta.ns;
  const std::string name = object->meta.name;
  map[ns][name] = std::move(object);
}

template <class T>
void remove_by_namespace(std::map<std::string, std::map<std::string, std::shared_ptr<const T>>>& map, const T& object) {
  const auto found = map.find(object.meta.ns);
  if (found == map.end()) return;
  found->second.erase(object.meta.name);
  if (found->second.empty()) map.erase(found);
}

template <class T>
const T* find_in(const std::map<std::string, std::map<std::string, std::shared_ptr<const T>>>& map,
                 const core::ObjectKey& key) {
  const auto of_namespace = map.find(key.ns);
  if (of_namespace == map.end()) return nullptr;
  const auto found = of_namespace->second.find(key.name);
  return found == of_namespace->second.end() ? nullptr : found->second.get();
}

// Those whose identity was what its AzureIdentity says.
std::vector<const core::AzureAssignedIdentity*> confirmed_of(const PodEntry& entry) {
  std::vector<const core::AzureAssignedIdentity*> confirmed;
  for (const core::AzureAssignedIdentity* assigned : entry.assigned) {
    const auto doubted = std::ranges::find(entry.doubts, assigned, &core::DoubtedAssignment::assigned);
    if (doubted == entry.doubts.end() || doubted->doubt == core::Doubt::binding) confirmed.push_back(assigned);
  }
  return confirmed;
}

}  // namespace

void SnapshotBuilder::put(std::shared_ptr<const core::Pod> pod) {
  Key key = pod->key();
  pods_[key] = std::move(pod);
  touch_pod(std::move(key));
}

void SnapshotBuilder::remove(const core::Pod& pod) {
  pods_.erase(pod.key());
  touch_pod(pod.key());
}

void SnapshotBuilder::put(std::shared_ptr<const core::AzureAssignedIdentity> assigned) {
  const Key own = assigned->meta.key();
  const Key pod{assigned->pod_namespace, assigned->pod};
  assigned_[pod][own] = std::move(assigned);
  touch_pod(pod);
}

void SnapshotBuilder::remove(const core::AzureAssignedIdentity& assigned) {
  const Key pod{assigned.pod_namespace, assigned.pod};
  const auto found = assigned_.find(pod);
  if (found == assigned_.end()) return;
  found->second.erase(assigned.meta.key());
  if (found->second.empty()) assigned_.erase(found);
  touch_pod(pod);
}

void SnapshotBuilder::put(std::shared_ptr<const core::AzurePodIdentityException> exception) {
  const std::string ns = exception->meta.ns;
  put_by_namespace(exceptions_, std::move(exception));
  touch_namespace(ns);
}

void SnapshotBuilder::remove(const core::AzurePodIdentityException& exception) {
  remove_by_namespace(exceptions_, exception);
  touch_namespace(exception.meta.ns);
}

void SnapshotBuilder::put(std::shared_ptr<const core::AzureIdentityBinding> binding) {
  touch_pods_with(Kind::binding, binding->meta.key());
  put_by_namespace(bindings_, std::move(binding));
}

void SnapshotBuilder::remove(const core::AzureIdentityBinding& binding) {
  remove_by_namespace(bindings_, binding);
  touch_pods_with(Kind::binding, binding.meta.key());
}

void SnapshotBuilder::put(std::shared_ptr<const core::AzureIdentity> identity) {
  touch_pods_with(Kind::identity, identity->meta.key());
  put_by_namespace(identities_, std::move(identity));
}

void SnapshotBuilder::remove(const core::AzureIdentity& identity) {
  remove_by_namespace(identities_, identity);
  touch_pods_with(Kind::identity, identity.meta.key());
}

void SnapshotBuilder::set_unread(Kind kind, const Key& key) {
  if (unread_.insert({kind, key}).second) touch_pods_with(kind, key);
}

void SnapshotBuilder::set_read(Kind kind, const Key& key) {
  if (unread_.erase({kind, key}) > 0) touch_pods_with(kind, key);
}

void SnapshotBuilder::touch_pods_with(Kind kind, const Key& key) {
  if (options_.mode == core::OperationMode::managed) return touch_namespace(key.ns);
  // There may be assignments of all nodes, but pods are of this one: a pod that comes later is made by then.
  for (const auto& [pod, unused] : pods_) {
    const auto assignments = assigned_.find(pod);
    if (assignments == assigned_.end()) continue;
    for (const auto& [own, assigned] : assignments->second) {
      const core::ObjectMeta& named = kind == Kind::identity ? assigned->identity.meta : assigned->binding.meta;
      if (named.name == key.name && named.ns == key.ns) touch_pod(pod);
    }
  }
}

void SnapshotBuilder::touch_namespace(const std::string& ns) {
  objects_.erase(ns);
  for (auto pod = pods_.lower_bound({ns, ""}); pod != pods_.end() && pod->first.ns == ns; ++pod) {
    touch_pod(pod->first);
  }
}

std::shared_ptr<const NamespaceObjects> SnapshotBuilder::objects_of(const std::string& ns) {
  std::shared_ptr<const NamespaceObjects>& cached = objects_[ns];
  if (cached) return cached;
  auto objects = std::make_shared<NamespaceObjects>();
  if (const auto bindings = bindings_.find(ns); bindings != bindings_.end()) {
    for (const auto& [name, binding] : bindings->second) {
      objects->owned_bindings.push_back(binding);
      objects->bindings.push_back(binding.get());
    }
  }
  if (const auto identities = identities_.find(ns); identities != identities_.end()) {
    for (const auto& [name, identity] : identities->second) {
      objects->owned_identities.push_back(identity);
      objects->identities.push_back(identity.get());
      objects->credentials.emplace_back(identity.get(), std::make_shared<const Credential>(credential_of(*identity)));
    }
  }
  cached = std::move(objects);
  return cached;
}

std::optional<core::Doubt> SnapshotBuilder::doubt_of(
    const core::AzureAssignedIdentity& assigned, const core::Pod& pod,
    std::span<const core::AzureAssignedIdentity* const> confirmed_before) const {
  const Key identity = assigned.identity.meta.key();
  const Key binding = assigned.binding.meta.key();
  if (is_unread(Kind::identity, identity) || is_unread(Kind::binding, binding)) return core::Doubt::unread;
  return core::doubt_of(assigned, {.declared = find_in(identities_, identity),
                                   .live = find_in(bindings_, binding),
                                   .pod = pod,
                                   .confirmed_before = confirmed_before});
}

core::ServingTerms SnapshotBuilder::serving_of(const core::Pod& pod) const {
  std::vector<const core::AzurePodIdentityException*> of_namespace;
  if (const auto exceptions = exceptions_.find(pod.ns); exceptions != exceptions_.end()) {
    for (const auto& [name, exception] : exceptions->second) of_namespace.push_back(exception.get());
  }
  return core::ServingTerms({.pod = pod,
                             .deletion = base::parse_rfc3339(pod.deletion_timestamp),
                             .exceptions = of_namespace,
                             .mic_namespace = options_.mic_namespace,
                             .mic_service_accounts = options_.mic_service_accounts});
}

PodEntryPtr SnapshotBuilder::make_entry(const Key& key) {
  const auto pod = pods_.find(key);
  if (pod == pods_.end()) return nullptr;
  const auto before = entries_.find(key);
  auto entry = std::make_shared<PodEntry>();
  entry->pod = pod->second;
  entry->serving = serving_of(*entry->pod);
  if (options_.mode == core::OperationMode::managed) {
    entry->objects = objects_of(key.ns);
    const Key all{key.ns, {}};
    entry->unread =
        !entry->pod->binding_label().empty() && (is_unread(Kind::identity, all) || is_unread(Kind::binding, all));
  } else if (const auto assigned = assigned_.find(key); assigned != assigned_.end()) {
    const auto confirmed_before =
        before == entries_.end() ? std::vector<const core::AzureAssignedIdentity*>() : confirmed_of(*before->second);
    for (const auto& [own, object] : assigned->second) {
      entry->owned_assigned.push_back(object);
      entry->assigned.push_back(object.get());
      const std::optional<core::Doubt> doubt = doubt_of(*object, *entry->pod, confirmed_before);
      if (doubt) entry->doubts.push_back({object.get(), *doubt});
      entry->credentials.emplace_back(&object->identity,
                                      std::make_shared<const Credential>(credential_of(object->identity)));
    }
  }
  return entry;
}

// Whether packets from the pod's addresses come from it. A boot takes all addresses away, and gives new ones that the API
// server learns a moment later.
bool SnapshotBuilder::owns_its_addresses(const PodEntry& entry) const {
  if (!entry.serving.owns_its_addresses()) return false;
  const core::Pod& pod = *entry.pod;
  if (!boot_ || pod.last_start.empty()) return true;
  const std::optional<base::WallTime> last_start = base::parse_rfc3339(pod.last_start);
  return last_start && *last_start >= std::chrono::floor<std::chrono::seconds>(*boot_);
}

void SnapshotBuilder::add_addresses(Snapshot& snapshot, const PodEntryPtr& entry) const {
  const core::Pod& pod = *entry->pod;
  snapshot.awaits_address_ |= entry->serving.owns_its_addresses() && pod.pod_ips.empty();
  if (!owns_its_addresses(*entry)) return;
  for (const std::string& text : pod.pod_ips) {
    const std::optional<AddressKey> address = AddressKey::parse(text);
    if (!address) continue;
    PodAtAddress& at = snapshot.by_address_[*address];
    if (at.entry == entry) continue;  // listed twice
    if (at.whose == Whose::nobody) {
      at.whose = Whose::pod;
      at.entry = entry;
      continue;
    }
    if (at.whose == Whose::pod) {
      // A terminating pod's address is given away only after its containers have ended, so a pod that claims it without
      // terminating is its owner. Between two that both live, or both terminate, nothing can be decided.
      if (pod.deleting() && !at.entry->pod->deleting()) continue;
      at.claimants = {at.entry->pod->key().text()};
      at.entry = nullptr;
      at.whose = Whose::ambiguous;
    }
    at.claimants.push_back(pod.key().text());
  }
}

std::set<std::string> SnapshotBuilder::namespaces_that_matter() const {
  std::set<std::string> namespaces;
  for (const auto& [key, entry] : entries_) {
    if (entry->pod->binding_label().empty()) continue;
    namespaces.insert(key.ns);
    for (const core::AzureAssignedIdentity* assigned : entry->assigned) namespaces.insert(assigned->identity.meta.ns);
  }
  return namespaces;
}

SnapshotPtr SnapshotBuilder::build() {
  for (const Key& key : stale_pods_) {
    PodEntryPtr entry = make_entry(key);
    if (entry) {
      entries_[key] = std::move(entry);
    } else {
      entries_.erase(key);
    }
  }
  stale_pods_.clear();
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->complete_ = complete_;
  snapshot->permissions_ = permissions_;
  snapshot->looks_ = looks_;
  for (const bool deleting : {false, true}) {  // add_addresses() wants the living pods first
    for (const auto& [key, entry] : entries_) {
      if (entry->pod->deleting() == deleting) add_addresses(*snapshot, entry);
    }
  }
  for (const auto& [key, entry] : entries_) snapshot->by_name_.emplace(key.text(), entry);
  return snapshot;
}

}  // namespace podid::nmi
