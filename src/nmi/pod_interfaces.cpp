// SPDX-License-Identifier: Apache-2.0
#include "nmi/pod_interfaces.hpp"

#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "base/text.hpp"
#include "nmi/netlink_attributes.hpp"

namespace podid::nmi {
namespace {

constexpr std::size_t kMaxNotificationsAtOnce = 1024;

// '*' stands for any text.
bool glob(std::string_view pattern, std::string_view text) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (std::size_t at = star; at <= text.size(); ++at) {
    if (glob(rest, text.substr(at))) return true;
  }
  return false;
}

// IFLA_AF_SPEC → AF_INET → IFLA_INET_CONF: an array of the interface's IPv4 settings, numbered from 1.
bool route_localnet_of(const nlattr& af_spec) {
  bool value = false;
  each_nested(af_spec, [&value](const nlattr& family) {
    if (mnl_attr_get_type(&family) != AF_INET) return;
    each_nested(family, [&value](const nlattr& field) {
      if (mnl_attr_get_type(&field) != IFLA_INET_CONF) return;
      const auto* settings = static_cast<const std::uint32_t*>(mnl_attr_get_payload(&field));
      const std::size_t count = mnl_attr_get_payload_len(&field) / sizeof(std::uint32_t);
      value = count >= IPV4_DEVCONF_ROUTE_LOCALNET && settings[IPV4_DEVCONF_ROUTE_LOCALNET - 1] != 0;
    });
  });
  return value;
}

std::string kind_of(const nlattr& link_info) {
  std::string kind;
  each_nested(link_info, [&kind](const nlattr& info) {
    if (mnl_attr_get_type(&info) == IFLA_INFO_KIND) kind = attribute_text(info);
  });
  return kind;
}

std::optional<Interface> read_interface(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWLINK || message.nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return std::nullopt;
  const auto* link = static_cast<const ifinfomsg*>(mnl_nlmsg_get_payload(&message));
  if (link->ifi_family != AF_UNSPEC) return std::nullopt;  // a bridge's notice about one of its ports
  Interface interface{.index = link->ifi_index, .name = {}, .kind = {}};
  each_attribute(message, sizeof(ifinfomsg), [&interface](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case IFLA_IFNAME:
        interface.name = attribute_text(attribute);
        break;
      case IFLA_MASTER:
        interface.enslaved = true;
        break;
      case IFLA_AF_SPEC:
        interface.route_localnet = route_localnet_of(attribute);
        break;
      case IFLA_LINKINFO:
        interface.kind = kind_of(attribute);
        break;
      default:
        break;
    }
  });
  return interface;
}

}  // namespace

base::Result<InterfacePattern> InterfacePattern::parse(std::string_view text) {
  InterfacePattern pattern;
  if (text == "none") return pattern;
  if (text == "auto") {
    pattern.auto_ = true;
    return pattern;
  }
  for (const std::string_view item : base::split(text, ',')) {
    const std::string_view name = base::trim(item);
    if (name.empty() || name.size() > 15) {
      return base::fail(base::ErrorKind::invalid, "--pod-interfaces: \"" + std::string(text) +
                                                      "\" must be auto, none, or names of interfaces separated by "
                                                      "commas, in which * stands for any text");
    }
    pattern.patterns_.emplace_back(name);
  }
  return pattern;
}

bool InterfacePattern::matches(const Interface& interface) const {
  if (auto_) return !interface.enslaved && (interface.kind == "bridge" || interface.kind == "veth");
  return std::ranges::any_of(patterns_,
                             [&interface](const std::string& pattern) { return glob(pattern, interface.name); });
}

PodInterfaces::PodInterfaces(base::Executor executor, InterfacePattern pattern)
    : executor_(executor), pattern_(std::move(pattern)) {}

base::Task<base::Result<>> PodInterfaces::set(Netlink& netlink, Interface interface, bool value) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = RTM_NEWLINK;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_family = AF_UNSPEC;
  link->ifi_index = interface.index;
  nlattr* af_spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
  nlattr* family = mnl_attr_nest_start(message, AF_INET);
  nlattr* settings = mnl_attr_nest_start(message, IFLA_INET_CONF);
  mnl_attr_put_u32(message, IPV4_DEVCONF_ROUTE_LOCALNET, value ? 1 : 0);
  mnl_attr_nest_end(message, settings);
  mnl_attr_nest_end(message, family);
  mnl_attr_nest_end(message, af_spec);
  const Netlink::Visit ignore = [](const nlmsghdr&) {};
  base::Result<> done = co_await netlink.request(*message, ignore);
  if (!done && done.error().kind == base::ErrorKind::not_found) co_return base::Result<>{};  // it has gone meanwhile
  if (!done) co_return base::fail(std::move(done.error()), "route_localnet of interface " + interface.name);
  base::log::debug("route_localnet set", {{"interface", interface.name}, {"value", value}});
  co_return base::Result<>{};
}

base::Task<base::Result<std::size_t>> PodInterfaces::set_all(bool value) {
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor_, NETLINK_ROUTE);
  if (!netlink) co_return base::fail(std::move(netlink.error()), "interfaces");
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = RTM_GETLINK;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_family = AF_UNSPEC;
  std::vector<Interface> found;
  const Netlink::Visit visit = [this, &found, value](const nlmsghdr& answer) {
    const std::optional<Interface> interface = read_interface(answer);
    if (interface && interface->route_localnet != value && pattern_.matches(*interface)) found.push_back(*interface);
  };
  base::Result<> listed = co_await (*netlink)->request(*message, visit);
  if (!listed) co_return base::fail(std::move(listed.error()), "list of interfaces");
  for (const Interface& interface : found) {
    const base::Result<> done = co_await set(**netlink, interface, value);
    if (!done) co_return std::unexpected(done.error());
  }
  co_return found.size();
}

base::Task<base::Result<std::size_t>> PodInterfaces::open_existing() { return set_all(true); }

base::Task<base::Result<>> PodInterfaces::close_existing() {
  const base::Result<std::size_t> done = co_await set_all(false);
  if (!done) co_return std::unexpected(done.error());
  co_return base::Result<>{};
}

base::Task<base::Result<>> PodInterfaces::follow() {
  base::Result<std::unique_ptr<Netlink>> events = Netlink::open(executor_, NETLINK_ROUTE);
  if (!events) co_return base::fail(std::move(events.error()), "interfaces");
  const base::Result<> subscribed = (*events)->subscribe(RTNLGRP_LINK);
  if (!subscribed) co_return std::unexpected(subscribed.error());
  base::Result<std::unique_ptr<Netlink>> requests = Netlink::open(executor_, NETLINK_ROUTE);
  if (!requests) co_return base::fail(std::move(requests.error()), "interfaces");
  // What appeared before the subscription.
  const base::Result<std::size_t> opened = co_await open_existing();
  if (!opened) co_return std::unexpected(opened.error());
  for (;;) {
    std::vector<Interface> appeared;
    const Netlink::Visit visit = [this, &appeared](const nlmsghdr& message) {
      const std::optional<Interface> interface = read_interface(message);
      if (interface && !interface->route_localnet && pattern_.matches(*interface) &&
          appeared.size() < kMaxNotificationsAtOnce) {
        appeared.push_back(*interface);
      }
    };
    const base::Result<bool> complete = co_await (*events)->notifications(visit);
    if (!complete) co_return std::unexpected(complete.error());
    if (!*complete || appeared.size() == kMaxNotificationsAtOnce) {
      const base::Result<std::size_t> again = co_await open_existing();
      if (!again) co_return std::unexpected(again.error());
      continue;
    }
    for (const Interface& interface : appeared) {
      const base::Result<> done = co_await set(**requests, interface, true);
      if (!done) co_return std::unexpected(done.error());
    }
  }
}

}  // namespace podid::nmi
