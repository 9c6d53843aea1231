// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/fence_rules.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cstring>

#include "nmi/netlink/netlink_attributes.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kNodeItself = "lo";  // the interface from which locally sent packets come, to these rules
constexpr std::uint32_t kRulesOfAFence = 4;
// FRA_DPORT_MASK of Linux 6.15, which tells it with every port.
constexpr int kPortMask = 29;

std::string bytes_of(const std::string& address) {
  const auto parsed = boost::asio::ip::make_address(address);
  if (parsed.is_v4()) {
    const auto bytes = parsed.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  const auto bytes = parsed.to_v6().to_bytes();
  return {bytes.begin(), bytes.end()};
}

template <class T>
T number_of(const nlattr& attribute) {
  T value{};
  if (attribute_bytes(attribute).size() >= sizeof value)
    std::memcpy(&value, mnl_attr_get_payload(&attribute), sizeof value);
  return value;
}

// What a message says, before it is known to be of a fence.
struct Selectors {
  FenceRule rule;
  std::uint32_t target = 0;
  std::string interface;
  std::uint8_t origin = 0;
  std::uint8_t protocol = 0;
  bool others = false;  // something that no rule of a fence selects by
};

void read_attribute(const nlattr& attribute, Selectors& read) {
  switch (mnl_attr_get_type(&attribute)) {
    case FRA_PRIORITY:
      read.rule.priority = number_of<std::uint32_t>(attribute);
      break;
    case FRA_DST:
      read.rule.destination = attribute_bytes(attribute);
      break;
    case FRA_IIFNAME:
      read.interface = attribute_text(attribute);
      break;
    case FRA_GOTO:
      read.target = number_of<std::uint32_t>(attribute);
      break;
    case FRA_PROTOCOL:
      read.origin = number_of<std::uint8_t>(attribute);
      break;
    case FRA_IP_PROTO:
      read.protocol = number_of<std::uint8_t>(attribute);
      break;
    case FRA_DPORT_RANGE: {
      const auto range = number_of<fib_rule_port_range>(attribute);
      read.rule.port = range.start;
      read.others |= range.start != range.end || range.start == 0;
      break;
    }
    case kPortMask:
      read.others |= number_of<std::uint16_t>(attribute) != 0xffff;
      break;
    case FRA_TABLE:
    case FRA_SUPPRESS_PREFIXLEN:  // always there
    case FRA_PAD:
      break;
    default:
      read.others = true;
  }
}

std::optional<FenceRule::Kind> kind_of(const Selectors& read, std::uint8_t action) {
  const bool to_port = read.rule.port != 0;
  if (to_port != (read.protocol == IPPROTO_TCP) || (!to_port && read.protocol != 0)) return std::nullopt;
  const bool from_node = read.interface == kNodeItself;
  if (!from_node && !read.interface.empty()) return std::nullopt;
  const bool somewhere = !read.rule.destination.empty();
  if (action == FR_ACT_GOTO && from_node && somewhere && !to_port &&
      read.target == read.rule.priority + kRulesOfAFence - 1) {
    return FenceRule::Kind::skip;
  }
  if (action == FR_ACT_BLACKHOLE && !from_node && somewhere) return FenceRule::Kind::close;
  if (action == FR_ACT_NOP && !from_node && !somewhere && !to_port) return FenceRule::Kind::end;
  return std::nullopt;
}

}  // namespace

std::vector<FenceRule> fence_rules(const RedirectTarget& target, std::uint32_t priority) {
  using Kind = FenceRule::Kind;
  struct Closed {
    bool v6;
    std::string destination;
    std::vector<std::uint16_t> ports;
  };
  std::vector<Closed> closed{{false, bytes_of(target.metadata_ip), {0}}};
  if (target.close_wireserver) {
    closed.push_back({false, bytes_of(std::string(kWireserver)), {kWireserverPorts.begin(), kWireserverPorts.end()}});
  }
  if (!target.metadata_ip6.empty()) closed.push_back({true, bytes_of(target.metadata_ip6), {0}});
  std::vector<FenceRule> rules{{Kind::end, false, priority + 3, {}, 0}};
  if (!target.metadata_ip6.empty()) rules.push_back({Kind::end, true, priority + 3, {}, 0});
  for (const Closed& each : closed) rules.push_back({Kind::skip, each.v6, priority, each.destination, 0});
  for (const std::uint32_t once : {priority + 1, priority + 2}) {
    for (const Closed& each : closed) {
      for (const std::uint16_t port : each.ports) rules.push_back({Kind::close, each.v6, once, each.destination, port});
    }
  }
  return rules;
}

nlmsghdr* put_rule(char* buffer, std::uint16_t type, const FenceRule& rule) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = type;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  if (type == RTM_NEWRULE) message->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
  auto* header = static_cast<fib_rule_hdr*>(mnl_nlmsg_put_extra_header(message, sizeof(fib_rule_hdr)));
  header->family = rule.v6 ? AF_INET6 : AF_INET;
  header->dst_len = static_cast<std::uint8_t>(rule.destination.size() * 8);
  mnl_attr_put_u32(message, FRA_PRIORITY, rule.priority);
  mnl_attr_put_u8(message, FRA_PROTOCOL, RTPROT_KERNEL);
  if (!rule.destination.empty()) mnl_attr_put(message, FRA_DST, rule.destination.size(), rule.destination.data());
  switch (rule.kind) {
    case FenceRule::Kind::skip:
      header->action = FR_ACT_GOTO;
      mnl_attr_put_strz(message, FRA_IIFNAME, std::string(kNodeItself).c_str());
      mnl_attr_put_u32(message, FRA_GOTO, rule.priority + kRulesOfAFence - 1);
      break;
    case FenceRule::Kind::close:
      header->action = FR_ACT_BLACKHOLE;
      break;
    case FenceRule::Kind::end:
      header->action = FR_ACT_NOP;
      break;
  }
  if (rule.port != 0) {
    const fib_rule_port_range range{.start = rule.port, .end = rule.port};
    mnl_attr_put_u8(message, FRA_IP_PROTO, IPPROTO_TCP);
    mnl_attr_put(message, FRA_DPORT_RANGE, sizeof range, &range);
  }
  return message;
}

std::optional<FenceRule> read_rule(const nlmsghdr& message) {
  if (message.nlmsg_type != RTM_NEWRULE && message.nlmsg_type != RTM_DELRULE) return std::nullopt;
  if (message.nlmsg_len < NLMSG_LENGTH(sizeof(fib_rule_hdr))) return std::nullopt;
  const auto* header = static_cast<const fib_rule_hdr*>(mnl_nlmsg_get_payload(&message));
  if (header->family != AF_INET && header->family != AF_INET6) return std::nullopt;
  Selectors read;
  read.rule.v6 = header->family == AF_INET6;
  each_attribute(message, sizeof(fib_rule_hdr), [&read](const nlattr& attribute) { read_attribute(attribute, read); });
  const bool whole = header->dst_len == read.rule.destination.size() * 8;
  if (read.others || !whole || header->src_len != 0 || header->tos != 0 || (header->flags & FIB_RULE_INVERT) != 0 ||
      read.origin != RTPROT_KERNEL) {
    return std::nullopt;
  }
  const std::optional<FenceRule::Kind> kind = kind_of(read, header->action);
  if (!kind) return std::nullopt;
  read.rule.kind = *kind;
  return std::move(read.rule);
}

std::vector<FenceRule> rules_of_fences(const std::vector<FenceRule>& found, std::uint32_t priority) {
  std::vector<std::uint32_t> bases{priority};
  for (const FenceRule& rule : found) {
    if (rule.kind == FenceRule::Kind::skip) bases.push_back(rule.priority);
  }
  std::vector<FenceRule> ours;
  std::ranges::copy_if(found, std::back_inserter(ours), [&bases](const FenceRule& rule) {
    return std::ranges::any_of(bases, [&rule](std::uint32_t base) {
      if (rule.kind == FenceRule::Kind::skip) return rule.priority == base;
      if (rule.kind == FenceRule::Kind::end) return rule.priority == base + 3;
      return rule.priority == base + 1 || rule.priority == base + 2;
    });
  });
  return ours;
}

}  // namespace podid::nmi
