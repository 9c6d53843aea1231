// SPDX-License-Identifier: Apache-2.0
// Puts the redirect in place and keeps it there.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/backoff.hpp"
#include "base/metrics/metrics.hpp"
#include "base/random.hpp"
#include "base/task_group.hpp"
#include "nmi/redirect/factory.hpp"
#include "nmi/redirect/fence.hpp"
#include "nmi/redirect/pod_interfaces.hpp"
#include "nmi/redirect/self_proof.hpp"

namespace podid::nmi {

struct RedirectKeeperOptions {
  RedirectOptions redirect;
  InterfacePattern interfaces;
  FenceOptions fence;
  // Where there is one, the rules are tried every few seconds.
  ExpectedProof expected_proof;
  // Whether there is somebody who could answer; empty: there always is.
  std::function<bool()> is_served = {};
  // Whether connections older than the rules are cut. The rules stop them as well, but their pods would not notice soon.
  bool conntrack_deletion = true;
  // How long rules may be impossible to put in place before the NMI gives up (NMI-20).
  base::Duration patience = std::chrono::minutes(5);
  // active(), not_ready() or a metric has another value; may be empty.
  std::function<void()> on_change = {};
};

// One executor. References outlive it; await stop() before the destructor.
class RedirectKeeper {
 public:
  // `on_failed`: the rules could not be put in place for longer than `patience`.
  RedirectKeeper(base::Executor executor, RedirectKeeperOptions options, base::Clock& clock, base::Random& random,
                 base::MetricsRegistry& metrics, std::function<void(const base::Error&)> on_failed);

  // The fence alone, which needs nobody who answers: laid as far as it can be, and kept. Without rules (back end none)
  // nothing.
  base::Task<> close();
  // After close(): the first installation. An error when it can never succeed here (no tool, no permission); other
  // failures are retried in the background, where the rules are then kept.
  base::Task<base::Result<>> start();
  // Somebody knows that pods' packets reach us: for 10 s that outranks what we find when we try the rules.
  void proven();
  enum class Rules { stay, are_removed };
  // Stops keeping. Removing the rules also takes back route_localnet and the fence.
  base::Task<base::Result<>> stop(Rules rules);

  // The rules are in place (and, where asked for, older connections cut), and do what they should as far as they were tried.
  bool active() const { return active_ && untrue_.empty(); }
  // Why pods may not reach us: the rules, or an interface that exists without route_localnet; or why they might reach the
  // real endpoint: the fence. Nothing: they reach us, and us alone.
  std::optional<std::string> not_ready() const;

 private:
  base::Task<base::Result<>> install();
  base::Task<> replace_predecessors();
  base::Task<> keep();
  base::Task<> keep_interfaces();
  base::Task<> keep_proven();
  base::Task<base::Result<bool>> try_rules();
  bool is_proven() const;
  void set_active(bool active, std::string problem);
  void failed(const base::Error& error);
  void changed() const;

  const RedirectKeeperOptions options_;
  base::Executor executor_;
  base::Clock& clock_;
  base::Random& random_;
  std::function<void(const base::Error&)> on_failed_;
  base::Gauge* const active_gauge_;
  base::Family<base::Counter>& repairs_;
  base::Family<base::Counter>& errors_;

  const bool needs_interfaces_;
  std::unique_ptr<Redirect> redirect_;  // null until a back end has been found
  PodInterfaces interfaces_;
  Fence fence_;
  SelfProof self_proof_;
  std::string untrue_;            // why rules that are in place do not lead to us; empty: they do, or were not tried
  bool told_outranked_ = false;   // that the rules' own proof fails although somebody else's holds
  base::SteadyTime proven_at_{};  // by somebody else; the epoch: never
  bool active_ = false;
  std::string problem_ = "the redirect has not been installed yet";
  base::SteadyTime failing_since_ = base::SteadyTime::max();
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::nmi
