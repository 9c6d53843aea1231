// SPDX-License-Identifier: Apache-2.0
// Names, labels and annotations that we write and look for (api.md §2.3, §4.1, §6).
#pragma once
#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/resources.hpp"

namespace podid::core {

inline constexpr std::string_view kBindingLabel = "aadpodidbinding";
inline constexpr std::string_view kNodeNameLabel = "nodename";
inline constexpr std::string_view kAssignedIdentityFinalizer = "azureassignedidentity.finalizers.aadpodidentity.k8s.io";
inline constexpr std::string_view kBehaviorAnnotation = "aadpodidentity.k8s.io/Behavior";
inline constexpr std::string_view kNamespacedBehavior = "namespaced";
// Ours, beside aad-pod-identity's:
inline constexpr std::string_view kObjectIdAnnotation = "aadpodidentity.k8s.io/object-id";  // on an AzureIdentity
inline constexpr std::string_view kPodUidAnnotation = "aadpodidentity.k8s.io/pod-uid";      // on an assignment, MIC-27
// On an assignment that stays Created: the client ID that Azure knows the identity by, which is not the AzureIdentity's.
inline constexpr std::string_view kAzureClientIdAnnotation = "aadpodidentity.k8s.io/azure-client-id";
inline constexpr std::string_view kComputeAnnotation =
    "aadpodidentity.k8s.io/compute-resource";  // ComputeTarget::key(), MIC-13

// On an assignment that stays Created because its binding's spec.access does not let it be used now: since when it may be used
// again, for people ("closed until 2026-01-02T00:00:00Z", "closed").
inline constexpr std::string_view kAccessAnnotation = "aadpodidentity.k8s.io/access";

// Where assignments live that no rule puts into the identity's namespace.
inline constexpr std::string_view kDefaultAssignmentNamespace = "default";

// What one assignment is about. Assignments are indexed by this, never by their name alone (API-3): AzureIdentities of
// several namespaces may have one name.
struct AssignmentKey {
  std::string pod_namespace;
  std::string pod;
  std::string identity;  // name of the AzureIdentity
  std::string identity_namespace = {};
  auto operator<=>(const AssignmentKey&) const = default;
};
AssignmentKey key_of(const AzureAssignedIdentity& assigned);

// The order in which a pod's assignments are named and written: those of identities of its own namespace come first, so
// that no other takes a name from them.
struct OwnNamespaceFirst {
  bool operator()(const AssignmentKey& a, const AssignmentKey& b) const;
};

// "<pod>-<namespace>-<identity>", the name that aad-pod-identity gives; a name longer than 253 characters
// becomes the hashed one.
std::string assigned_identity_name(const AssignmentKey& key);
// A truncated prefix of that name, "-" and 10 hex digits of SHA-256 over its three parts: for a name that
// another assignment already has (API-3).
std::string hashed_assigned_identity_name(const AssignmentKey& key);
// All names that an assignment may have, in the order in which they are tried when it is made: the two above, and where
// they are another's a hash over the identity's namespace too.
std::vector<std::string> assigned_identity_names(const AssignmentKey& key);
bool is_assigned_identity_name(std::string_view name, const AssignmentKey& key);
// The same of an object's own name and parts, without allocating where the name is plain: it runs for every request.
bool is_validly_named(const AzureAssignedIdentity& assigned);

// Why an object is none that the controller wrote, whatever it is about (SEC-11): "" where nothing speaks against it.
std::string_view malformation(const AzureAssignedIdentity& assigned);

// As the API server takes names and namespaces (DNS-1123), and no longer than it takes any.
bool is_object_name(std::string_view name);

// Value of the label `nodename`: the node's name, or for names over 63 characters a prefix with a hash
// (API-4). Writer and selector both use it.
std::string node_label_value(std::string_view node_name);
bool is_node_label_value(std::string_view value, std::string_view node_name);

// Namespace of the assignment of an identity (api.md §4.1).
std::string_view assignment_namespace(const AzureIdentity& identity [[clang::lifetimebound]], NamespacedMode mode);

}  // namespace podid::core
