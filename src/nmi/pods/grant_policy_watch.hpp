// SPDX-License-Identifier: Apache-2.0
// Keeps in step with the API server whether what makes grants trustworthy is in place: its admission policies and their
// bindings, each followed by its name, as the NMI's role lets it.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/async.hpp"
#include "core/access/grant_policies.hpp"
#include "kube/client.hpp"
#include "kube/informer.hpp"

namespace podid::nmi {

// The client's executor, the control thread. The client outlives it; await stop() before the destructor.
class GrantPolicyWatch {
 public:
  // `on_change`: of policies() or synced().
  GrantPolicyWatch(kube::Client& client, std::function<void()> on_change);

  // From the first call on. Until then policies() says that nothing is known.
  void start();
  base::Task<> stop();

  core::GrantPolicies policies() const;
  // What there is is known, or why it cannot be: then no grant counts.
  bool settled() const;
  std::optional<base::Error> last_error() const;

 private:
  using Informer = kube::Informer<core::GrantPolicyObject>;

  bool started_ = false;
  std::vector<std::unique_ptr<Informer>> informers_;
};

}  // namespace podid::nmi
