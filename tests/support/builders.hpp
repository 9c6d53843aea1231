// SPDX-License-Identifier: Apache-2.0
// Domain objects for tests, valid unless the test changes them.
#pragma once
#include <string>

#include "core/model/naming.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"

namespace podid::test {

inline std::string identity_resource_id(const std::string& name) {
  return "/subscriptions/s1/resourcegroups/g1/providers/Microsoft.ManagedIdentity/userAssignedIdentities/" + name;
}

inline core::Pod make_pod(const std::string& ns, const std::string& name, const std::string& label = "reader",
                          const std::string& node = "node-a") {
  core::Pod pod;
  pod.ns = ns;
  pod.name = name;
  pod.uid = "uid-" + ns + "-" + name;
  pod.node_name = node;
  pod.phase = "Running";
  if (!label.empty()) pod.labels.emplace(core::kBindingLabel, label);
  return pod;
}

inline core::AzureIdentity make_identity(const std::string& ns, const std::string& name) {
  core::AzureIdentity identity;
  identity.meta.ns = ns;
  identity.meta.name = name;
  identity.meta.uid = "uid-" + name;
  identity.meta.resource_version = "1";
  identity.resource_id = core::ResourceId(identity_resource_id(name));
  identity.client_id = core::ClientId("client-" + name);
  return identity;
}

inline core::AzureIdentityBinding make_binding(const std::string& ns, const std::string& name,
                                               const std::string& identity, const std::string& selector = "reader") {
  core::AzureIdentityBinding binding;
  binding.meta.ns = ns;
  binding.meta.name = name;
  binding.meta.resource_version = "1";
  binding.azure_identity = identity;
  binding.selector = selector;
  return binding;
}

// As the controller writes it.
inline core::AzureAssignedIdentity make_assigned(const core::Pod& pod, const core::AzureIdentity& identity,
                                                 const core::AzureIdentityBinding& binding,
                                                 std::string_view status = core::kAssigned) {
  core::AzureAssignedIdentity assigned;
  assigned.meta.name = core::assigned_identity_name({pod.ns, pod.name, identity.meta.name});
  assigned.meta.ns = core::assignment_namespace(identity, core::NamespacedMode::off);
  assigned.meta.labels.emplace(core::kNodeNameLabel, core::node_label_value(pod.node_name));
  assigned.meta.annotations.emplace(core::kPodUidAnnotation, pod.uid);
  assigned.meta.finalizers.emplace_back(core::kAssignedIdentityFinalizer);
  assigned.identity = identity;
  assigned.binding = binding;
  assigned.pod = pod.name;
  assigned.pod_namespace = pod.ns;
  assigned.node_name = pod.node_name;
  assigned.status = status;
  assigned.available_replicas = 1;
  return assigned;
}

}  // namespace podid::test
