// SPDX-License-Identifier: Apache-2.0
// What is bound to a pod for which there is no assignment: looked up when it asks, so that it need not wait for a controller
// that has nothing to do for it. Nobody follows all bindings of a cluster for that.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/log_budget.hpp"
#include "base/task_group.hpp"
#include "kube/client.hpp"
#include "nmi/pods/snapshot.hpp"

namespace podid::nmi {

// From one look of a node to the next, whoever asks; where a look takes long (a server that gives all bindings) so many
// times that.
inline constexpr std::chrono::seconds kLookPause{1};
inline constexpr int kLookRest = 10;
// Bindings of one label, and identities, that are kept and read. Where there are more nothing is known: another namespace
// may have made them.
inline constexpr std::size_t kMostLookedAt = 16;

// The client's executor; the client outlives it. Await stop() before the destructor.
class BindingLooks {
 public:
  // `only_own_namespace`: --forceNamespaced. `on_change`: of looks().
  BindingLooks(kube::Client& client, bool only_own_namespace, std::function<void()> on_change);

  // One look, unless one is on its way or younger than kLookAge. What the API server does not tell is left out: whoever
  // waits goes on waiting.
  void want(LookKey key);
  base::Task<> stop();

  // The latest; older ones go when one is added.
  std::shared_ptr<const Looks> looks() const { return looks_; }

 private:
  using Bindings = std::vector<std::shared_ptr<const core::AzureIdentityBinding>>;

  base::Task<> look_at_all();
  base::Task<base::Result<std::shared_ptr<const Look>>> look_at(const LookKey& key);
  base::Task<base::Result<Bindings>> bindings_of(const LookKey& key, net::Deadline deadline);
  base::Task<base::Result<boost::json::value>> page_of(const LookKey& key, kube::ListOptions& page,
                                                       net::Deadline deadline);
  // Null: there is none that can be read.
  base::Task<base::Result<std::shared_ptr<const core::AzureIdentity>>> identity_of(
      const core::AzureIdentityBinding& binding, net::Deadline deadline);
  void put(const LookKey& key, std::shared_ptr<const Look> look);

  kube::Client& client_;
  const bool only_own_namespace_;
  const std::function<void()> on_change_;
  bool selects_ = true;  // the server chooses bindings by their selector (the CRD's selectableFields)
  std::deque<LookKey> wanted_;
  bool looking_ = false;
  base::SteadyTime next_{};  // look, not before that
  std::shared_ptr<const Looks> looks_ = std::make_shared<const Looks>();
  base::LogBudget log_budget_;
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::nmi
