// SPDX-License-Identifier: Apache-2.0
// What to do for one pod now: core's steps, held back where Azure has to come first. Pure: reading the same state twice
// gives the same plan, and a plan that has been carried out gives an empty one.
#pragma once
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/immutable_identities.hpp"
#include "core/model/naming.hpp"
#include "core/model/resources.hpp"
#include "mic/plan/release.hpp"
#include "mic/world/claims.hpp"
#include "mic/world/node_directory.hpp"

namespace podid::mic {

// What is known about identities on VMs and scale sets. "Attached" and "absent" are both false while it is not known, or
// while a change of that very identity is under way.
class AzureView {
 public:
  virtual ~AzureView() = default;
  virtual bool attached(std::string_view target, std::string_view identity) const = 0;
  virtual bool absent(std::string_view target, std::string_view identity) const = 0;
  // Of an attached identity, as Azure tells it; empty: not known. Valid until something about the target changes.
  virtual std::string_view client_id(std::string_view target, std::string_view identity) const = 0;
  // Whether the last change of the target had an error.
  virtual bool last_change_failed(std::string_view target) const = 0;
};

// Of a target: whether it had an error.
enum class LastChange { went_well, failed };

enum class ActionKind {
  create,    // POST `wanted`
  replace,   // PUT `wanted` over `stored`
  assign,    // status Assigned; the annotation of pending detachments as in `wanted`
  withdraw,  // status Created again: what it gives has proved not to be the pod's to have, or may not be used now
  annotate,  // annotations alone
  retire,    // status Unassigned; the annotation says what has to come off later, when no pod claims it any more
  remove,    // delete `stored`; nothing is left on Azure that it alone answers for
};

// So many identities does one namespace get onto one VM or scale set; its further ones get no assignment (SEC-4).
inline constexpr std::size_t kMaxIdentitiesPerNamespace = 200;

struct Action {
  ActionKind kind;
  std::shared_ptr<const core::AzureAssignedIdentity> stored;  // null for create
  core::AzureAssignedIdentity wanted;                         // empty for remove
  bool node_gone = false;                                     // of a removal: the node is no more (mic.md §5.3)
  LastChange last_change = LastChange::went_well;             // of assign: of the VM or scale set
};

// The pod's plan goes on when the identity is attached to (is off) the target.
struct Wait {
  enum class For { attached, absent };
  For what;
  core::ComputeTarget target;
  std::string identity;  // lower case
  std::string ns = {};   // of the AzureIdentity; to be attached alone
};

// What a person should know of an assignment. But for the last kind it cannot be carried out, or not made, as things are.
struct Problem {
  enum class Kind {
    not_applied,
    client_id_mismatch,        // the AzureIdentity contradicts Azure
    cluster_identity_refused,  // the AzureIdentity names an identity of the cluster itself
    cluster_identity_given,
  };
  std::shared_ptr<const core::AzureAssignedIdentity> stored;  // or as it would be made
  std::string text;                                           // of the last three kinds a sentence
  Kind kind = Kind::not_applied;
};

// The identities that the cluster's own components run under.
struct ClusterIdentities {
  enum class Use { allowed, refused };
  core::ImmutableIdentities identities;
  Use use = Use::allowed;  // --allow-cluster-identity
};

struct PodPlan {
  std::vector<Action> actions;  // in this order
  std::vector<Wait> waits;
  std::vector<Problem> problems;
  // Targets on which the pod's assignments answer for something that only a pod without an assignment of its own claims.
  // When claims change there, the pod has to be planned again.
  std::set<std::string> awaits_claims_on;
};

struct PlanInputs {
  const NodeDirectory& nodes;
  const Claims& claims;
  const Claims& recorded;  // those of `claims` for which the claiming pod has an assignment (recorded_claims)
  const Claims& taken;     // recorded, or the assignment is being written
  const core::ImmutableIdentities& immutable;
  const ClusterIdentities& cluster;
  const AzureView& azure;
  // Whether an assignment with another key (core::AssignmentKey) has that name.
  std::function<bool(const core::ObjectKey&, const core::AssignmentKey&)> name_taken;
};

// `desired` and `stored` are all of one pod. The pod's claims are already those of `desired`.
PodPlan plan_pod(const PlanInputs& inputs, const std::vector<core::AzureAssignedIdentity>& desired,
                 const std::vector<std::shared_ptr<const core::AzureAssignedIdentity>>& stored);

// Whether the assignment is Assigned although plan_pod would not have it be so, by what is known of its target.
bool is_given_wrongly(const core::AzureAssignedIdentity& stored, const NodeDirectory& nodes,
                      const ClusterIdentities& cluster, const AzureView& azure);
// Whether the identity is in the set, by its resource ID, or by the client ID under which it is attached to the target.
bool is_one_of(const core::ImmutableIdentities& set, std::string_view target, const std::string& identity,
               const AzureView& azure);

// Assignments that are held claim nothing now; but their number is limited as if they did.
enum class Held { left_out, counted };

// What the pod wants on Azure: the type 0 assignments of `desired` whose node exists.
std::vector<Claim> claims_of(const NodeDirectory& nodes, const std::vector<core::AzureAssignedIdentity>& desired,
                             Held held);

// Those of claims_of(desired) that the assignment in question, as it is stored, answers for: it will remember them for as
// long as the pod claims them, and see to their end afterwards.
std::vector<Claim> recorded_claims(const NodeDirectory& nodes, const std::vector<core::AzureAssignedIdentity>& desired,
                                   const std::vector<std::shared_ptr<const core::AzureAssignedIdentity>>& stored,
                                   Held held);

}  // namespace podid::mic
