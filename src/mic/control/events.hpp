// SPDX-License-Identifier: Apache-2.0
// The controller's events, word for word (mic.md §8, MIC-23). Pure.
#pragma once
#include <array>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "core/desired.hpp"
#include "core/model/resources.hpp"
#include "kube/event_recorder.hpp"
#include "mic/plan/pod_plan.hpp"

namespace podid::mic {

inline constexpr std::string_view kEventComponent = "aadpodidentity.k8s.io";

// On the AzureIdentity that is left out.
kube::EventKey left_out(const core::AssignmentWarning& warning);
kube::EventKey create_failed(const core::AzureAssignedIdentity& assigned, const base::Error& error);
kube::EventKey replace_failed(const core::AzureAssignedIdentity& assigned, const base::Error& error);
kube::EventKey apply_failed(const core::AzureAssignedIdentity& assigned, std::string_view error);
// Reasons; the first is the NMI's, too.
inline constexpr std::string_view kClientIdMismatch = "ClientIDMismatch";
inline constexpr std::string_view kClusterIdentity = "ClusterIdentity";
// A warning on the AzureIdentity, or on that and the binding: the same whatever pod it is about.
kube::EventKey on_identity(const core::AzureAssignedIdentity& assigned, std::string_view reason,
                           const std::string& text);
std::array<kube::EventKey, 2> on_identity_and_binding(const core::AzureAssignedIdentity& assigned,
                                                      std::string_view reason, const std::string& text);
// LastChange::failed: the last change of the VM or scale set failed in part, but this identity is attached. The wording differs.
kube::EventKey applied(const core::AzureAssignedIdentity& assigned, LastChange last);
kube::EventKey assign_failed(const core::AzureAssignedIdentity& assigned, LastChange last, const base::Error& error);
kube::EventKey unassign_failed(const core::AzureAssignedIdentity& assigned, const base::Error& error);
// Of an assignment whose node has gone.
kube::EventKey removed_from_node(const core::AzureAssignedIdentity& assigned);
kube::EventKey remove_from_node_failed(const core::AzureAssignedIdentity& assigned, const base::Error& error);
// Of a binding in another namespace than the pods that it selects, which have bindings of their own.
kube::EventKey binding_shadowed(const core::AssignmentWarning& warning);
// Of a binding whose identity the AzureIdentityPolicy does not let be used.
kube::EventKey binding_denied(const core::AssignmentWarning& warning);

}  // namespace podid::mic
