// SPDX-License-Identifier: Apache-2.0
// Just-in-time access: which AzureIdentityGrants count, from when and until when. MIC, NMI and `podid` ask it. It believes
// specs, UIDs and creation times, which nobody can forge while the admission policies are in place, and nothing else
// (docs/design/access.md §3). Pure; const members are thread-safe.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/access/access_decision.hpp"
#include "core/access/grant_policies.hpp"
#include "core/model/access.hpp"
#include "core/model/object_meta.hpp"

namespace podid::core {

// One grant of a binding, whatever the pod. Views: in the keeping of the grant and its approvals.
struct GrantState {
  enum class Verdict : std::uint8_t {  // the more helpful to hear of, the later
    invalid,                           // its spec cannot be understood
    other_pods,                        // its podSelector does not select the pod
    over,                              // it has ended
    deleted,                           // or being deleted
    revoked,
    policies_missing,  // GrantPolicies::problem
    before_policies,   // made before the policies surely acted
    before_binding,    // asked for an earlier binding of the name
    not_a_person,      // a component of the cluster asks, and the binding wants approvals
    too_long,          // longer than the binding allows now
    lacks_approvals,
    counts,
  };
  Verdict verdict = Verdict::invalid;
  // Of one that counts: from when (inclusive) until when (exclusive) it opens.
  Instant from{};
  Instant to{};
  std::vector<std::string_view> approved_by;  // those that count, in their order; at most as many as are needed
};

// `approvals`: of this grant (by spec.grantUID); others are left out.
GrantState judge_grant(const AzureIdentityGrant& grant, std::span<const AzureIdentityGrantApproval* const> approvals,
                       const GrantTerms& terms, const GrantPolicies& policies);

// Why a grant that does not open does not, without a full stop: "grant inc-4711 has 1 of 2 approvals".
std::string grant_text(const AzureIdentityGrant& grant, const GrantState& state, const GrantTerms& terms,
                       const GrantPolicies& policies);

// What the grants of one binding say for one pod, at any time from its making on. Immutable; a new one is made when a grant,
// an approval, the binding, the pod's labels or the policies change.
class GrantSchedule {
 public:
  // Of the times in which grants open it so many are kept, the last ones: each pod has its own schedule, and who may ask could
  // fill the memory of a node by thousands of short grants. Whoever plans more than that is refused until these are over.
  static constexpr std::size_t kMostPieces = 256;

  // Nothing opens.
  GrantSchedule() = default;

  // open, with `until` when no grant opens it any more and the name of the one that opens it now; or grant_missing,
  // grant_pending or grant_policy_missing, with `until` when it opens by itself. Allocates nothing; logarithmic in the number
  // of grants. The name is in the schedule's keeping.
  AccessState at(Instant now) const;

  // Why it is not open at that time: the most helpful of what there is to say, without a full stop.
  std::string text(Instant now) const;

 private:
  friend class GrantBook;
  struct Piece {
    Instant from;
    Instant to;
    Instant closes;  // the end of the pieces that follow each other without a gap
    std::string grant;
  };
  static std::vector<Piece> in_turn(std::vector<Piece> grants);
  // The first piece that has not ended; null: none.
  const Piece* piece_at(Instant now) const;

  std::vector<Piece> pieces_;  // disjoint, by time
  AccessReason otherwise_ = AccessReason::grant_missing;
  std::string why_;
};

// What both say: spec.access without its grant (AccessTerms), and the grants that it needs. Closed by both: the reason of the
// former, and `until` the later time, where both open by themselves. Closed: not open before `until`; then it is to be asked again, since
// what is open now may have closed by then.
AccessState with_grants(const AccessState& terms, const AccessState& grants);

// The grants and approvals that are known, of any number of namespaces. Not thread-safe but for const members.
class GrantBook {
 public:
  // False: that is what was known.
  bool put(AzureIdentityGrant grant);
  bool put(AzureIdentityGrantApproval approval);
  bool erase_grant(const ObjectKey& key);
  bool erase_approval(const ObjectKey& key);
  bool set_policies(GrantPolicies policies);

  const GrantPolicies& policies() const { return policies_; }
  const std::map<ObjectKey, AzureIdentityGrant>& grants() const { return grants_; }
  std::vector<const AzureIdentityGrantApproval*> approvals_of(const AzureIdentityGrant& grant) const;

  // Of a binding whose access has `terms`, for a pod with these labels. What has ended by `now` opens nothing any more and is
  // only told of.
  GrantSchedule schedule(const ObjectKey& binding, const GrantTerms& terms, const StringMap& pod_labels,
                         Instant now) const;

 private:
  std::map<ObjectKey, AzureIdentityGrant> grants_;
  std::map<ObjectKey, std::map<std::string, const AzureIdentityGrant*>> by_binding_;  // by the binding's key, then name
  std::map<ObjectKey, AzureIdentityGrantApproval> approvals_;
  std::multimap<std::string, const AzureIdentityGrantApproval*, std::less<>> by_grant_;  // by grantUID
  GrantPolicies policies_;
};

}  // namespace podid::core
