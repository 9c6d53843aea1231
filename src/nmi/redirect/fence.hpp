// SPDX-License-Identifier: Apache-2.0
// The second line: policy routing that drops what would be forwarded from pods to the real endpoint, whatever becomes of
// the redirect's rules (nmi.md §11.3).
#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/event.hpp"
#include "base/metrics/metrics.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "nmi/netlink/netlink.hpp"
#include "nmi/redirect/bridge_fence.hpp"
#include "nmi/redirect/fence_rules.hpp"
#include "nmi/redirect/nft_watch.hpp"
#include "nmi/redirect/pod_interfaces.hpp"

namespace podid::nmi {

struct FenceOptions {
  std::uint32_t priority = 2;  // of the first of four; 0: no fence
  // How often it is looked at beside the kernel's notices of changes.
  std::chrono::seconds check_interval{60};
};

// One executor. Netlink alone is used, and nft where the machine's uplink is a port of a bridge. References outlive it;
// await stop() before the destructor. Rules stay when the object or the process ends: only remove() and remove_fence()
// take them away.
class Fence {
 public:
  // `interfaces`: where the fence proves that it holds, as the kernel answers for packets that arrive there. `on_change`:
  // problem() or a metric has another value; may be empty.
  Fence(base::Executor executor, FenceOptions options, const RedirectTarget& target, InterfacePattern interfaces,
        base::Clock& clock, base::Random& random, base::MetricsRegistry& metrics, std::function<void()> on_change = {});

  // Lays it and begins to keep it. What fails is tried again in the background.
  base::Task<> start();
  base::Task<> stop();
  // After stop(): takes the rules away.
  base::Task<base::Result<>> remove();

  // Why pods' packets may be forwarded to the endpoint where the redirect is missing; empty: they are not, or no fence was
  // asked for.
  const std::string& problem() const { return problem_; }

 private:
  base::Task<base::Result<>> look();
  base::Task<base::Result<>> lay(Netlink& netlink);
  base::Task<base::Result<>> prove(Netlink& netlink);
  base::Task<base::Result<>> close_bridges(std::vector<Interface> interfaces);
  base::Task<base::Result<>> lay_bridges();
  base::Task<> keep_bridges();
  base::Task<base::Result<>> follow_bridges();
  base::Task<> keep();
  base::Task<base::Result<>> follow();
  base::Task<> look_again_and_again();
  bool is_ours(const FenceRule& rule) const;
  void found(const base::Result<>& outcome);
  void found_of_bridges(const base::Result<>& outcome);
  void judge();
  void altered();
  void saw_program(const std::optional<std::string>& where);
  void failed();
  void changed() const;

  const FenceOptions options_;
  base::Executor executor_;
  base::Clock& clock_;
  base::Random& random_;
  base::Gauge* const active_gauge_;
  base::Counter* const repairs_;
  base::Counter* const errors_;
  const std::function<void()> on_change_;

  const RedirectTarget target_;
  const InterfacePattern interfaces_;
  std::vector<FenceRule> rules_;
  std::string problem_;  // one of the two
  std::string routing_problem_;
  std::string bridge_problem_;
  std::string uplink_;   // a port of a bridge by which frames leave the machine; empty: none is known
  base::Event bridged_;  // there is one
  NftWatch bridge_watch_{kBridgeFenceTable, NFPROTO_BRIDGE};
  std::optional<std::string> program_;  // that gets pods' packets first, as was told
  base::SteadyTime told_{};             // when the last repair was logged
  base::TaskGroup tasks_;               // last: ends before what it uses
};

// Takes away the rules of every fence that an NMI, or deploy/node-boot, has laid; no others. `priority` is where they may
// be although the jump is missing by which they are known.
base::Task<base::Result<>> remove_fence(std::uint32_t priority);

}  // namespace podid::nmi
