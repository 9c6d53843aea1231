// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/fence.hpp"

#include <fmt/format.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/backoff.hpp"
#include "base/log.hpp"
#include "nmi/netlink/netlink_attributes.hpp"
#include "nmi/redirect/datapath.hpp"

namespace podid::nmi {
namespace {

constexpr base::BackoffOptions kRetry{.initial = std::chrono::milliseconds(20),
                                      .limit = std::chrono::milliseconds(10'000)};
constexpr std::chrono::seconds kTellAgain{10};
constexpr int kLooksAtATornList = 5;
// Of nobody, for the question where a pod's packet would go (RFC 7600, RFC 3849).
constexpr std::array<std::uint8_t, 4> kSomePod{192, 0, 0, 8};
constexpr std::array<std::uint8_t, 16> kSomePod6{0x20, 0x01, 0x0d, 0xb8};

bool is_among(const std::vector<FenceRule>& rules, const FenceRule& rule) {
  return std::ranges::find(rules, rule) != rules.end();
}

base::Task<base::Result<std::vector<FenceRule>>> list_rules(Netlink& netlink, int family) {
  alignas(nlmsghdr) char buffer[kRuleMessageBytes];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = RTM_GETRULE;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  header->rtm_family = static_cast<unsigned char>(family);
  for (int look = 1;; ++look) {
    std::vector<FenceRule> rules;
    const Netlink::Visit visit = [&rules](const nlmsghdr& answer) {
      std::optional<FenceRule> rule = read_rule(answer);
      if (rule) rules.push_back(std::move(*rule));
    };
    const base::Result<> listed = co_await netlink.request(*message, visit);
    if (listed) co_return rules;
    const bool torn = listed.error().kind == base::ErrorKind::conflict && look < kLooksAtATornList;
    if (!torn) co_return base::fail(listed.error(), "list of routing rules");
  }
}

base::Task<base::Result<>> change_rule(Netlink& netlink, std::uint16_t type, FenceRule rule) {
  alignas(nlmsghdr) char buffer[kRuleMessageBytes];
  nlmsghdr* message = put_rule(buffer, type, rule);
  const Netlink::Visit ignore = [](const nlmsghdr&) {};
  const base::Result<> done = co_await netlink.request(*message, ignore);
  const base::ErrorKind as_wanted = type == RTM_NEWRULE ? base::ErrorKind::already_exists : base::ErrorKind::not_found;
  if (!done && done.error().kind != as_wanted) {
    co_return base::fail(done.error(), fmt::format("routing rule of priority {}", rule.priority));
  }
  co_return base::Result<>{};
}

// What is of a fence and not in `wanted`. In the order in which nothing of the node's own is cut off.
base::Task<base::Result<>> remove_others(Netlink& netlink, std::uint32_t priority, std::vector<FenceRule> wanted) {
  for (const int family : {AF_INET, AF_INET6}) {
    const base::Result<std::vector<FenceRule>> found = co_await list_rules(netlink, family);
    // A kernel without IPv6 has no such rules.
    if (!found && family == AF_INET6 && found.error().kind == base::ErrorKind::unsupported) continue;
    if (!found) co_return std::unexpected(found.error());
    const std::vector<FenceRule> ours = rules_of_fences(*found, priority);
    for (const FenceRule::Kind kind : {FenceRule::Kind::close, FenceRule::Kind::skip, FenceRule::Kind::end}) {
      for (const FenceRule& rule : ours) {
        if (rule.kind != kind || is_among(wanted, rule)) continue;
        const base::Result<> removed = co_await change_rule(netlink, RTM_DELRULE, rule);
        if (!removed) co_return removed;
      }
    }
  }
  co_return base::Result<>{};
}

// Whether the kernel would forward a pod's packet that arrives at this interface.
base::Task<base::Result<bool>> is_forwarded(Netlink& netlink, FenceRule to, int interface) {
  alignas(nlmsghdr) char buffer[kRuleMessageBytes];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = RTM_GETROUTE;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  header->rtm_family = to.v6 ? AF_INET6 : AF_INET;
  header->rtm_dst_len = header->rtm_src_len = static_cast<unsigned char>(to.destination.size() * 8);
  mnl_attr_put(message, RTA_DST, to.destination.size(), to.destination.data());
  mnl_attr_put(message, RTA_SRC, to.destination.size(), to.v6 ? kSomePod6.data() : kSomePod.data());
  mnl_attr_put_u32(message, RTA_IIF, static_cast<std::uint32_t>(interface));
  if (to.port != 0) {
    mnl_attr_put_u8(message, RTA_IP_PROTO, IPPROTO_TCP);
    mnl_attr_put_u16(message, RTA_DPORT, htons(to.port));
  }
  bool forwarded = false;
  const Netlink::Visit visit = [&forwarded](const nlmsghdr& answer) {
    if (answer.nlmsg_type != RTM_NEWROUTE || answer.nlmsg_len < NLMSG_LENGTH(sizeof(rtmsg))) return;
    const auto* route = static_cast<const rtmsg*>(mnl_nlmsg_get_payload(&answer));
    // An address of the node itself is not forwarded to.
    forwarded = route->rtm_type == RTN_UNICAST || route->rtm_type == RTN_MULTICAST;
  };
  const base::Result<> asked = co_await netlink.request(*message, visit);
  if (asked) co_return forwarded;
  switch (asked.error().kind) {
    case base::ErrorKind::unsupported:  // EINVAL: the black hole
    case base::ErrorKind::denied:       // EACCES: somebody prohibits it
    case base::ErrorKind::unavailable:  // no route, or no forwarding there
    case base::ErrorKind::not_found:    // the interface has gone
      co_return false;
    default:
      co_return base::fail(asked.error(), "route of the pods' packets");
  }
}

}  // namespace

Fence::Fence(base::Executor executor, FenceOptions options, const RedirectTarget& target, InterfacePattern interfaces,
             base::Clock& clock, base::Random& random, base::MetricsRegistry& metrics, std::function<void()> on_change)
    : options_(options),
      executor_(executor),
      clock_(clock),
      random_(random),
      active_gauge_(metrics.gauge(base::metric::kNmiFenceActive).find_or_add()),
      repairs_(metrics.counter(base::metric::kNmiRedirectRepairs).find_or_add()),
      errors_(metrics.counter(base::metric::kNmiRedirectErrors).find_or_add()),
      on_change_(std::move(on_change)),
      target_(target),
      interfaces_(interfaces.none() ? *InterfacePattern::parse("auto") : std::move(interfaces)),
      bridged_(executor),
      tasks_(executor) {
  if (options_.priority == 0) return;
  rules_ = fence_rules(target, options_.priority);
  problem_ = routing_problem_ = "the fence has not been laid yet";
}

bool Fence::is_ours(const FenceRule& rule) const { return is_among(rules_, rule); }

void Fence::found(const base::Result<>& outcome) {
  routing_problem_ = outcome ? std::string() : "the fence: " + outcome.error().message;
  judge();
}

void Fence::found_of_bridges(const base::Result<>& outcome) {
  bridge_problem_.clear();
  if (!outcome && !uplink_.empty()) {
    bridge_problem_ = fmt::format("the fence: {} is a port of a bridge, and what is bridged asks no routing rule: {}",
                                  uplink_, outcome.error().message);
  }
  judge();
}

void Fence::judge() {
  const std::string before = std::exchange(problem_, routing_problem_.empty() ? bridge_problem_ : routing_problem_);
  active_gauge_->set(problem_.empty() ? 1 : 0);
  changed();
  if (problem_ == before) return;
  if (problem_.empty()) {
    base::log::info("the fence holds", {{"priority", static_cast<std::int64_t>(options_.priority)}});
  } else {
    base::log::error("the fence does not hold: only the redirect keeps pods from the real endpoint",
                     {{"problem", problem_}});
  }
}

void Fence::changed() const {
  if (on_change_) on_change_();
}

void Fence::failed() {
  errors_->increment();
  changed();
}

void Fence::altered() {
  repairs_->increment();
  changed();
  const base::SteadyTime now = clock_.steady_now();
  if (told_ != base::SteadyTime{} && now - told_ < kTellAgain) return;
  told_ = now;
  base::log::warning("rules of the fence were taken away, putting them back");
}

void Fence::saw_program(const std::optional<std::string>& where) {
  const bool known = program_ == where;
  program_ = where;
  if (known || !where) return;
  base::log::warning(
      "an eBPF program gets pods' packets before the rules of redirect and fence do: only the prober can tell whether "
      "they hold (deploy/prober.yaml)",
      {{"interface", *where}});
}

base::Task<base::Result<>> Fence::lay(Netlink& netlink) {
  for (const FenceRule& rule : rules_) {
    const base::Result<> laid = co_await change_rule(netlink, RTM_NEWRULE, rule);
    if (!laid) co_return laid;
  }
  co_return base::Result<>{};
}

base::Task<base::Result<>> Fence::prove(Netlink& netlink) {
  base::Result<std::vector<Interface>> interfaces = co_await list_interfaces(netlink);
  if (!interfaces) co_return std::unexpected(std::move(interfaces.error()));
  for (const Interface& interface : *interfaces) {
    if (!interfaces_.matches(interface)) continue;
    for (const FenceRule& rule : rules_) {
      if (rule.kind != FenceRule::Kind::close || rule.priority != options_.priority + 1) continue;
      const base::Result<bool> forwarded = co_await is_forwarded(netlink, rule, interface.index);
      if (!forwarded) co_return std::unexpected(forwarded.error());
      if (!*forwarded) continue;
      co_return base::fail(base::ErrorKind::unavailable,
                           fmt::format("what arrives at {} would be forwarded: a routing rule of somebody else stands "
                                       "before ours of priority {}",
                                       interface.name, options_.priority));
    }
  }
  co_return base::Result<>{};
}

base::Task<base::Result<>> Fence::lay_bridges() {
  std::string mark = "podid-fence " + random_.uuid();
  bridge_watch_.expect(mark);
  base::Result<> laid = co_await lay_bridge_fence(target_, std::move(mark));
  co_return laid;
}

base::Task<base::Result<>> Fence::close_bridges(std::vector<Interface> interfaces) {
  const std::vector<std::string> uplinks = bridged_uplinks(interfaces);
  uplink_ = uplinks.empty() ? std::string() : uplinks.front();
  if (uplink_.empty()) co_return base::Result<>{};
  bridged_.notify();
  base::Result<> laid = co_await lay_bridges();
  co_return laid;
}

base::Task<base::Result<>> Fence::look() {
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor_, NETLINK_ROUTE);
  if (!netlink) co_return std::unexpected(std::move(netlink.error()));
  const base::Result<> laid = co_await lay(**netlink);
  if (!laid) co_return laid;
  // Of an earlier run with other flags.
  const base::Result<> removed = co_await remove_others(**netlink, options_.priority, rules_);
  if (!removed) co_return removed;
  base::Result<std::vector<Interface>> interfaces = co_await list_interfaces(**netlink);
  if (!interfaces) co_return std::unexpected(std::move(interfaces.error()));
  const base::Result<std::optional<std::string>> program = co_await program_before_rules(**netlink, *interfaces);
  if (program) saw_program(*program);
  const base::Result<> closed = co_await close_bridges(std::move(*interfaces));
  if (!closed && closed.error().kind == base::ErrorKind::cancelled) co_return closed;
  if (!closed) failed();
  found_of_bridges(closed);
  base::Result<> proven = co_await prove(**netlink);
  co_return proven;
}

base::Task<> Fence::start() {
  if (options_.priority == 0) {
    base::log::warning("no fence: only the redirect keeps pods from the real endpoint (--fence-priority=0)");
    co_return;
  }
  const base::Result<> looked = co_await look();
  found(looked);
  tasks_.spawn("keep fence", keep());
  tasks_.spawn("look at fence", look_again_and_again());
  tasks_.spawn("keep bridges closed", keep_bridges());
}

base::Task<> Fence::stop() {
  tasks_.stop();
  co_await tasks_.join();
}

base::Task<base::Result<>> Fence::remove() {
  active_gauge_->set(0);
  changed();
  base::Result<> removed = co_await remove_fence(options_.priority);
  co_return removed;
}

base::Task<> Fence::keep() {
  base::Backoff backoff(kRetry, random_);
  for (;;) {
    const base::Result<> ended = co_await follow();
    failed();
    found(ended);
    co_await clock_.sleep_for(backoff.next());
  }
}

base::Task<> Fence::look_again_and_again() {
  for (;;) {
    co_await clock_.sleep_for(options_.check_interval);
    const base::Result<> looked = co_await look();
    if (!looked) failed();
    found(looked);
  }
}

base::Task<base::Result<>> Fence::follow() {
  base::Result<std::unique_ptr<Netlink>> events = Netlink::open(executor_, NETLINK_ROUTE);
  if (!events) co_return std::unexpected(std::move(events.error()));
  for (const int group : {RTNLGRP_IPV4_RULE, RTNLGRP_IPV6_RULE, RTNLGRP_LINK}) {
    const base::Result<> subscribed = (*events)->subscribe(group);
    if (!subscribed) co_return subscribed;
  }
  base::Result<std::unique_ptr<Netlink>> requests = Netlink::open(executor_, NETLINK_ROUTE);
  if (!requests) co_return std::unexpected(std::move(requests.error()));
  bool damaged = true;  // what happened before the subscription
  bool foreign = true;
  for (;;) {
    if (damaged) {
      const base::Result<> laid = co_await lay(**requests);
      if (!laid) co_return laid;
    }
    if (foreign) {
      const base::Result<> proven = co_await prove(**requests);
      if (!proven && proven.error().kind != base::ErrorKind::unavailable) co_return proven;
      found(proven);
    }
    damaged = foreign = false;
    bool bridged = false;
    const Netlink::Visit visit = [this, &damaged, &foreign, &bridged](const nlmsghdr& message) {
      if (message.nlmsg_type == RTM_NEWLINK) {
        const std::optional<Interface> interface = read_interface(message);
        bridged |= uplink_.empty() && interface && leads_away(*interface);
      }
      if (message.nlmsg_type != RTM_NEWRULE && message.nlmsg_type != RTM_DELRULE) return;
      const std::optional<FenceRule> rule = read_rule(message);
      const bool ours = rule && is_ours(*rule);
      damaged |= ours && message.nlmsg_type == RTM_DELRULE;
      foreign |= !ours;  // it may stand before ours, or have done so
    };
    const base::Result<bool> complete = co_await (*events)->notifications(visit);
    if (!complete) co_return std::unexpected(complete.error());
    if (!*complete) damaged = foreign = true;
    if (damaged) altered();
    if (bridged) {
      const base::Result<> looked = co_await look();
      if (!looked) co_return looked;
      found(looked);
    }
  }
}

base::Task<> Fence::keep_bridges() {
  base::Backoff backoff(kRetry, random_);
  for (;;) {
    while (uplink_.empty()) co_await bridged_.wait();
    const base::Result<> ended = co_await follow_bridges();
    if (ended.error().kind == base::ErrorKind::cancelled) co_return;
    failed();
    found_of_bridges(ended);
    co_await clock_.sleep_for(backoff.next());
  }
}

// Returns when it cannot go on, with why.
base::Task<base::Result<>> Fence::follow_bridges() {
  base::Result<std::unique_ptr<Netlink>> events = Netlink::open(executor_, NETLINK_NETFILTER);
  if (!events) co_return base::fail(std::move(events.error()), "nftables notifications");
  const base::Result<> subscribed = (*events)->subscribe(NFNLGRP_NFTABLES);
  if (!subscribed) co_return base::fail(subscribed.error(), "nftables notifications");
  bool damaged = true;  // what happened before the subscription
  for (;;) {
    if (damaged) {
      const base::Result<> laid = co_await lay_bridges();
      if (!laid) co_return laid;
      found_of_bridges(laid);
    }
    damaged = false;
    const Netlink::Visit visit = [this, &damaged](const nlmsghdr& message) {
      damaged |= bridge_watch_.observe(message);
    };
    const base::Result<bool> complete = co_await (*events)->notifications(visit);
    if (!complete) co_return base::fail(complete.error(), "nftables notifications");
    damaged |= !*complete;
    if (damaged) altered();
  }
}

base::Task<base::Result<>> remove_fence(std::uint32_t priority) {
  const base::Executor executor = co_await base::asio::this_coro::executor;
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor, NETLINK_ROUTE);
  if (!netlink) co_return std::unexpected(std::move(netlink.error()));
  base::Result<> removed = co_await remove_others(**netlink, priority, {});
  const base::Result<> bridge = co_await remove_bridge_fence();
  co_return removed ? bridge : removed;
}

}  // namespace podid::nmi
