// SPDX-License-Identifier: Apache-2.0
// Keeps the snapshot in step with the API server.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/log_budget.hpp"
#include "base/metrics/metrics.hpp"
#include "base/next_turn.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "kube/informer.hpp"
#include "kube/wanted_objects.hpp"
#include "nmi/pods/binding_looks.hpp"
#include "nmi/pods/calendar_reader.hpp"
#include "nmi/pods/grant_policy_watch.hpp"
#include "nmi/pods/policy_watch.hpp"
#include "nmi/pods/snapshot_builder.hpp"
#include "nmi/pods/snapshot_source.hpp"

namespace podid::nmi {

struct ClusterWatchOptions {
  SnapshotOptions snapshot;
  std::string node;
  bool only_this_node = true;  // --enableScaleFeatures: assignments by the label of the node
  bool namespaced = false;     // --forceNamespaced
};

// Of AzureIdentities and AzureIdentityBindings the NMI follows those that matter to its node, so that its memory and the API
// server's work grow with the pods of the node and not with the cluster: in standard mode the ones that the assignments of
// this node name, in managed mode those of the namespaces in which this node has labelled pods.
//
// The client's executor, the control thread. References outlive it; await stop() before the destructor.
class ClusterWatch {
 public:
  ClusterWatch(kube::Client& client, ClusterWatchOptions options, SnapshotSource& source,
               base::MetricsRegistry& metrics);
  ~ClusterWatch();

  void start();
  base::Task<> stop();

  // Every cache has been filled once.
  bool synced() const { return synced_; }
  // Asks the API server for the pods of this node. Success: they and their addresses are those of the snapshot.
  base::Task<base::Result<>> confirm_pods();
  // With --identity-policy=enforce, in standard mode: a pod without an assignment asks for a token.
  void look(LookKey key);
  // What is wrong with a watch at the moment; nothing while all is well.
  std::optional<std::string> problem() const;

 private:
  template <class T>
  class Followed;

  template <class T>
  std::unique_ptr<kube::Informer<T>> make_informer(kube::ReflectorOptions options,
                                                   core::Read<T> (*read)(const boost::json::value&));
  void report_bad(std::string_view plural, const kube::ObjectKey& key, const base::Error& error);
  // What is to be followed for an object, before and after a change of it; null: it is not there.
  void follow(const core::AzureAssignedIdentity* before, const core::AzureAssignedIdentity* now);
  void follow(const core::Pod* before, const core::Pod* now);
  void follow(const core::AzurePodIdentityException*, const core::AzurePodIdentityException*) {}
  void follow_policy();
  void follow_grants();
  // What a followed binding's access needs besides: grants of its namespace, in managed mode calendars. Null: it is not there.
  void follow_access_of(const kube::ObjectKey& key, const core::AzureIdentityBinding* now);
  template <class T>
  void follow_access_of(const kube::ObjectKey&, const T*) {}
  // Publishes once all that has arrived together is in.
  void changed();
  void check_synced();
  void publish();
  void count_grants();
  base::Task<> report_contact();
  base::Task<> forget_boot(base::Duration later);

  kube::Client& client_;
  const core::OperationMode mode_;
  const std::string node_;
  const std::string pods_of_this_node_;  // field selector
  SnapshotSource& source_;
  base::Family<base::Counter>& bad_objects_;
  base::Gauge* const pods_gauge_;
  base::Gauge* const grants_gauge_;
  base::LogBudget log_budget_;  // of objects that cannot be read

  SnapshotBuilder builder_;
  bool synced_ = false;
  std::uint32_t confirm_page_ = 0;  // pods that confirm_pods() asks for at once; 0: all of them
  std::unique_ptr<kube::Informer<core::Pod>> pods_;
  std::unique_ptr<kube::Informer<core::AzureAssignedIdentity>> assigned_;  // standard mode; else null
  std::unique_ptr<kube::Informer<core::AzurePodIdentityException>> exceptions_;
  std::unique_ptr<Followed<core::AzureIdentity>> identities_;
  std::unique_ptr<Followed<core::AzureIdentityBinding>> bindings_;
  // From the first binding on that needs a grant.
  std::unique_ptr<Followed<core::AzureIdentityGrant>> grants_;
  std::unique_ptr<Followed<core::AzureIdentityGrantApproval>> approvals_;
  GrantPolicyWatch grant_policies_;
  std::set<kube::ObjectKey> need_grants_;  // bindings
  bool follows_grants_ = false;
  CalendarReader calendars_;
  std::unique_ptr<PolicyWatch> policy_;  // --identity-policy=enforce; else null
  std::unique_ptr<BindingLooks> looks_;  // the same in standard mode; else null
  struct Watched {
    std::string_view what;
    std::function<void()> start;
    std::function<base::Task<>()> stop;
    std::function<bool()> synced;
    std::function<base::SteadyTime()> last_contact;
    std::function<std::optional<base::Error>()> last_error;
  };
  std::vector<Watched> watched_;
  base::NextTurn next_publication_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::nmi
