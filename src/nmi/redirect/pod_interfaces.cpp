// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/pod_interfaces.hpp"

#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "base/log.hpp"
#include "base/text.hpp"
#include "nmi/netlink/netlink_attributes.hpp"

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

constexpr std::string_view kMark = "podid-localnet-";

// IFLA_AF_SPEC → AF_INET → IFLA_INET_CONF: an array of the interface's IPv4 settings, numbered from 1.
std::optional<bool> route_localnet_of(const nlattr& af_spec) {
  std::optional<bool> value;
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

std::string mark_of(const nlattr& properties) {
  std::string mark;
  each_nested(properties, [&mark](const nlattr& property) {
    if (mnl_attr_get_type(&property) != IFLA_ALT_IFNAME) return;
    if (attribute_text(property).starts_with(kMark)) mark = attribute_text(property);
  });
  return mark;
}

std::string kind_of(const nlattr& link_info) {
  std::string kind;
  each_nested(link_info, [&kind](const nlattr& info) {
    if (mnl_attr_get_type(&info) == IFLA_INFO_KIND) kind = attribute_text(info);
  });
  return kind;
}

// A request about one interface.
ifinfomsg* put_link(nlmsghdr* message, int type, int flags, int index) {
  message->nlmsg_type = static_cast<std::uint16_t>(type);
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_family = AF_UNSPEC;
  link->ifi_index = index;
  return link;
}

base::Task<base::Result<>> acknowledged(Netlink& netlink, nlmsghdr& message) {
  const Netlink::Visit ignore = [](const nlmsghdr&) {};
  base::Result<> done = co_await netlink.request(message, ignore);
  if (!done && done.error().kind == base::ErrorKind::not_found) co_return base::Result<>{};  // it has gone meanwhile
  co_return done;
}

// RTM_NEWLINKPROP or RTM_DELLINKPROP.
base::Task<base::Result<>> change_mark(Netlink& netlink, int change, int index, std::string mark) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  put_link(message, change, NLM_F_ACK, index);
  nlattr* properties = mnl_attr_nest_start(message, IFLA_PROP_LIST);
  mnl_attr_put_strz(message, IFLA_ALT_IFNAME, mark.c_str());
  mnl_attr_nest_end(message, properties);
  base::Result<> done = co_await acknowledged(netlink, *message);
  if (!done && done.error().kind == base::ErrorKind::already_exists) co_return base::Result<>{};
  co_return done;
}

}  // namespace

base::Task<base::Result<>> set_route_localnet(Netlink& netlink, int index, bool value) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  put_link(message, RTM_NEWLINK, NLM_F_ACK, index);
  nlattr* af_spec = mnl_attr_nest_start(message, IFLA_AF_SPEC);
  nlattr* family = mnl_attr_nest_start(message, AF_INET);
  nlattr* settings = mnl_attr_nest_start(message, IFLA_INET_CONF);
  mnl_attr_put_u32(message, IPV4_DEVCONF_ROUTE_LOCALNET, value ? 1 : 0);
  mnl_attr_nest_end(message, settings);
  mnl_attr_nest_end(message, family);
  mnl_attr_nest_end(message, af_spec);
  base::Result<> done = co_await acknowledged(netlink, *message);
  co_return done;
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
        interface.master = static_cast<int>(mnl_attr_get_u32(&attribute));
        break;
      case IFLA_AF_SPEC:
        interface.route_localnet = route_localnet_of(attribute);
        break;
      case IFLA_PROP_LIST:
        interface.mark = mark_of(attribute);
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

PodInterfaces::PodInterfaces(base::Executor executor, InterfacePattern pattern, std::function<void()> on_change)
    : executor_(executor), pattern_(std::move(pattern)), on_change_(std::move(on_change)) {}

void PodInterfaces::set_problem(std::string problem) {
  if (problem == problem_) return;
  problem_ = std::move(problem);
  if (on_change_) on_change_();
}

bool PodInterfaces::to_open(const Interface& interface) const {
  return interface.route_localnet == false && pattern_.matches(interface);
}

base::Task<base::Result<>> PodInterfaces::open(Netlink& netlink, Interface interface) {
  // The mark first: what is open without one stays open for good.
  const base::Result<> marked = co_await change_mark(netlink, RTM_NEWLINKPROP, interface.index,
                                                     std::string(kMark) + std::to_string(interface.index));
  if (!marked && marked.error().kind != base::ErrorKind::unsupported) {
    co_return base::fail(marked.error(), "mark of interface " + interface.name);
  }
  if (!marked && !std::exchange(told_of_no_marks_, true)) {
    base::log::warning("this kernel has no alternative names of interfaces: --uninstall will not clear route_localnet",
                       {{"interface", interface.name}});
  }
  const base::Result<> done = co_await set_route_localnet(netlink, interface.index, true);
  if (!done) co_return base::fail(done.error(), "route_localnet of interface " + interface.name);
  base::log::debug("route_localnet set", {{"interface", interface.name}});
  co_return base::Result<>{};
}

base::Task<base::Result<>> PodInterfaces::open_all(Netlink& netlink, std::vector<Interface> interfaces) {
  // One that cannot be opened keeps no other closed.
  base::Result<> result;
  for (const Interface& interface : interfaces) {
    const base::Result<> done = co_await open(netlink, interface);
    if (!done && result) result = done;
  }
  co_return result;
}

base::Task<base::Result<std::vector<Interface>>> list_interfaces(Netlink& netlink) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  put_link(message, RTM_GETLINK, NLM_F_DUMP, 0);
  std::vector<Interface> found;
  const Netlink::Visit visit = [&found](const nlmsghdr& answer) {
    std::optional<Interface> interface = read_interface(answer);
    if (interface) found.push_back(std::move(*interface));
  };
  const base::Result<> listed = co_await netlink.request(*message, visit);
  if (!listed) co_return base::fail(listed.error(), "list of interfaces");
  co_return found;
}

base::Task<base::Result<>> PodInterfaces::open_existing(Netlink& netlink) {
  base::Result<std::vector<Interface>> interfaces = co_await list_interfaces(netlink);
  if (!interfaces) co_return std::unexpected(std::move(interfaces.error()));
  std::erase_if(*interfaces, [this](const Interface& interface) { return !to_open(interface); });
  base::Result<> done = co_await open_all(netlink, std::move(*interfaces));
  if (done) set_problem({});
  co_return done;
}

base::Task<base::Result<>> PodInterfaces::close_opened() {
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor_, NETLINK_ROUTE);
  if (!netlink) co_return base::fail(std::move(netlink.error()), "interfaces");
  const base::Result<std::vector<Interface>> interfaces = co_await list_interfaces(**netlink);
  if (!interfaces) co_return std::unexpected(interfaces.error());
  for (const Interface& interface : *interfaces) {
    if (interface.mark.empty()) continue;
    const base::Result<> closed = co_await set_route_localnet(**netlink, interface.index, false);
    if (!closed) co_return base::fail(closed.error(), "route_localnet of interface " + interface.name);
    const base::Result<> unmarked = co_await change_mark(**netlink, RTM_DELLINKPROP, interface.index, interface.mark);
    if (!unmarked) co_return base::fail(unmarked.error(), "mark of interface " + interface.name);
  }
  co_return base::Result<>{};
}

base::Task<base::Result<>> PodInterfaces::keep_open() {
  base::Result<> ended = co_await follow();
  set_problem(ended.error().message);
  co_return ended;
}

base::Task<base::Result<>> PodInterfaces::follow() {
  base::Result<std::unique_ptr<Netlink>> events = Netlink::open(executor_, NETLINK_ROUTE);
  if (!events) co_return base::fail(std::move(events.error()), "interfaces");
  const base::Result<> subscribed = (*events)->subscribe(RTNLGRP_LINK);
  if (!subscribed) co_return std::unexpected(subscribed.error());
  base::Result<std::unique_ptr<Netlink>> requests = Netlink::open(executor_, NETLINK_ROUTE);
  if (!requests) co_return base::fail(std::move(requests.error()), "interfaces");
  // What appeared before the subscription.
  const base::Result<> opened = co_await open_existing(**requests);
  if (!opened) co_return opened;
  for (;;) {
    std::vector<Interface> appeared;
    const Netlink::Visit visit = [this, &appeared](const nlmsghdr& message) {
      std::optional<Interface> interface = read_interface(message);
      if (interface && to_open(*interface) && appeared.size() < kMaxNotificationsAtOnce) {
        appeared.push_back(std::move(*interface));
      }
    };
    const base::Result<bool> complete = co_await (*events)->notifications(visit);
    if (!complete) co_return std::unexpected(complete.error());
    const bool all = *complete && appeared.size() < kMaxNotificationsAtOnce;
    base::Result<> done;
    if (all) {
      done = co_await open_all(**requests, std::move(appeared));
    } else {
      done = co_await open_existing(**requests);
    }
    if (!done) co_return done;
  }
}

}  // namespace podid::nmi
