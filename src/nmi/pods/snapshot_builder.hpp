// SPDX-License-Identifier: Apache-2.0
// From the informers' changes to the next snapshot.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/decide.hpp"
#include "core/object_meta.hpp"
#include "nmi/pods/snapshot.hpp"

namespace podid::nmi {

struct SnapshotOptions {
  core::OperationMode mode = core::OperationMode::standard;
  // The controller's namespace; empty: no pod is treated as the controller (--mic-short-circuit=false).
  std::string mic_namespace = "default";
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

  // When the node was booted, while that matters: the address of a pod of which the kubelet has told nothing since then is
  // the one that it had before.
  void set_boot(std::optional<base::WallTime> boot) { boot_ = boot; }
  // Every cache has been filled: what is not known does not exist.
  void set_complete() { complete_ = true; }

  SnapshotPtr build();

 private:
  using Key = core::ObjectKey;
  void touch_pod(Key key) { stale_pods_.insert(std::move(key)); }
  void touch_namespace(const std::string& ns);
  void touch_pods_with(const core::AzureIdentity& identity);
  // Null when there is none of that name.
  const core::AzureIdentity* find_identity(const Key& key) const;
  PodEntryPtr make_entry(const Key& key);
  std::shared_ptr<const NamespaceObjects> objects_of(const std::string& ns);
  core::ServingTerms serving_of(const core::Pod& pod) const;
  bool owns_its_addresses(const PodEntry& entry) const;
  void add_addresses(Snapshot& snapshot, const PodEntryPtr& entry) const;

  const SnapshotOptions options_;
  std::optional<base::WallTime> boot_;
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

  std::map<Key, PodEntryPtr> entries_;
  std::set<Key> stale_pods_;
  std::map<std::string, std::shared_ptr<const NamespaceObjects>> objects_;
};

}  // namespace podid::nmi
