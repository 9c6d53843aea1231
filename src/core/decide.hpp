// SPDX-License-Identifier: Apache-2.0
// The one decision: may this pod have a token, and of which identity. NMI (both modes) and `podid explain`
// call it. Pure and thread-safe; the texts of a refusal are in core/refusal_text.hpp.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/access/access_decision.hpp"
#include "core/access/binding_access.hpp"
#include "core/identity_policy.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"

namespace podid::core {

enum class OperationMode : std::uint8_t { standard, managed };

// What the client asked for; empty means not asked. An identity that fits any of them is acceptable (nmi.md
// §3.7); all compare without regard to case (NMI-5).
struct IdentityRequest {
  ClientIdView client_id;
  ResourceIdView resource_id;
  ObjectIdView object_id;
  bool specific() const { return !client_id.empty() || !resource_id.empty() || !object_id.empty(); }
};

// Why an assignment that looks as the controller writes it does not count.
enum class Doubt : std::uint8_t {
  unread,    // what it names has not been read from the API server yet
  identity,  // its copy of the identity is not what the AzureIdentity of that name says, or there is none (NMI-27)
  binding,   // the AzureIdentityBinding that it names does not give the pod the identity, or there is none (SEC-11)
};
struct DoubtedAssignment {
  const AzureAssignedIdentity* assigned = nullptr;
  Doubt doubt = Doubt::unread;
  bool operator==(const DoubtedAssignment&) const = default;
};

// What a limited binding says at DecisionInput::now (core/access).
struct AccessOfBinding {
  // Standard mode: the copy in the assignment, of which the live binding says this; else the binding itself.
  const AzureIdentityBinding* binding = nullptr;
  const BindingAccess* by = nullptr;  // that says so
  AccessState state = {};             // by->at(now)
};

// Everything borrowed: it must live until the decision is no longer used.
struct DecisionInput {
  OperationMode mode = OperationMode::standard;
  NamespacedMode namespaced = NamespacedMode::off;  // on in managed mode
  std::string_view pod_namespace;
  std::string_view pod_name;
  const Pod* pod = nullptr;    // null: the pod is not known on this node
  std::string_view node_name;  // this node; empty: assignments of any node are taken
  IdentityRequest request;
  std::chrono::system_clock::time_point now;
  const IdentityPermissions* permissions = nullptr;  // null: --identity-policy=off, everybody may use everything

  // Standard mode: the assignments whose spec.pod and spec.podNamespace are the pod's, in any order.
  std::span<const AzureAssignedIdentity* const> assigned;
  // Those of them that something speaks against (core/serving.hpp, doubt_of).
  std::span<const DoubtedAssignment> doubts;

  // Of the bindings in `assigned` and `bindings` that are limited (the live binding has spec.access, or is to have it and
  // does not): what they say now. The others may be used at any time; one of `bindings` that is limited and not listed here
  // may not.
  std::span<const AccessOfBinding> access;

  // Managed mode: bindings and identities of (at least) the pod's namespace. In standard mode the NMI does
  // not know all bindings; who has both (`podid explain`) sets bindings_known and gets checks that say more.
  bool bindings_known = false;
  std::span<const AzureIdentityBinding* const> bindings;
  std::span<const AzureIdentity* const> identities;
};

enum class RefusalReason : std::uint8_t {
  none,                  // granted
  pod_unknown,           // managed mode needs the pod and its label
  no_binding_label,      // label absent or empty
  no_matching_binding,   // no binding (of the pod's namespace, in managed mode) selects the label
  identity_missing,      // bindings select the pod, but the identities that they name do not exist or are
                         // unusable
  awaiting_creation,     // standard mode: no fitting assignment exists yet
  awaiting_assignment,   // standard mode: a fitting assignment is Created, not yet Assigned
  untrusted_assignment,  // standard mode: the only assignments fail the checks of NMI-27 and SEC-11
  policy_denied,   // a fitting identity exists, and the AzureIdentityPolicy does not let the pod's namespace, or its
                   // own, use it (SEC-10)
  namespace_rule,  // a fitting identity exists and may not be used from the pod's namespace
  not_requested,   // the pod has identities, none of them is the one asked for
  // A fitting identity exists, and spec.access of its binding does not let it be used now: as AccessReason's.
  access_invalid,
  not_yet,
  over,
  window_closed,
  calendar_unreadable,
  grant_missing,
  grant_pending,
  grant_policy_missing,
  // Not of decide(): the binding has tokenBeyondWindow: Deny, and Azure's token lives longer than it may be used.
  token_beyond_window,
};
inline constexpr std::size_t kRefusalReasons = 20;
// Of a state that is not open.
RefusalReason refusal_of(AccessReason reason);
// Whether spec.access of a binding is what refuses: Decision::binding and Decision::access say more.
constexpr bool is_about_access(RefusalReason reason) { return reason >= RefusalReason::access_invalid; }
// The reason as a metric label and an audit value: "no_binding_label"; those about access are named as AccessReason's.
std::string_view to_string(RefusalReason reason);

// Whether waiting for changes in the cluster may turn a refusal into a grant (NMI-28).
enum class Healing : std::uint8_t {
  none,   // only a person can change it: answer at once
  quiet,  // refuse when kQuietPeriod passes without a change of the pod's assignments
  waits,  // the controller is at work or may start: the request waits up to the configured limit
};
inline constexpr std::chrono::seconds kQuietPeriod{2};

struct Decision {
  // Granted: the identity, its binding (null where an old assignment carries no copy) and, in standard mode,
  // the assignment that both are copies in. They point into the input.
  const AzureIdentity* identity = nullptr;
  const AzureIdentityBinding* binding = nullptr;
  const AzureAssignedIdentity* assigned = nullptr;

  // Granted by a limited binding, or refused because of one, which `binding` is then: what it says now. Of several that
  // refuse it is the one that opens first.
  std::optional<AccessState> access;

  // Of policy_denied and of what is about access: an identity that would have done; null where the namespace may use none.
  // Points into the input.
  const AzureIdentity* denied = nullptr;
  const AzureIdentityBinding* denied_by = nullptr;  // of policy_denied: the binding that gives it

  RefusalReason reason = RefusalReason::none;
  Healing healing = Healing::none;
  // Of untrusted_assignment: what else than the assignment itself speaks against it.
  std::optional<Doubt> doubt;
  // Of aad-pod-identity's wait loop: a fitting assignment was at least Created. Chooses between its two
  // texts.
  bool created_seen = false;
  // Granted by an assignment without a status, as releases before 1.5 wrote them: worth a warning.
  bool legacy_assignment = false;
  // How many identities would have done; above 1 the choice was by order (NMI-6).
  std::uint32_t candidates = 0;

  bool granted() const { return identity != nullptr; }
};

enum class CheckId : std::uint8_t {
  // Of core/serving, before the decision:
  pod_node,
  pod_phase,
  pod_network,
  exception,
  controller,
  // Of decide():
  pod_known,
  binding_label,
  binding_selects,
  identity_exists,
  assignment_exists,
  assignment_trusted,
  namespace_rule,
  identity_policy,
  identity_requested,
  access,
  assignment_status,
  choice,
};
std::string_view to_string(CheckId id);  // "binding_label"

enum class CheckOutcome : std::uint8_t { passed, failed, skipped };
std::string_view to_string(CheckOutcome outcome);  // "passed"

// One step of the decision, about one object.
struct Check {
  CheckId id;
  std::string object;  // "pod shop/web-0", "azureidentitybinding shop/reader"
  CheckOutcome outcome;
  std::string text;    // what was found
  std::string remedy;  // what to change; empty unless failed
};
using CheckList = std::vector<Check>;

// What `input` says of a limited binding; null: nothing.
const AccessOfBinding* find_access(const DecisionInput& input, const AzureIdentityBinding& binding);

// What the policy, which there is, says of an identity that the pod has by that binding.
PolicyVerdict judge_by_policy(const DecisionInput& input, const AzureIdentity& identity,
                              const AzureIdentityBinding& binding);

// `checks`: null, or where the checks are recorded in their order. With null a decision allocates nothing.
Decision decide(const DecisionInput& input, CheckList* checks);

}  // namespace podid::core
