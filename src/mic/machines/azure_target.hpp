// SPDX-License-Identifier: Apache-2.0
// One VM or scale set: what is known of its identities, who waits for which change, and what to ask of Azure next. Pure:
// no I/O, time is an argument.
#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "azure/azure_resource.hpp"
#include "azure/compute_client.hpp"
#include "base/clock.hpp"
#include "core/model/azure_ids.hpp"
#include "mic/machines/refusals.hpp"

namespace podid::mic {

struct TargetTiming {
  base::Duration max_age;  // knowledge older than this is asked for again; also the period of the repair (mic.md §9)
  base::Duration first_retry;
  base::Duration last_retry;
  base::Duration first_bad_delay;  // of a single identity that Azure refused (MIC-16)
  base::Duration last_bad_delay;
};

// One request's worth of work.
struct Round {
  azure::IdentityChange change;
  bool repair = false;         // also asks for what is assigned already (mic.md §9)
  Wanted added;                // change.add, and who wants it
  Refusals::Share share = {};  // what of it are suspects; then there is nothing else in change.add
};

// Who looks whether what is assigned is still attached, where that is due.
enum class RepairBy { round, list };
// Whether anything is assigned.
enum class Repairs { wanted, unwanted };

// What a round has brought.
struct RoundOutcome {
  std::set<std::string> ready_pods;  // whose wait is over
  struct Refusal {
    std::string pod;
    std::string identity;
    base::Error reason;
    bool removal = false;  // it could not be taken off; else it could not be attached
  };
  std::vector<Refusal> refusals;
};

// Identities are in lower case. Not thread-safe.
class AzureTarget {
 public:
  AzureTarget(core::ComputeTarget target, TargetTiming timing);

  const azure::AzureResource& resource() const { return resource_; }
  const std::string& key() const { return key_; }

  // Replaced as a whole each time the pod is planned.
  // `ns`: of the AzureIdentity.
  void wait_attached(const std::string& identity, const std::string& pod, const std::string& ns);
  void wait_absent(const std::string& identity, const std::string& pod);
  void forget_pod(const std::string& pod);

  // As far as is known, and not too long ago.
  bool attached(std::string_view identity, base::SteadyTime now) const;
  // Of an attached identity, as Azure last told it; empty: Azure told none, or it is not known.
  std::string_view client_id(std::string_view identity) const;
  // Seen to be off at some time, and not attached by us since: how long ago does not matter. A list call is no proof: it
  // may be behind our own changes, and what is wrongly taken to be off stays on for ever.
  bool absent(std::string_view identity) const;
  bool last_change_failed() const { return last_change_failed_; }

  // `must_stay`: must not be taken off now. `assigned`: what assignments that are Assigned need; asked for when a repair is due.
  using MustStay = std::function<bool(const std::string& identity)>;
  using Assigned = std::function<Wanted()>;
  // The next round; begins it. Nothing: no work, or a round is under way, or the time for a retry has not come.
  std::optional<Round> begin_round(base::SteadyTime now, const MustStay& must_stay, const Assigned& assigned,
                                   RepairBy repair_by);
  // Ends it. `assigned`: what assignments that are Assigned need now; what Azure was seen to lack of it is attached again.
  // `spread` in [0, 1) moves the next repair, so that not all resources are asked at once.
  RoundOutcome end_round(const Round& round, const azure::UpdateResult& result, const Wanted& assigned,
                         base::SteadyTime now, double spread);

  bool repair_due(base::SteadyTime now) const { return !in_round_ && now >= repair_at_ && now >= retry_at_; }
  // The repair is due for the client IDs of what was just attached: a list may be behind that, so a round looks.
  bool needs_own_look() const { return client_ids_unread_; }
  // What a list call, sent at `asked_at`, says of this resource; it counts as the repair's look. Ignored when something
  // is being changed, or when what is known is newer, or so little older that the list may be behind it.
  void observed(const azure::IdentityState& state, const Wanted& assigned, base::SteadyTime asked_at,
                base::SteadyTime now, double spread);

  // Pods whose waits are over without any request, because of what is known or must_stay.
  std::set<std::string> ready_pods(base::SteadyTime now, const MustStay& must_stay) const;
  // When begin_round should be called again; nothing while a round is under way or there is nothing to do.
  std::optional<base::SteadyTime> next_time(base::SteadyTime now, Repairs repairs) const;

  bool in_round() const { return in_round_; }
  // Nobody waits for anything here, and what is known is too old to be of use: a pod that also waits elsewhere may ask
  // again.
  bool unused(base::SteadyTime now) const {
    return !in_round_ && attach_.empty() && detach_.empty() && lost_.empty() && !fresh(now);
  }
  std::size_t bad_identities() const { return refusals_.bad_identities() + stuck_.size(); }
  bool waiting_to_retry(base::SteadyTime now) const { return now < retry_at_; }
  void set_next_repair(base::SteadyTime when) { repair_at_ = when; }

 private:
  struct Stuck {
    base::SteadyTime until;
    base::Duration delay;
  };
  // identity → pods, with the namespaces of their AzureIdentities
  using Attaching = std::map<std::string, std::map<std::string, Namespaces>, std::less<>>;
  using Detaching = std::map<std::string, std::set<std::string>, std::less<>>;  // identity → pods
  struct Candidates {
    Wanted clean;
    Wanted suspect;
    std::set<std::string, std::less<>> remove;
    std::set<std::string, std::less<>> remove_again;  // what Azure did not take off before
    bool any_clean() const { return !clean.empty() || !remove.empty(); }
    bool any_suspect() const { return !suspect.empty() || !remove_again.empty(); }
  };

  bool fresh(base::SteadyTime now) const { return known_ && now - known_at_ <= timing_.max_age; }
  void learn(const azure::UpdateResult& result, base::SteadyTime now);
  void know(const azure::IdentityState& state, base::SteadyTime as_of, bool from_list);
  void plan_repair(base::SteadyTime now, double spread);
  // `just_added`: what Azure says it attached; were it not there all the same, it would be asked for without a pause.
  void note_lost(const Wanted& assigned, const Wanted& just_added);
  static Namespaces wanting(const Attaching::mapped_type& pods);
  Candidates candidates(base::SteadyTime now, const MustStay& must_stay, const Assigned& assigned, bool repair);
  Round round_of(Candidates candidates);
  void take_refusals(const Round& round, const azure::UpdateResult& result, base::SteadyTime now);
  void mark_stuck(const std::string& identity, base::SteadyTime now);
  void plan_retry(const azure::UpdateResult& result, bool only_refusals, base::SteadyTime now);
  void retry_early();

  // constant
  const azure::AzureResource resource_;
  const std::string key_;
  const TargetTiming timing_;
  // waits
  Attaching attach_;
  Detaching detach_;
  std::set<std::string> lost_;  // assigned, but seen to be off: to be attached again
  // knowledge
  std::optional<std::map<std::string, std::string, std::less<>>> known_;  // attached identities with their client IDs
  base::SteadyTime known_at_{};
  bool known_from_list_ = false;
  bool client_ids_unread_ = false;
  bool last_change_failed_ = false;
  Refusals refusals_;                                // could not be attached
  std::map<std::string, Stuck, std::less<>> stuck_;  // could not be taken off
  std::size_t requests_before_suspects_ = 0;
  // the round under way
  bool in_round_ = false;
  std::set<std::string, std::less<>> adding_;
  std::set<std::string, std::less<>> removing_;
  // timing
  base::SteadyTime retry_at_ = base::SteadyTime::min();
  base::Duration retry_delay_{0};
  // After a failure as a whole without a time that Azure asks for: what was waited for, and when another try may come if
  // any of it, perhaps the cause, is waited for no more.
  std::set<std::string, std::less<>> failed_for_;
  base::SteadyTime early_retry_at_{};
  base::SteadyTime repair_at_ = base::SteadyTime::min();
};

azure::AzureResource to_azure(const core::ComputeTarget& target);

}  // namespace podid::mic
