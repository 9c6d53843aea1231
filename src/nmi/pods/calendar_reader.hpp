// SPDX-License-Identifier: Apache-2.0
// Managed mode: the ConfigMaps that windows name for their holidays. Each is read by its name, again and again, so that no
// right is needed but `get` on it (Role podid-calendar-reader, in its own namespace).
#pragma once
#include <functional>
#include <map>
#include <set>
#include <string>

#include "base/async.hpp"
#include "base/event.hpp"
#include "base/task_group.hpp"
#include "core/access/calendar.hpp"
#include "core/model/object_meta.hpp"
#include "kube/client.hpp"

namespace podid::nmi {

// So long after a change of a ConfigMap it counts, at the latest.
inline constexpr std::chrono::seconds kCalendarInterval{30};

// The client's executor, the control thread. The client outlives it; await stop() before the destructor.
class CalendarReader {
 public:
  // `told`: all that is known of a namespace's calendars, after each look at them.
  using Told = std::function<void(const std::string& ns, core::Calendars calendars)>;
  CalendarReader(kube::Client& client, Told told);

  // Replaces what the binding wants, of its namespace.
  void set_wanted(const core::ObjectKey& binding, std::set<core::HolidayList> lists);
  base::Task<> stop();

 private:
  base::Task<> look();
  base::Task<> look_again();
  base::Task<core::Calendars> read(std::string ns, std::set<core::HolidayList> lists);

  kube::Client& client_;
  const Told told_;
  std::map<core::ObjectKey, std::set<core::HolidayList>> wanted_;  // by binding
  base::Event news_;
  std::uint64_t changes_ = 0;
  bool running_ = false;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

// The lists that the windows name.
std::set<core::HolidayList> holiday_lists_of(const core::Access& access);

}  // namespace podid::nmi
