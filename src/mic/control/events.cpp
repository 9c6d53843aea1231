// SPDX-License-Identifier: Apache-2.0
#include "mic/control/events.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace podid::mic {
namespace {

using Assigned = core::AzureAssignedIdentity;

constexpr std::string_view kDeniedByPolicy = "identity denied";

kube::EventKey on_binding(const Assigned& assigned, kube::EventType type, std::string_view reason,
                          std::string message) {
  const core::ObjectMeta& meta = assigned.binding.meta;
  return {.regarding = kube::kAzureIdentityBindings.reference({.ns = meta.ns, .name = meta.name}, meta.uid),
          .type = type,
          .reason = std::string(reason),
          .message = std::move(message),
          .related = {},
          .action = {}};
}

kube::EventKey on_binding(const core::AssignmentWarning& warning, std::string_view reason) {
  return {.regarding = kube::kAzureIdentityBindings.reference({.ns = warning.object.ns, .name = warning.object.name},
                                                              warning.uid),
          .type = kube::EventType::warning,
          .reason = std::string(reason),
          .message = warning.text,
          .related = {},
          .action = {}};
}

kube::EventKey status_failed(const Assigned& assigned, std::string_view status, std::string_view pod,
                             const base::Error& error) {
  const core::ObjectMeta& meta = assigned.meta;
  return {.regarding = kube::kAzureAssignedIdentities.reference({.ns = meta.ns, .name = meta.name}, meta.uid),
          .type = kube::EventType::warning,
          .reason = "status update error",
          .message = fmt::format("failed to update AzureAssignedIdentity {}/{} status to {} for pod {}, error: {}",
                                 meta.ns, meta.name, status, pod, error.message),
          .related = {},
          .action = {}};
}

}  // namespace

kube::EventKey left_out(const core::AssignmentWarning& warning) {
  using Kind = core::AssignmentWarning::Kind;
  std::string_view reason = "invalid object";
  if (warning.kind == Kind::too_many_for_pod) reason = "too many identities";
  if (warning.kind == Kind::identity_denied) reason = kDeniedByPolicy;
  return {.regarding =
              kube::kAzureIdentities.reference({.ns = warning.object.ns, .name = warning.object.name}, warning.uid),
          .type = kube::EventType::warning,
          .reason = std::string(reason),
          .message = warning.text,
          .related = {},
          .action = {}};
}

kube::EventKey create_failed(const Assigned& a, const base::Error& error) {
  return on_binding(a, kube::EventType::warning, "binding apply error",
                    fmt::format("failed to create AzureAssignedIdentity {}/{} for pod {}/{}, error: {}", a.meta.name,
                                a.meta.ns, a.pod_namespace, a.pod, error.message));
}

kube::EventKey replace_failed(const Assigned& a, const base::Error& error) {
  return on_binding(a, kube::EventType::warning, "binding apply error",
                    fmt::format("failed to update AzureAssignedIdentity {}/{} for pod {}/{}, error: {}", a.meta.ns,
                                a.meta.name, a.pod, a.pod_namespace, error.message));
}

kube::EventKey apply_failed(const Assigned& a, std::string_view error) {
  return on_binding(a, kube::EventType::warning, "binding apply error",
                    fmt::format("failed to apply binding {}/{} node {} for pod {}/{}, error: {}", a.binding.meta.ns,
                                a.binding.meta.name, a.node_name, a.pod_namespace, a.pod, error));
}

kube::EventKey on_identity(const Assigned& a, std::string_view reason, const std::string& text) {
  const core::ObjectMeta& meta = a.identity.meta;
  kube::EventKey event = on_binding(a, kube::EventType::warning, reason, text);
  event.regarding = kube::kAzureIdentities.reference({.ns = meta.ns, .name = meta.name}, meta.uid);
  return event;
}

std::array<kube::EventKey, 2> on_identity_and_binding(const Assigned& a, std::string_view reason,
                                                      const std::string& text) {
  return {on_identity(a, reason, text), on_binding(a, kube::EventType::warning, reason, text)};
}

kube::EventKey applied(const Assigned& a, LastChange last) {
  return on_binding(
      a, kube::EventType::normal, "binding applied",
      fmt::format("{} {} applied on node {} for pod {}", last == LastChange::failed ? "binding" : "Binding",
                  a.binding.meta.name, a.node_name, a.meta.name));
}

kube::EventKey assign_failed(const Assigned& a, LastChange last, const base::Error& error) {
  const std::string pod = last == LastChange::failed ? fmt::format("{}/{}", a.pod_namespace, a.pod) : a.pod;
  return status_failed(a, core::kAssigned, pod, error);
}

kube::EventKey unassign_failed(const Assigned& a, const base::Error& error) {
  return status_failed(a, core::kUnassigned, fmt::format("{}/{}", a.pod_namespace, a.pod), error);
}

kube::EventKey removed_from_node(const Assigned& a) {
  return on_binding(a, kube::EventType::normal, "binding removed",
                    fmt::format("Binding {} removed from node {} for pod {}", a.binding.meta.name, a.node_name, a.pod));
}

kube::EventKey remove_from_node_failed(const Assigned& a, const base::Error& error) {
  return on_binding(
      a, kube::EventType::warning, "binding remove error",
      fmt::format("failed to remove AzureIdentityBinding {}/{} from node {} for pod {}/{}, error: {}",
                  a.binding.meta.ns, a.binding.meta.name, a.node_name, a.pod_namespace, a.pod, error.message));
}

kube::EventKey binding_shadowed(const core::AssignmentWarning& warning) {
  return on_binding(warning, "binding shadowed");
}

kube::EventKey binding_denied(const core::AssignmentWarning& warning) { return on_binding(warning, kDeniedByPolicy); }

}  // namespace podid::mic
