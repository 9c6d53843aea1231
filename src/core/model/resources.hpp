// SPDX-License-Identifier: Apache-2.0
// The four kinds of the group aadpodidentity.k8s.io/v1 as values. Reading and writing:
// core/model/resources_json.hpp.
#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/access.hpp"
#include "core/model/ids.hpp"
#include "core/model/object_meta.hpp"

namespace podid::core {

inline constexpr std::string_view kApiVersion = "aadpodidentity.k8s.io/v1";

// Whether the process keeps everything within one namespace (--forceNamespaced, and always in managed mode).
enum class NamespacedMode : bool { off, on };

// Other values are legal data: they are stored, assigned without any call to Azure, and refused when a token
// is asked for (api.md §2.1).
enum class IdentityType : std::int64_t {
  user_assigned = 0,
  service_principal_secret = 1,
  service_principal_certificate = 2,
};

struct SecretReference {
  std::string name;
  std::string ns;
  bool operator==(const SecretReference&) const = default;
};

// Members of an object's spec and status that this program does not know: a newer one wrote them, so they are written back
// (and go into the copies inside an assignment).
struct UnknownMembers {
  boost::json::object spec;
  boost::json::object status;
  bool operator==(const UnknownMembers&) const = default;
};

struct AzureIdentity {
  ObjectMeta meta;
  IdentityType type = IdentityType::user_assigned;
  ResourceId resource_id;  // trimmed_resource_id() of what is written
  ClientId client_id;
  SecretReference client_password;
  std::string tenant_id;
  std::vector<std::string> auxiliary_tenant_ids;
  std::string ad_resource_id;  // stored and copied, never used (API-11)
  std::string ad_endpoint;
  std::optional<std::int32_t> replicas;  // stored and copied, never used
  std::int32_t available_replicas = 0;
  UnknownMembers unknown;

  bool user_assigned() const { return type == IdentityType::user_assigned; }
  // A managed identity that nothing names: IMDS would answer for it with the node's own default identity.
  bool unnamed() const { return user_assigned() && client_id.empty() && resource_id.empty(); }
  // The annotation of api.md §2.3: usable only when identity, binding and pod share a namespace.
  bool namespaced() const;
  // The identity's object (principal) ID where the author gave it in the annotation kObjectIdAnnotation, else
  // empty.
  ObjectIdView object_id() const;
  bool operator==(const AzureIdentity&) const = default;
};

struct AzureIdentityBinding {
  ObjectMeta meta;
  std::string azure_identity;  // a name in the binding's own namespace
  std::string selector;        // literal value of the pod's label
  std::int64_t weight = 0;     // of several identities that fit a request the one with the higher weight is taken
  // When it may be used; nothing: always. Never in the copy inside an assignment. Writing takes the field as it was read,
  // from `unknown.spec`: nothing of it may be lost, least of all what this program does not understand.
  std::optional<Access> access;
  std::int32_t available_replicas = 0;
  UnknownMembers unknown;
  bool operator==(const AzureIdentityBinding&) const = default;
};

// Life-cycle states of an assignment (api.md §4.3). They stay text: an unknown state must survive a round
// trip.
inline constexpr std::string_view kCreated = "Created";
inline constexpr std::string_view kAssigned = "Assigned";
inline constexpr std::string_view kUnassigned = "Unassigned";

// The copies are the objects as they were when the assignment was made. A reference that is missing in the
// stored object reads as an object whose fields are all empty.
struct AzureAssignedIdentity {
  ObjectMeta meta;
  AzureIdentity identity;
  AzureIdentityBinding binding;
  std::string pod;
  std::string pod_namespace;
  std::string node_name;
  std::optional<std::int32_t> replicas;
  std::string status;
  std::int32_t available_replicas = 0;
  UnknownMembers unknown;
  bool operator==(const AzureAssignedIdentity&) const = default;
};

// The object as it is copied into an assignment: name, namespace, uid, resourceVersion, the annotations that decisions
// read, and spec (API-5).
AzureIdentity copied(AzureIdentity identity);
AzureIdentityBinding copied(AzureIdentityBinding binding);

struct AzurePodIdentityException {
  ObjectMeta meta;
  StringMap pod_labels;
  UnknownMembers unknown;
  bool operator==(const AzurePodIdentityException&) const = default;
};

// What is worth keeping in memory of objects that anybody may write: as copied(), without the rest of their metadata. A
// binding keeps its `access` as a value: it is not to be written back.
AzureIdentity trimmed(AzureIdentity identity);
AzureIdentityBinding trimmed(AzureIdentityBinding binding);
AzurePodIdentityException trimmed(AzurePodIdentityException exception);

}  // namespace podid::core
