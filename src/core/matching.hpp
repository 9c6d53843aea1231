// SPDX-License-Identifier: Apache-2.0
// Which rules apply to a pod. Pure and thread-safe.
#pragma once
#include <span>
#include <string_view>

#include "core/model/pod.hpp"
#include "core/model/resources.hpp"

namespace podid::core {

// The binding's selector equals the pod's label. An empty selector or label selects nothing (NMI-18).
// Namespaces are not looked at.
bool selects(const AzureIdentityBinding& binding, const Pod& pod);

// The namespace rule (mic.md §4.2 item 6, nmi.md §8.2): a namespaced process, or an identity annotated as
// namespaced, needs everything in one namespace.
bool namespaces_allow(const AzureIdentity& identity, std::string_view binding_namespace, std::string_view pod_namespace,
                      NamespacedMode mode);

// Whether a copy of an identity gives the tokens, and to the pods, that the identity does: type, IDs, tenants, endpoint,
// Secret and the namespaced annotation (NMI-27).
bool gives_the_same(const AzureIdentity& copy, const AzureIdentity& identity);

// One label of one exception in the pod's own namespace is enough; values compare without regard to case
// (api.md §5).
bool is_excepted(const Pod& pod, std::span<const AzurePodIdentityException> exceptions);
bool is_excepted(const Pod& pod, std::span<const AzurePodIdentityException* const> exceptions);

// Whether one is by a label that is not what exceptions for the controller name.
bool is_excepted_for_itself(const Pod& pod, std::span<const AzurePodIdentityException* const> exceptions);
// Has a pair that the exceptions shipped with aad-pod-identity name the controller by: any pod with that label passes.
bool names_controller(const AzurePodIdentityException& exception);

// The service accounts under which aad-pod-identity's manifests and charts run the controller.
std::span<const std::string> stock_controller_accounts();

// The controller's own pods get node tokens directly (nmi.md §5.3), in the safe form of NMI-2 and SEC-2: namespace, a
// ReplicaSet named "mic-…", and one of these service accounts (whoever may use that may do what the controller may). Labels
// and owners are what anybody writes who may create pods.
bool is_controller_pod(const Pod& pod, std::string_view mic_namespace, std::span<const std::string> service_accounts);

}  // namespace podid::core
