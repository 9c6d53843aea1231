// SPDX-License-Identifier: Apache-2.0
// From the informers' changes to the next snapshot.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/access/access_terms.hpp"
#include "core/access/grants.hpp"
#include "core/decide.hpp"
#include "core/model/object_meta.hpp"
#include "nmi/pods/snapshot.hpp"

namespace podid::nmi {

struct SnapshotOptions {
  core::OperationMode mode = core::OperationMode::standard;
  // The controller's namespace; empty: no pod is treated as the controller (--mic-short-circuit=false).
  std::string mic_namespace = "default";
  std::vector<std::string> mic_service_accounts = {};  // as core::ServingInput's
  core::IdentityPolicyMode policy = core::IdentityPolicyMode::off;
  core::ZoneLookup zones = [](std::string_view) { return nullptr; };  // of build(); by default none is known
};

// Not thread-safe: belongs to the control thread. Only the entries that a change concerns are made anew. An object that
// is put again replaces its former version; an assignment that is now about another pod is removed first.
class SnapshotBuilder {
 public:
  explicit SnapshotBuilder(SnapshotOptions options) : options_(std::move(options)) {}

  void put(std::shared_ptr<const core::Pod> pod);
  void remove(const core::Pod& pod);
  void put(std::shared_ptr<const core::AzureAssignedIdentity> assigned);
  void remove(const core::AzureAssignedIdentity& assigned);
  void put(std::shared_ptr<const core::AzurePodIdentityException> exception);
  void remove(const core::AzurePodIdentityException& exception);
  void put(std::shared_ptr<const core::AzureIdentityBinding> binding);
  void remove(const core::AzureIdentityBinding& binding);
  void put(std::shared_ptr<const core::AzureIdentity> identity);
  void remove(const core::AzureIdentity& identity);

  void put(std::shared_ptr<const core::AzureIdentityGrant> grant);
  void remove(const core::AzureIdentityGrant& grant);
  void put(std::shared_ptr<const core::AzureIdentityGrantApproval> approval);
  void remove(const core::AzureIdentityGrantApproval& approval);
  void set_grant_policies(core::GrantPolicies policies);
  // Managed mode: the calendars of a namespace. In standard mode the controller writes them into the assignments.
  void set_calendars(const std::string& ns, core::Calendars calendars);

  // What the API server has not told of yet: of an assignment the AzureIdentity and the AzureIdentityBinding that it names;
  // in managed mode, with an empty name, all of a namespace; of a binding that needs grants, in the same way, those of its
  // namespace. Everything else is known: what was not put does not exist.
  enum class Kind : std::uint8_t { identity, binding, grant, approval };
  void set_unread(Kind kind, const core::ObjectKey& key);
  void set_read(Kind kind, const core::ObjectKey& key);

  // When the node was booted, while that matters: the address of a pod of which the kubelet has told nothing since then is
  // the one that it had before.
  void set_boot(std::optional<base::WallTime> boot) { boot_ = boot; }
  // With --identity-policy=enforce.
  void set_permissions(std::shared_ptr<const core::IdentityPermissions> permissions) {
    permissions_ = std::move(permissions);
  }
  void set_looks(std::shared_ptr<const Looks> looks) { looks_ = std::move(looks); }
  // Of the pods' bindings those grants that open one at this time: "ns/name".
  std::set<std::string> grants_open_at(base::WallTime now) const;
  // Those of pods that may be bound, and of the identities that they may have.
  std::set<std::string> namespaces_that_matter() const;
  // Every cache has been filled: what is not known does not exist.
  void set_complete() { complete_ = true; }

  SnapshotPtr build();

 private:
  using Key = core::ObjectKey;
  void touch_pod(Key key) { stale_pods_.insert(std::move(key)); }
  void touch_namespace(const std::string& ns);
  // Of bindings in that namespace ("": of any) that need grants.
  void touch_pods_with_grants(const std::string& ns);
  bool awaits_grants(const core::AzureIdentityBinding& binding) const;
  LimitedBinding limited(const core::AzureIdentityBinding* named, const core::AzureIdentityBinding& live,
                         const core::Calendars& calendars, const core::Pod& pod) const;
  // Whose assignments, or in managed mode whose namespace, an object concerns.
  void touch_pods_with(Kind kind, const Key& key);
  bool is_unread(Kind kind, const Key& key) const { return unread_.contains({kind, key}); }
  std::optional<core::Doubt> doubt_of(const core::AzureAssignedIdentity& assigned, const core::Pod& pod,
                                      std::span<const core::AzureAssignedIdentity* const> confirmed_before) const;
  PodEntryPtr make_entry(const Key& key);
  std::shared_ptr<const NamespaceObjects> objects_of(const std::string& ns);
  core::ServingTerms serving_of(const core::Pod& pod) const;
  bool owns_its_addresses(const PodEntry& entry) const;
  void add_addresses(Snapshot& snapshot, const PodEntryPtr& entry) const;

  const SnapshotOptions options_;
  std::optional<base::WallTime> boot_;
  std::shared_ptr<const core::IdentityPermissions> permissions_;
  std::shared_ptr<const Looks> looks_;
  bool complete_ = false;
  std::map<Key, std::shared_ptr<const core::Pod>> pods_;
  // By the pod that they are about, then by their own key.
  std::map<Key, std::map<Key, std::shared_ptr<const core::AzureAssignedIdentity>>> assigned_;
  // By namespace, then by name.
  template <class T>
  using ByNamespace = std::map<std::string, std::map<std::string, std::shared_ptr<const T>>>;
  ByNamespace<core::AzurePodIdentityException> exceptions_;
  ByNamespace<core::AzureIdentityBinding> bindings_;
  ByNamespace<core::AzureIdentity> identities_;
  core::GrantBook grants_;
  std::map<std::string, core::Calendars> calendars_;  // managed mode, by namespace
  std::set<std::pair<Kind, Key>> unread_;

  std::map<Key, PodEntryPtr> entries_;
  std::set<Key> stale_pods_;
  std::map<std::string, std::shared_ptr<const NamespaceObjects>> objects_;
};

}  // namespace podid::nmi
