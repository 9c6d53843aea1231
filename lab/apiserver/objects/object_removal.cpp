// SPDX-License-Identifier: Apache-2.0
// The part of ObjectService that removes: single objects, and the contents of namespaces and CRDs.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lab/apiserver/objects/object_service.hpp"
#include "lab/apiserver/wire/json_tools.hpp"
#include "lab/apiserver/wire/object_parts.hpp"

namespace podid::lab::apiserver {
namespace {

constexpr std::array<std::string_view, 3> kPermanentNamespaces = {"default", "kube-public", "kube-system"};

}  // namespace

Answer<Removed> ObjectService::remove(const Target& target, const DeleteOptions& options) {
  const Resource& resource = *target.resource;
  const ObjectPtr existing = store_.find(resource.bucket(), target.ns, target.name);
  if (existing == nullptr) return std::unexpected(not_found(resource.subject(), target.name));
  const bool is_namespace = resource.bucket() == kNamespaces;
  if (is_namespace && std::ranges::find(kPermanentNamespaces, target.name) != std::end(kPermanentNamespaces)) {
    return std::unexpected(forbidden(resource.subject(), target.name, "this namespace may not be deleted"));
  }
  Subject recorded = resource.subject();
  recorded.plural = resource.kind;  // the real server names the kind here, not the resource
  if (options.uid && *options.uid != existing->uid()) {
    return std::unexpected(
        conflict(recorded, target.name,
                 fmt::format("the UID in the precondition ({}) does not match the UID in record ({}). The "
                             "object might have been deleted and then recreated",
                             *options.uid, existing->uid())));
  }
  if (options.resource_version && *options.resource_version != std::to_string(existing->revision())) {
    return std::unexpected(conflict(recorded, target.name,
                                    fmt::format("the ResourceVersion in the precondition ({}) does not match the "
                                                "ResourceVersion in record ({}). The object might have been modified",
                                                *options.resource_version, existing->revision())));
  }
  const bool is_crd = resource.bucket() == kCrds;
  const bool is_container = is_namespace || is_crd;
  const bool goes_now = !has_finalizers(existing->value()) && !is_container;
  ObjectPtr ending = existing;
  // A pod is marked before it goes, even when nothing holds it.
  const bool is_marked = !goes_now || (resource.group.empty() && resource.plural == "pods");
  if (is_marked && !is_ending(existing->value())) ending = mark_ending(target, existing, options.dry_run);
  if (options.dry_run) return Removed{.object = ending, .gone = goes_now};
  Removed out{.object = goes_now ? store_.remove(resource.bucket(), target.ns, target.name) : ending, .gone = goes_now};
  if (is_namespace) ending_namespaces_.insert(target.name);
  if (is_crd) ending_crds_.insert(target.name);
  finish_removals();
  return out;
}

// Writes deletionTimestamp: the object now waits for its finalizers or its contents.
ObjectPtr ObjectService::mark_ending(const Target& target, const ObjectPtr& existing, bool dry_run) {
  const bool is_container = target.resource->bucket() == kNamespaces || target.resource->bucket() == kCrds;
  json::value ending = existing->value();
  json::object& metadata = metadata_of(ending);
  metadata["deletionTimestamp"] = now();
  if (!is_container) {
    metadata["deletionGracePeriodSeconds"] = 0;
    add_generation(metadata);
  }
  if (target.resource->bucket() == kNamespaces) object_at(ending.get_object(), "status")["phase"] = "Terminating";
  return put(target, std::move(ending), dry_run);
}

// Removes what namespaces and CRDs that are being deleted still hold; those that are empty then go
// themselves.
void ObjectService::finish_removals() {
  if (finishing_removals_ || (ending_namespaces_.empty() && ending_crds_.empty())) return;
  finishing_removals_ = true;
  for (const std::string& name : std::vector<std::string>(ending_namespaces_.begin(), ending_namespaces_.end())) {
    const ObjectPtr ns = store_.find(kNamespaces, "", name);
    if (ns != nullptr && (!empty_namespace(name) || has_finalizers(ns->value()))) continue;
    if (ns != nullptr) store_.remove(kNamespaces, "", name);
    ending_namespaces_.erase(name);
  }
  for (const std::string& name : std::vector<std::string>(ending_crds_.begin(), ending_crds_.end())) {
    const ObjectPtr crd = store_.find(kCrds, "", name);
    const ResourcePtr resource = registry_.find_bucket(name);
    if (crd != nullptr && ((resource != nullptr && !remove_contents(resource, "")) || has_finalizers(crd->value())))
      continue;
    if (crd != nullptr) store_.remove(kCrds, "", name);
    registry_.uninstall(name);
    ending_crds_.erase(name);
  }
  finishing_removals_ = false;
}

bool ObjectService::empty_namespace(const std::string& name) {
  bool empty = true;
  const std::vector<ResourcePtr> resources = registry_.all();
  for (const ResourcePtr& resource : resources) {
    if (resource->namespaced && !remove_contents(resource, name)) empty = false;
  }
  return empty;
}

// Deletes the objects of a resource in `ns` (all, where that is empty); true when none is left.
bool ObjectService::remove_contents(const ResourcePtr& resource, std::string_view ns) {
  std::vector<ObjectPtr> found;
  for (const auto& [key, object] : store_.objects(resource->bucket())) {
    if (ns.empty() || object->ns() == ns) found.push_back(object);
  }
  bool empty = true;
  for (const ObjectPtr& object : found) {
    const auto removed = remove({.resource = resource, .ns = object->ns(), .name = object->name()}, {});
    if (!removed || !removed->gone) empty = false;
  }
  return empty;
}

}  // namespace podid::lab::apiserver
