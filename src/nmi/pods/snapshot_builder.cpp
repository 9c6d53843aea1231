// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/snapshot_builder.hpp"

#include <algorithm>

#include "base/time_text.hpp"
#include "core/access/calendar.hpp"
#include "core/matching.hpp"

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
std::shared_ptr<const T> find_in(const std::map<std::string, std::map<std::string, std::shared_ptr<const T>>>& map,
                                 const core::ObjectKey& key) {
  const auto of_namespace = map.find(key.ns);
  if (of_namespace == map.end()) return nullptr;
  const auto found = of_namespace->second.find(key.name);
  return found == of_namespace->second.end() ? nullptr : found->second;
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

void SnapshotBuilder::put(std::shared_ptr<const core::AzureIdentityGrant> grant) {
  if (grants_.put(*grant)) touch_pods_with_grants(grant->meta.ns);
}

void SnapshotBuilder::remove(const core::AzureIdentityGrant& grant) {
  if (grants_.erase_grant(grant.meta.key())) touch_pods_with_grants(grant.meta.ns);
}

void SnapshotBuilder::put(std::shared_ptr<const core::AzureIdentityGrantApproval> approval) {
  if (grants_.put(*approval)) touch_pods_with_grants(approval->meta.ns);
}

void SnapshotBuilder::remove(const core::AzureIdentityGrantApproval& approval) {
  if (grants_.erase_approval(approval.meta.key())) touch_pods_with_grants(approval.meta.ns);
}

void SnapshotBuilder::set_grant_policies(core::GrantPolicies policies) {
  if (grants_.set_policies(std::move(policies))) touch_pods_with_grants("");
}

void SnapshotBuilder::set_calendars(const std::string& ns, core::Calendars calendars) {
  core::Calendars& known = calendars_[ns];
  if (known == calendars) return;
  known = std::move(calendars);
  touch_namespace(ns);
}

void SnapshotBuilder::set_unread(Kind kind, const Key& key) {
  if (unread_.insert({kind, key}).second) touch_pods_with(kind, key);
}

void SnapshotBuilder::set_read(Kind kind, const Key& key) {
  if (unread_.erase({kind, key}) > 0) touch_pods_with(kind, key);
}

void SnapshotBuilder::touch_pods_with_grants(const std::string& ns) {
  for (const auto& [key, entry] : entries_) {
    const bool needs = std::ranges::any_of(entry->limited, [&ns](const LimitedBinding& each) {
      return each.access.needs_grant() && (ns.empty() || each.access.binding().ns == ns);
    });
    if (needs) touch_pod(key);
  }
}

void SnapshotBuilder::touch_pods_with(Kind kind, const Key& key) {
  if (kind == Kind::grant || kind == Kind::approval) return touch_pods_with_grants(key.ns);
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

bool SnapshotBuilder::awaits_grants(const core::AzureIdentityBinding& binding) const {
  const Key all{binding.meta.ns, {}};
  return binding.access && binding.access->grant && (is_unread(Kind::grant, all) || is_unread(Kind::approval, all));
}

LimitedBinding SnapshotBuilder::limited(const core::AzureIdentityBinding* named, const core::AzureIdentityBinding& live,
                                        const core::Calendars& calendars, const core::Pod& pod) const {
  const Key key = live.meta.key();
  core::GrantSchedule grants;
  // Which have ended is known when it is asked.
  if (live.access->grant) grants = grants_.schedule(key, *live.access->grant, pod.labels, core::Instant::min());
  auto terms = std::make_shared<const core::AccessTerms>(*live.access, options_.zones, calendars);
  return {named, core::BindingAccess(key, std::move(terms), std::move(grants))};
}

std::optional<core::Doubt> SnapshotBuilder::doubt_of(
    const core::AzureAssignedIdentity& assigned, const core::Pod& pod,
    std::span<const core::AzureAssignedIdentity* const> confirmed_before) const {
  const Key identity = assigned.identity.meta.key();
  const Key binding = assigned.binding.meta.key();
  if (is_unread(Kind::identity, identity) || is_unread(Kind::binding, binding)) return core::Doubt::unread;
  const auto live = find_in(bindings_, binding);
  if (live && awaits_grants(*live)) return core::Doubt::unread;
  return core::doubt_of(assigned, {.declared = find_in(identities_, identity).get(),
                                   .live = live.get(),
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
    for (const auto& binding : entry->objects->owned_bindings) {
      if (!binding->access || !core::selects(*binding, *entry->pod)) continue;
      const auto calendars = calendars_.find(key.ns);
      entry->limited.push_back(limited(
          binding.get(), *binding, calendars == calendars_.end() ? core::Calendars() : calendars->second, *entry->pod));
      entry->unread |= awaits_grants(*binding);
    }
    entry->unread |=
        !entry->pod->binding_label().empty() && (is_unread(Kind::identity, all) || is_unread(Kind::binding, all));
  } else if (const auto assigned = assigned_.find(key); assigned != assigned_.end()) {
    const auto confirmed_before =
        before == entries_.end() ? std::vector<const core::AzureAssignedIdentity*>() : confirmed_of(*before->second);
    for (const auto& [own, object] : assigned->second) {
      entry->owned_assigned.push_back(object);
      entry->assigned.push_back(object.get());
      const std::optional<core::Doubt> doubt = doubt_of(*object, *entry->pod, confirmed_before);
      if (doubt) entry->doubts.push_back({object.get(), *doubt});
      const auto live = find_in(bindings_, object->binding.meta.key());
      if (live && live->access) {
        const auto holidays = core::value_or_empty(object->meta.annotations, core::kHolidaysAnnotation);
        entry->limited.push_back(limited(&object->binding, *live, core::decode_holidays(holidays), *entry->pod));
      }
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

std::set<std::string> SnapshotBuilder::grants_open_at(base::WallTime now) const {
  std::set<std::string> open;
  for (const auto& [key, entry] : entries_) {
    for (const LimitedBinding& each : entry->limited) {
      if (!each.access.needs_grant()) continue;
      const core::AccessState state = each.access.at(now);
      if (state.open()) open.insert(each.access.binding().ns + "/" + std::string(state.grant));
    }
  }
  return open;
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
