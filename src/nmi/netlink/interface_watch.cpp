// SPDX-License-Identifier: Apache-2.0
#include "nmi/netlink/interface_watch.hpp"

#include <linux/rtnetlink.h>

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "nmi/netlink/netlink.hpp"
#include "nmi/netlink/netlink_attributes.hpp"
#include "nmi/netlink/own_links.hpp"

namespace podid::nmi {
namespace {

constexpr base::BackoffOptions kRetry{.initial = std::chrono::milliseconds(20), .limit = std::chrono::seconds(5)};

// Also one that was moved here from another namespace. Changes of an older one name the flags that changed.
bool is_new_interface(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK || message.nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return false;
  const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  if (link->ifi_family != AF_UNSPEC || link->ifi_change != ~0u) return false;
  bool own = false;  // no pod's
  each_attribute(message, sizeof(ifinfomsg), [&own](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) == IFLA_IFNAME) own = is_own_link(attribute_text(attribute));
  });
  return !own;
}

}  // namespace

InterfaceWatch::InterfaceWatch(base::Executor executor, base::Clock& clock, base::Random& random,
                               std::function<void()> on_appeared)
    : executor_(executor), clock_(clock), random_(random), on_appeared_(std::move(on_appeared)), tasks_(executor) {}

void InterfaceWatch::start() { tasks_.spawn("watch new interfaces", watch()); }

base::Task<> InterfaceWatch::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

base::Task<> InterfaceWatch::watch() {
  base::Backoff backoff(kRetry, random_);
  for (;;) {
    const base::Result<> ended = co_await follow();
    base::log::warning("new interfaces cannot be noticed for now", {{"error", ended.error()}});
    co_await clock_.sleep_for(backoff.next());
    on_appeared_();  // what was missed meanwhile counts as one
  }
}

base::Task<base::Result<>> InterfaceWatch::follow() {
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor_, NETLINK_ROUTE);
  if (!netlink) co_return std::unexpected(std::move(netlink.error()));
  const base::Result<> subscribed = (*netlink)->subscribe(RTNLGRP_LINK);
  if (!subscribed) co_return std::unexpected(subscribed.error());
  for (;;) {
    bool appeared = false;
    const Netlink::Visit visit = [&appeared](const nlmsghdr& message) { appeared |= is_new_interface(message); };
    const base::Result<bool> complete = co_await (*netlink)->notifications(visit);
    if (!complete) co_return std::unexpected(complete.error());
    if (appeared || !*complete) on_appeared_();  // incomplete: some were dropped
  }
}

}  // namespace podid::nmi
