// SPDX-License-Identifier: Apache-2.0
// Resource types as values: what a URL and an object's apiVersion and kind are made of.
#pragma once
#include <string>
#include <string_view>

#include "kube/object_key.hpp"

namespace podid::kube {

// The views refer to static text, or to text that outlives every use of the value.
struct ResourceType {
  std::string_view group;  // empty: the core group
  std::string_view version;
  std::string_view plural;
  std::string_view kind;
  bool namespaced = true;

  // "v1", "coordination.k8s.io/v1".
  std::string api_version() const;
  // Path of the collection; an empty namespace means all namespaces (list and watch) or a cluster-scoped type.
  std::string collection_path(std::string_view ns) const;
  // Path of one object or, with a subresource, of that. Names are percent-encoded.
  std::string object_path(const ObjectKey& key, std::string_view subresource = {}) const;
  // A reference to the object of this type with that name.
  ObjectRef reference(ObjectKey key, std::string uid) const;
};

inline constexpr ResourceType kPods{"", "v1", "pods", "Pod"};
inline constexpr ResourceType kNodes{"", "v1", "nodes", "Node", false};
inline constexpr ResourceType kNamespaces{"", "v1", "namespaces", "Namespace", false};
inline constexpr ResourceType kSecrets{"", "v1", "secrets", "Secret"};
inline constexpr ResourceType kConfigMaps{"", "v1", "configmaps", "ConfigMap"};
inline constexpr ResourceType kServiceAccounts{"", "v1", "serviceaccounts", "ServiceAccount"};
inline constexpr ResourceType kEvents{"", "v1", "events", "Event"};
inline constexpr ResourceType kSeriesEvents{"events.k8s.io", "v1", "events", "Event"};  // the same objects
inline constexpr ResourceType kEndpoints{"", "v1", "endpoints", "Endpoints"};
inline constexpr ResourceType kLeases{"coordination.k8s.io", "v1", "leases", "Lease"};
inline constexpr ResourceType kCustomResourceDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                                         "CustomResourceDefinition", false};
inline constexpr ResourceType kValidatingAdmissionPolicies{
    "admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false};
inline constexpr ResourceType kValidatingAdmissionPolicyBindings{"admissionregistration.k8s.io", "v1",
                                                                 "validatingadmissionpolicybindings",
                                                                 "ValidatingAdmissionPolicyBinding", false};

inline constexpr std::string_view kPodIdentityGroup = "aadpodidentity.k8s.io";
inline constexpr ResourceType kAzureIdentities{kPodIdentityGroup, "v1", "azureidentities", "AzureIdentity"};
inline constexpr ResourceType kAzureIdentityBindings{kPodIdentityGroup, "v1", "azureidentitybindings",
                                                     "AzureIdentityBinding"};
inline constexpr ResourceType kAzureAssignedIdentities{kPodIdentityGroup, "v1", "azureassignedidentities",
                                                       "AzureAssignedIdentity"};
inline constexpr ResourceType kAzurePodIdentityExceptions{kPodIdentityGroup, "v1", "azurepodidentityexceptions",
                                                          "AzurePodIdentityException"};
inline constexpr ResourceType kAzureIdentityPolicies{kPodIdentityGroup, "v1", "azureidentitypolicies",
                                                     "AzureIdentityPolicy", false};
inline constexpr ResourceType kAzureIdentityGrants{kPodIdentityGroup, "v1", "azureidentitygrants",
                                                   "AzureIdentityGrant"};
inline constexpr ResourceType kAzureIdentityGrantApprovals{kPodIdentityGroup, "v1", "azureidentitygrantapprovals",
                                                           "AzureIdentityGrantApproval"};

}  // namespace podid::kube
