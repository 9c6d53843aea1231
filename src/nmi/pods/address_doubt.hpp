// SPDX-License-Identifier: Apache-2.0
// Are the addresses still those of the pods that we know? A new network interface on the node means that a pod may have been
// started, perhaps on the address of one that has just gone. Until the API server has confirmed that we know all pods, an
// address may be anybody's. And until the kubelet has had the time to tell the API server, which is asked once more then, a
// terminating pod's address may be that of a pod without one.
#pragma once
#include <cstdint>
#include <functional>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "nmi/pods/snapshot_source.hpp"

namespace podid::nmi {

// Within that the kubelet tells the API server of a new pod's address; where that fails it tries again every 10 s.
inline constexpr std::chrono::seconds kStatusWait{15};

// One executor. References outlive it; await stop() before the destructor.
class AddressDoubt {
 public:
  // Success: the API server says that we know the pods as they are (ClusterWatch::confirm_pods).
  using Ask = std::function<base::Task<base::Result<>>()>;

  // The workers read the doubts from `source`, which wakes them when one is cleared up.
  AddressDoubt(base::Executor executor, Ask ask, SnapshotSource& source, base::Clock& clock, base::Random& random);

  base::Task<> stop();

  // In doubt from now on, until the API server has been asked.
  void interface_appeared();

 private:
  base::Task<> resolve();
  base::Task<> await_kubelet();
  base::Task<> until_confirmed();

  Ask ask_;
  SnapshotSource& source_;
  base::Clock& clock_;
  base::Random& random_;
  std::uint64_t appeared_ = 0;  // interfaces
  bool resolving_ = false;
  base::SteadyTime resolved_at_{};
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::nmi
