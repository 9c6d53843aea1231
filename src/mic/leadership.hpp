// SPDX-License-Identifier: Apache-2.0
// What exists only while this process leads: the caches and the controller that they feed.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/alarm.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/log_budget.hpp"
#include "core/identity_policy.hpp"
#include "core/model/node.hpp"
#include "core/model/pod.hpp"
#include "core/model/resources.hpp"
#include "kube/client.hpp"
#include "kube/event_recorder.hpp"
#include "kube/informer.hpp"
#include "mic/calendar_watch.hpp"
#include "mic/control/access_reports.hpp"
#include "mic/control/controller.hpp"
#include "mic/control/metrics.hpp"
#include "mic/control/status_writer.hpp"
#include "mic/grant_watch.hpp"

namespace podid::mic {

// Without pods there is nothing to assign: what is left is to tell people of bindings and grants.
enum class Follow { all, bindings };

// One executor. References outlive it; await stop() before the destructor.
class Leadership {
 public:
  Leadership(kube::Client& client, kube::EventRecorder& events, MicMetrics& metrics, IdentityApi& identities,
             ControllerOptions options, base::Random& random, core::ZoneLookup zones, Follow follow);

  // Begins to fill the caches; the controller starts when all are filled.
  void start();
  // Begins no further writes. `broken_off`: those under way are cancelled, because another process may lead by now.
  void stop_writes();
  void cancel_writes();
  base::Task<> drain();
  // After drain(): ends the watches.
  base::Task<> stop();

  bool active() const { return active_; }
  // Which caches are not filled yet and why, for the log; empty when all are.
  std::string missing_caches() const;
  Controller& controller() { return controller_; }

 private:
  void follow_policy(kube::Client& client);
  template <class T>
  kube::InformerHandlers<T> handlers(kube::ResourceType type, std::function<void(const std::shared_ptr<const T>&)> put,
                                     std::function<void(const T&)> erase);
  void put(const SeenBinding& binding);
  void erase(const SeenBinding& binding);
  // What is said of it in its status may be another.
  void on_access(const core::ObjectKey& binding);
  void on_calendar(const core::ObjectKey& config_map, const ConfigMapTexts& texts);
  GrantWatchHandlers grant_handlers();
  // Whether all that the binding's spec.access depends on has been heard of.
  bool is_complete(const SeenBinding& seen) const;
  void put_completed();
  void report_grants();
  void report_grant(const SeenGrant& seen, core::Instant now);
  void start_when_filled();
  void on_synced();
  void report_invalid(kube::ResourceType type, const kube::ObjectKey& key, const base::Error& error);

  const Follow follow_;
  base::Clock& clock_;
  base::LogBudget log_budget_;  // of objects that cannot be read
  kube::EventRecorder& events_;
  MicMetrics& metrics_;
  KubeAssignedApi assigned_api_;
  Controller controller_;
  KubeStatusApi status_api_;
  StatusWriter status_;
  kube::Informer<core::AzureIdentity> identities_;
  kube::Informer<SeenBinding> bindings_;
  kube::Informer<core::Node> nodes_;
  kube::Informer<core::Pod> pods_;
  kube::Informer<core::AzureAssignedIdentity> assigned_;
  // With --identity-policy=enforce; else null. Work begins when all caches are filled, these too: without them nothing would
  // be allowed.
  std::unique_ptr<kube::Informer<core::IdentityPolicy>> policies_;
  std::unique_ptr<kube::Informer<core::PolicyLabels>> namespaces_;
  CalendarWatch calendars_;
  GrantWatch grants_;
  // Bindings whose calendars, or the grants that they need, have not been heard of: until then, what they said before counts.
  std::set<core::ObjectKey> incomplete_;
  std::map<core::ObjectKey, std::string> phases_;    // of grants, as they were last told
  base::Alarm grants_alarm_;                         // the end of a grant is no event of a watch
  std::map<core::ObjectKey, std::string> unusable_;  // bindings, and what was said of them
  int synced_ = 0;
  bool active_ = false;
};

}  // namespace podid::mic
