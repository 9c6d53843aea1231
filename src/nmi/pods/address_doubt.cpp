// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/address_doubt.hpp"

#include <linux/rtnetlink.h>

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "nmi/netlink/netlink.hpp"
#include "nmi/netlink/netlink_attributes.hpp"

namespace podid::nmi {
namespace {

constexpr base::BackoffOptions kRetry{.initial = std::chrono::milliseconds(20), .limit = std::chrono::seconds(5)};

constexpr int kQuietAttempts = 3;

// Also one that was moved here from another namespace. Changes of an older one name the flags that changed.
bool is_new_interface(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK || message.nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return false;
  const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  return link->ifi_family == AF_UNSPEC && link->ifi_change == ~0u;
}

}  // namespace

AddressDoubt::AddressDoubt(base::Executor executor, Ask ask, SnapshotSource& source, base::Clock& clock,
                           base::Random& random, std::function<void()> on_settled)
    : executor_(executor),
      ask_(std::move(ask)),
      source_(source),
      clock_(clock),
      random_(random),
      on_settled_(std::move(on_settled)),
      tasks_(executor) {}

void AddressDoubt::start() { tasks_.spawn("watch new interfaces", watch_interfaces()); }

base::Task<> AddressDoubt::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

void AddressDoubt::interface_appeared() {
  ++appeared_;
  const bool awaiting_kubelet = source_.unreported();
  source_.set_unreported(true);
  if (std::exchange(settling_, true)) return;
  source_.set_doubt(clock_.steady_now());
  tasks_.spawn("settle doubt about addresses", settle());
  if (!awaiting_kubelet) tasks_.spawn("await the kubelet's word", await_kubelet());
}

base::Task<> AddressDoubt::settle() {
  std::uint64_t seen = 0;
  do {
    seen = appeared_;
    co_await until_confirmed();
  } while (seen != appeared_);
  settling_ = false;
  settled_at_ = clock_.steady_now();
  source_.set_doubt({});
  on_settled_();
}

base::Task<> AddressDoubt::await_kubelet() {
  std::uint64_t seen = 0;
  do {
    while (settling_ || clock_.steady_now() < settled_at_ + kStatusWait) {
      co_await clock_.sleep_until((settling_ ? clock_.steady_now() : settled_at_) + kStatusWait);
    }
    seen = appeared_;
    co_await until_confirmed();
  } while (seen != appeared_);
  source_.set_unreported(false);
  on_settled_();
}

base::Task<> AddressDoubt::until_confirmed() {
  base::Backoff backoff(kRetry, random_);
  for (;;) {
    const base::Result<> answered = co_await ask_();
    if (answered) co_return;
    // The watch may be a few milliseconds behind.
    if (backoff.attempts() == kQuietAttempts) {
      base::log::warning(
          "an interface has appeared and the API server has not confirmed which pods there are: until it does, pods "
          "whose address may have a new owner get no tokens",
          {{"error", answered.error()}});
    }
    co_await clock_.sleep_for(backoff.next());
  }
}

base::Task<> AddressDoubt::watch_interfaces() {
  base::Backoff backoff(kRetry, random_);
  for (;;) {
    const base::Result<> ended = co_await follow();
    base::log::warning("new interfaces cannot be noticed for now", {{"error", ended.error()}});
    co_await clock_.sleep_for(backoff.next());
    interface_appeared();  // what was missed meanwhile counts as one
  }
}

base::Task<base::Result<>> AddressDoubt::follow() {
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor_, NETLINK_ROUTE);
  if (!netlink) co_return std::unexpected(std::move(netlink.error()));
  const base::Result<> subscribed = (*netlink)->subscribe(RTNLGRP_LINK);
  if (!subscribed) co_return std::unexpected(subscribed.error());
  for (;;) {
    bool appeared = false;
    const Netlink::Visit visit = [&appeared](const nlmsghdr& message) { appeared |= is_new_interface(message); };
    const base::Result<bool> complete = co_await (*netlink)->notifications(visit);
    if (!complete) co_return std::unexpected(complete.error());
    if (appeared || !*complete) interface_appeared();  // incomplete: some were dropped
  }
}

}  // namespace podid::nmi
