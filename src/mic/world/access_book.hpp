// SPDX-License-Identifier: Apache-2.0
// Which bindings with spec.access have their identities on the machines now, and when that changes. Pure: time is told.
#pragma once
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/access/access_decision.hpp"
#include "core/model/object_meta.hpp"
#include "mic/world/access_schedule.hpp"

namespace podid::mic {

// What spec.access of the bindings says, with what else it depends on.
class AccessSource {
 public:
  virtual ~AccessSource() = default;
  virtual core::AccessState state_at(const core::ObjectKey& binding, core::Instant at) const = 0;
  // What there is to say of such a state: sentences.
  virtual std::string text_of(const core::ObjectKey& binding, const core::AccessState& state) const = 0;
  // As core::AccessTerms::problem().
  virtual std::string problem_of(const core::ObjectKey& binding) const = 0;
  // By the clock of the binding's windows.
  virtual AccessSpan day_of(const core::ObjectKey& binding, core::Instant at) const = 0;
};

// Pods of many machines do not get, or lose, their identity at once: each node has its own delay, up to half of the lead
// time.
base::Duration delay_of(std::string_view node, const AccessTiming& timing);

// Of one binding.
struct AccessNews {
  core::ObjectKey binding;
  // Of pods on nodes with a delay in (`after`, `until`] the assignments may have to change. Both zero: of none.
  base::Duration after{0};
  base::Duration until{0};
};

// A binding's spec.access at the moment, for people.
struct AccessMoment {
  core::AccessReason reason = core::AccessReason::open;
  std::optional<core::Instant> until;  // as of core::AccessState
  std::string text;                    // sentences
  std::string problem;                 // why it cannot be judged by, whatever the time; a sentence without a full stop
  bool short_access = false;           // attached for the whole day (AccessSchedule)
  bool operator==(const AccessMoment&) const = default;
};

// Not thread-safe. `source` outlives it.
class AccessBook {
 public:
  AccessBook(AccessTiming timing, const AccessSource& source) : timing_(timing), source_(source) {}

  // It is new, or what the source says of it has changed.
  void put(const core::ObjectKey& binding);
  void erase(const core::ObjectKey& binding);
  // It is `now`. What has changed by that since the last call; also where the clock was set back.
  std::vector<AccessNews> advance(core::Instant now);
  // When there is something to advance for. Nothing: no binding has spec.access, or all is said for ever.
  std::optional<core::Instant> next() const;

  // As core::AssignmentAccess::closed, for a pod on that node. "" for a binding that was not put.
  std::string closed_for(const core::ObjectKey& binding, std::string_view node) const;
  // Null for a binding that was not put.
  const AccessMoment* moment(const core::ObjectKey& binding) const;
  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }

 private:
  struct Entry {
    AccessSchedule schedule;
    AccessMoment moment;
    core::Instant looked_at = core::Instant::min();
    core::Instant due = core::Instant::max();
  };
  using Entries = std::map<core::ObjectKey, Entry>;

  void look(Entries::value_type& item, bool anew);
  void set_due(Entries::value_type& item, core::Instant due);
  core::Instant next_look(const Entry& entry) const;
  // Of changes of the schedule in between, with the nodes' delays.
  AccessNews news_of(const Entries::value_type& item, core::Instant now) const;

  const AccessTiming timing_;
  const AccessSource& source_;
  core::Instant now_ = core::Instant::min();
  Entries entries_;
  std::set<std::pair<core::Instant, core::ObjectKey>> due_;
};

}  // namespace podid::mic
