// SPDX-License-Identifier: Apache-2.0
// Grants, approvals, and the admission policies that make them trustworthy, always current: followed from when some binding
// needs a grant.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/alarm.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/task_group.hpp"
#include "core/access/grant_policies.hpp"
#include "core/model/access.hpp"
#include "kube/client.hpp"
#include "kube/informer.hpp"

namespace podid::mic {

// A grant, with what its status says, as far as it is ours.
struct SeenGrant {
  core::AzureIdentityGrant grant;
  std::int64_t generation = 0;
  boost::json::object status;
};

// What is told. `known`: once, when what there is has been told, or what cannot be read is known to be so.
struct GrantWatchHandlers {
  std::function<void(const SeenGrant&)> put_grant;
  std::function<void(const SeenGrant&)> erase_grant;
  std::function<void(const core::AzureIdentityGrantApproval&)> put_approval;
  std::function<void(const core::AzureIdentityGrantApproval&)> erase_approval;
  std::function<void(core::GrantPolicies)> put_policies;
  std::function<void()> known;
};

// One executor. References outlive it; await stop() before the destructor.
class GrantWatch {
 public:
  GrantWatch(kube::Client& client, GrantWatchHandlers handlers);

  // Begins, where it has not begun. Nothing is told from within.
  void start();
  bool known() const { return known_; }
  // No further approvals are deleted.
  void stop_writes() { writing_ = false; }
  base::Task<> stop();

  std::shared_ptr<const SeenGrant> find(const core::ObjectKey& key) const { return grants_.find(key.ns, key.name); }
  template <class Visit>
  void each_grant(Visit&& visit) const {
    grants_.for_each([&visit](const std::shared_ptr<const SeenGrant>& grant) { visit(*grant); });
  }

 private:
  using Policy = kube::Informer<core::GrantPolicyObject>;

  std::unique_ptr<Policy> make_policy(kube::ResourceType type, std::string_view name);
  void judge_policies();
  void look();
  void remove_orphans();
  base::Task<> remove(core::AzureIdentityGrantApproval approval);

  kube::Client& client_;
  const GrantWatchHandlers handlers_;
  kube::Informer<SeenGrant> grants_;
  kube::Informer<core::AzureIdentityGrantApproval> approvals_;
  std::vector<std::unique_ptr<Policy>> policies_;
  std::map<std::string, base::SteadyTime> orphans_;  // uids of approvals without a grant, since when
  base::SteadyTime since_{};
  bool started_ = false;
  bool known_ = false;
  bool writing_ = true;
  base::Alarm alarm_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::mic
