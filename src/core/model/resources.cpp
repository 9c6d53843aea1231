// SPDX-License-Identifier: Apache-2.0
#include "core/model/resources.hpp"

#include <utility>

#include "core/model/naming.hpp"

namespace podid::core {
namespace {

constexpr std::size_t kMostAnnotation = 64;

ObjectMeta copied_meta(const ObjectMeta& meta) {
  ObjectMeta copy;
  copy.name = meta.name;
  copy.ns = meta.ns;
  copy.uid = meta.uid;
  copy.resource_version = meta.resource_version;
  for (const auto key : {kBehaviorAnnotation, kObjectIdAnnotation}) {
    // A longer value says nothing to us, and must not be kept.
    const auto value = value_or_empty(meta.annotations, key);
    if (!value.empty() && value.size() <= kMostAnnotation) copy.annotations.emplace(key, value);
  }
  return copy;
}

}  // namespace

bool AzureIdentity::namespaced() const {
  return value_or_empty(meta.annotations, kBehaviorAnnotation) == kNamespacedBehavior;
}

ObjectIdView AzureIdentity::object_id() const {
  return ObjectIdView(value_or_empty(meta.annotations, kObjectIdAnnotation));
}

AzureIdentity copied(AzureIdentity identity) {
  identity.meta = copied_meta(identity.meta);
  identity.available_replicas = 0;
  identity.unknown.status.clear();
  return identity;
}

AzureIdentityBinding copied(AzureIdentityBinding binding) {
  binding.meta = copied_meta(binding.meta);
  binding.access.reset();
  binding.available_replicas = 0;
  binding.unknown.spec.erase("access");
  binding.unknown.status.clear();
  return binding;
}

AzureIdentity trimmed(AzureIdentity identity) { return copied(std::move(identity)); }

AzureIdentityBinding trimmed(AzureIdentityBinding binding) {
  std::optional<Access> access = std::move(binding.access);
  AzureIdentityBinding kept = copied(std::move(binding));
  kept.access = std::move(access);
  return kept;
}

AzurePodIdentityException trimmed(AzurePodIdentityException exception) {
  exception.meta = copied_meta(exception.meta);
  exception.unknown = {};
  return exception;
}

}  // namespace podid::core
