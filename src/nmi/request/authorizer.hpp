// SPDX-License-Identifier: Apache-2.0
// Who is it, and may it: the decision about a token request on the current snapshot. No I/O.
#pragma once
#include <chrono>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics/metrics.hpp"
#include "core/refusal_text.hpp"
#include "nmi/pods/snapshot_source.hpp"
#include "nmi/request/token_call.hpp"

namespace podid::nmi {

// A pod's first request may come before the API server's word of its address (nmi.md §5.1: five looks, 300 ms apart).
inline constexpr std::chrono::milliseconds kPodWait{1200};

// Requests wait so long for the end of a doubt about addresses (address_doubt.hpp): mostly it lasts milliseconds.
inline constexpr std::chrono::seconds kDoubtWait{5};

struct AuthorizerOptions {
  AnswerStyle style;
  core::OperationMode mode = core::OperationMode::standard;
  bool namespaced = false;
  std::string node_name;
  base::Duration max_wait = std::chrono::seconds(40);
  core::LegacyRetry retry;
  bool retry_limits = false;        // the retry flags replace max_wait
  bool looks = false;               // the snapshot gets what is bound to pods without an assignment, when asked to
  std::string controller_identity;  // what pods let through as the controller may have: core::controller_may_not_have()
};

// One thread's. The source outlives it.
class Authorizer {
 public:
  Authorizer(AuthorizerOptions options, const SnapshotSource& source, base::Clock& clock,
             base::MetricsRegistry& metrics);

  // To be asked again after each change while the verdict is `wait`. Fills in the second part of `call`.
  Verdict judge(TokenCall& call);

  // Whether a request of `peer`, which came at `start`, may be passed on to the real endpoint: those of pods of this node
  // may. Of the verdict only kind, answer, reason and until are set.
  Verdict judge_forward(const boost::asio::ip::address& peer, base::SteadyTime start);

  // While it is in doubt whose the caller's address is: until when that is worth waiting for.
  std::optional<base::SteadyTime> in_doubt_until(const TokenCall& call);
  // Of a granted call whose token lives longer than it may be used, where that is to be refused: call.decision says so then.
  Verdict refuse_beyond_window(TokenCall& call);
  // Whether the pod that the call was granted for now has a limited binding, whatever it had then.
  bool is_limited_now(const TokenCall& call);
  // Whether the pod that the call was granted for is still the one at its address. Nothing: it is.
  std::optional<Answer> changed_hands(const TokenCall& call);

 private:
  // Nothing: call.entry is the pod. Else the verdict.
  std::optional<Verdict> identify(TokenCall& call, base::SteadyTime now, base::WallTime wall_now);
  // Of a pod that is passed through to the node's identities.
  Verdict pass_through(core::Serving serving, const TokenQuery& asked) const;
  Verdict pods_not_known() const;
  Verdict objects_not_known(const core::Pod& pod) const;  // of its namespace, in managed mode
  Verdict grace_period_over(const PodEntry& entry) const;
  // A process of the node has named a pod that is not here.
  Verdict host_pod_unknown(const TokenCall& call) const;
  // An assignment is awaited that will not come: Azure contradicts the AzureIdentity.
  std::optional<Verdict> refuse_contradiction(const core::DecisionInput& input) const;
  // Of a pod that has no assignment: what its bindings say, as far as they are known.
  struct Bound {
    bool look = false;                                       // they are not, or not any more
    base::SteadyTime judge_again = base::SteadyTime::max();  // they will not be any more
  };
  Bound judge_bound(TokenCall& call, const core::DecisionInput& input, base::SteadyTime now) const;
  Verdict refuse(const core::DecisionInput& input, const TokenCall& call) const;
  core::DecisionInput input_of(const TokenCall& call, base::WallTime now) const;
  // Until when a change may still make a refusal a token; the beginning of the call: nothing is awaited.
  base::SteadyTime wait_limit(const TokenCall& call) const;

  const AuthorizerOptions options_;
  SnapshotSource::Reader snapshots_;
  base::Clock& clock_;
  std::vector<core::AccessOfBinding> access_;  // of judge()
  base::Family<base::Counter>& api_errors_;
};

}  // namespace podid::nmi
