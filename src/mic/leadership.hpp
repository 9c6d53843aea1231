// SPDX-License-Identifier: Apache-2.0
// What exists only while this process leads: the caches and the controller that they feed.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>

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
#include "mic/control/controller.hpp"
#include "mic/control/metrics.hpp"

namespace podid::mic {

// One executor. References outlive it; await stop() before the destructor.
class Leadership {
 public:
  Leadership(kube::Client& client, kube::EventRecorder& events, MicMetrics& metrics, IdentityApi& identities,
             ControllerOptions options, base::Random& random);

  // Begins to fill the caches; the controller starts when all are filled.
  void start();
  // Begins no further writes. `broken_off`: those under way are cancelled, because another process may lead by now.
  void stop_writes() { controller_.stop(); }
  void cancel_writes() { controller_.cancel(); }
  base::Task<> drain() { return controller_.drain(); }
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
  void on_synced();
  void report_invalid(kube::ResourceType type, const kube::ObjectKey& key, const base::Error& error);

  base::Clock& clock_;
  base::LogBudget log_budget_;  // of objects that cannot be read
  kube::EventRecorder& events_;
  MicMetrics& metrics_;
  KubeAssignedApi assigned_api_;
  Controller controller_;
  kube::Informer<core::AzureIdentity> identities_;
  kube::Informer<core::AzureIdentityBinding> bindings_;
  kube::Informer<core::Node> nodes_;
  kube::Informer<core::Pod> pods_;
  kube::Informer<core::AzureAssignedIdentity> assigned_;
  // With --identity-policy=enforce; else null. Work begins when all caches are filled, these too: without them nothing would
  // be allowed.
  std::unique_ptr<kube::Informer<core::IdentityPolicy>> policies_;
  std::unique_ptr<kube::Informer<core::PolicyLabels>> namespaces_;
  int synced_ = 0;
  bool active_ = false;
};

}  // namespace podid::mic
