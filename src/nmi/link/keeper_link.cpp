// SPDX-License-Identifier: Apache-2.0
#include "nmi/link/keeper_link.hpp"

#include "base/log.hpp"

namespace podid::nmi {

KeeperLink::KeeperLink(base::Executor executor, Descriptor link, base::MetricsRegistry& metrics, KeeperEvents events)
    : link_(executor, std::move(link)), metrics_(metrics), events_(std::move(events)), tasks_(executor) {}

void KeeperLink::start() { tasks_.spawn("listen to the keeper", listen()); }

base::Task<> KeeperLink::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

std::optional<std::string> KeeperLink::not_ready() const {
  if (!state_.problem.empty()) return state_.problem;
  return std::nullopt;
}

base::Task<> KeeperLink::listen() {
  for (;;) {
    base::Result<Received> received = co_await link_.receive();
    if (!received) {
      if (events_.on_lost) events_.on_lost(received.error());
      co_return;
    }
    take(std::move(*received));
  }
}

void KeeperLink::take(Received received) {
  if (const auto* state = std::get_if<KeeperState>(&received.message)) {
    state_ = *state;
    adopt(state_.measured, metrics_);
  } else if (std::holds_alternative<HandedToken>(received.message)) {
    if (received.descriptor && events_.on_token) events_.on_token(std::move(received.descriptor));
  } else if (std::holds_alternative<Drain>(received.message)) {
    if (events_.on_drain) events_.on_drain();
  }
}

void KeeperLink::send(const Message& message) {
  const base::Result<> sent = link_.send(message);
  // A keeper that has ended is noticed by listen().
  if (!sent) base::log::debug("the keeper was not told", {{"error", sent.error()}});
}

}  // namespace podid::nmi
