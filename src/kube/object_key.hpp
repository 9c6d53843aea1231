// SPDX-License-Identifier: Apache-2.0
// Names of objects.
#pragma once
#include <compare>
#include <string>

#include "kube/json.hpp"

namespace podid::kube {

// Namespace and name within one resource type. The namespace is empty for cluster-scoped objects.
struct ObjectKey {
  std::string ns;
  std::string name;

  // "ns/name", or "name" for cluster-scoped objects: what stores are keyed by and messages show.
  std::string to_string() const { return ns.empty() ? name : ns + "/" + name; }
  auto operator<=>(const ObjectKey&) const = default;
};

// From metadata.namespace and metadata.name; empty texts where they are absent.
ObjectKey key_of(const json::value& object);

// An object as events refer to it (core/v1 ObjectReference).
struct ObjectRef {
  std::string api_version = {};  // "aadpodidentity.k8s.io/v1"
  std::string kind = {};         // "AzureIdentityBinding"
  ObjectKey key = {};
  std::string uid = {};

  bool operator==(const ObjectRef&) const = default;
};

}  // namespace podid::kube
