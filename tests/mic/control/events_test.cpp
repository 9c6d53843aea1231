// SPDX-License-Identifier: Apache-2.0
// Word for word (mic.md §8): the order of names and namespaces is as irregular as there.
#include "mic/control/events.hpp"

#include <gtest/gtest.h>

namespace podid::mic {
namespace {

core::AzureAssignedIdentity assigned() {
  core::AzureAssignedIdentity object;
  object.meta.name = "pod-ns-id";
  object.meta.ns = "default";
  object.meta.uid = "uid-a";
  object.binding.meta.name = "bind";
  object.binding.meta.ns = "bns";
  object.binding.meta.uid = "uid-b";
  object.pod = "pod";
  object.pod_namespace = "ns";
  object.node_name = "node";
  return object;
}

base::Error error() {
  base::Error error;
  error.message = "E";
  return error;
}

TEST(Events, AreOnTheBindingOrOnTheAssignment) {
  const kube::EventKey on_binding = applied(assigned(), LastChange::went_well);
  EXPECT_EQ(on_binding.regarding.api_version, "aadpodidentity.k8s.io/v1");
  EXPECT_EQ(on_binding.regarding.kind, "AzureIdentityBinding");
  EXPECT_EQ(on_binding.regarding.key.to_string(), "bns/bind");
  EXPECT_EQ(on_binding.regarding.uid, "uid-b");
  const kube::EventKey on_assignment = assign_failed(assigned(), LastChange::went_well, error());
  EXPECT_EQ(on_assignment.regarding.kind, "AzureAssignedIdentity");
  EXPECT_EQ(on_assignment.regarding.uid, "uid-a");
}

TEST(Events, SayWhatAadPodIdentitySays) {
  const auto text = [](const kube::EventKey& event) {
    return (event.type == kube::EventType::warning ? "Warning/" : "Normal/") + event.reason + ": " + event.message;
  };
  EXPECT_EQ(
      text(create_failed(assigned(), error())),
      "Warning/binding apply error: failed to create AzureAssignedIdentity pod-ns-id/default for pod ns/pod, error: E");
  EXPECT_EQ(
      text(replace_failed(assigned(), error())),
      "Warning/binding apply error: failed to update AzureAssignedIdentity default/pod-ns-id for pod pod/ns, error: E");
  EXPECT_EQ(text(apply_failed(assigned(), "E")),
            "Warning/binding apply error: failed to apply binding bns/bind node node for pod ns/pod, error: E");
  EXPECT_EQ(text(applied(assigned(), LastChange::went_well)),
            "Normal/binding applied: Binding bind applied on node node for pod pod-ns-id");
  EXPECT_EQ(text(applied(assigned(), LastChange::failed)),
            "Normal/binding applied: binding bind applied on node node for pod pod-ns-id");
  EXPECT_EQ(text(assign_failed(assigned(), LastChange::went_well, error())),
            "Warning/status update error: failed to update AzureAssignedIdentity default/pod-ns-id status to Assigned "
            "for pod "
            "pod, error: E");
  EXPECT_EQ(text(assign_failed(assigned(), LastChange::failed, error())),
            "Warning/status update error: failed to update AzureAssignedIdentity default/pod-ns-id status to Assigned "
            "for pod "
            "ns/pod, error: E");
  EXPECT_EQ(
      text(unassign_failed(assigned(), error())),
      "Warning/status update error: failed to update AzureAssignedIdentity default/pod-ns-id status to Unassigned for "
      "pod ns/pod, error: E");
  EXPECT_EQ(text(removed_from_node(assigned())),
            "Normal/binding removed: Binding bind removed from node node for pod pod");
  EXPECT_EQ(
      text(remove_from_node_failed(assigned(), error())),
      "Warning/binding remove error: failed to remove AzureIdentityBinding bns/bind from node node for pod ns/pod, "
      "error: E");
}

TEST(Events, AShadowedBindingHearsOfIt) {
  const kube::EventKey event = binding_shadowed(
      {core::AssignmentWarning::Kind::binding_shadowed, {.ns = "other", .name = "bind"}, "uid-1", "it comes second"});
  EXPECT_EQ(event.type, kube::EventType::warning);
  EXPECT_EQ(event.reason, "binding shadowed");
  EXPECT_EQ(event.message, "it comes second");
  EXPECT_EQ(event.regarding.kind, "AzureIdentityBinding");
  EXPECT_EQ(event.regarding.key.to_string(), "other/bind");
  EXPECT_EQ(event.regarding.uid, "uid-1");
}

}  // namespace
}  // namespace podid::mic
