// SPDX-License-Identifier: Apache-2.0
// The keeper, as the server knows it.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "base/metrics/metrics.hpp"
#include "base/task_group.hpp"
#include "nmi/link/link_socket.hpp"

namespace podid::nmi {

// Called on the link's executor; may be empty.
struct KeeperEvents {
  std::function<void()> on_drain;                   // we are to end
  std::function<void(const base::Error&)> on_lost;  // there is no keeper any more, or none that we understand
  std::function<void(Descriptor)> on_token;         // the service account's token has been replaced
};

// One executor. References outlive it; await stop() before the destructor.
class KeeperLink {
 public:
  // `metrics` also shows what the keeper counts.
  KeeperLink(base::Executor executor, Descriptor link, base::MetricsRegistry& metrics, KeeperEvents events);

  // From now on the keeper is listened to.
  void start();
  void ready(Ready ready) { send(ready); }
  void drained() { send(Drained{}); }
  void proven() { send(Proven{}); }
  base::Task<> stop();

  // The redirect is in place, as far as the keeper has said.
  bool active() const { return state_.active; }
  // Why pods may not reach us; nothing: they do.
  std::optional<std::string> not_ready() const;

 private:
  base::Task<> listen();
  void take(Received received);
  void send(const Message& message);

  LinkSocket link_;
  base::MetricsRegistry& metrics_;
  const KeeperEvents events_;
  KeeperState state_{.active = false, .problem = "the redirect has not been installed yet", .measured = {}};
  base::TaskGroup tasks_;  // last: ends before what it uses
};

}  // namespace podid::nmi
