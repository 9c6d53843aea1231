// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/self_proof.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/log.hpp"
#include "nmi/netlink/netlink_attributes.hpp"
#include "nmi/netlink/own_links.hpp"
#include "nmi/redirect/pod_interfaces.hpp"
#include "nmi/redirect/tcp_probe.hpp"

namespace podid::nmi {
namespace {

using Mac = std::array<std::uint8_t, 6>;
constexpr Mac kNodeMac{0x02, 0xfe, 0x70, 0x6f, 0x64, 0x00};
// Nobody's: had it our end's, the kernel would take the answers for itself and forward them.
constexpr Mac kSomeMac{0x02, 0xfe, 0x70, 0x6f, 0x64, 0x01};
// RFC 7600's dummy address: in nobody's plan of addresses.
constexpr std::uint32_t kSource = 0xc0000008;
constexpr std::chrono::milliseconds kPatience{250};
constexpr int kTries = 2;

base::Task<base::Result<>> change(Netlink& netlink, nlmsghdr& message, const char* what) {
  const Netlink::Visit ignore = [](const nlmsghdr&) {};
  const base::Result<> done = co_await netlink.request(message, ignore);
  if (!done) co_return base::fail(done.error(), what);
  co_return base::Result<>{};
}

nlmsghdr* put_message(char* buffer, std::uint16_t type, int flags) {
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = type;
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
  return message;
}

ifinfomsg* put_link(nlmsghdr* message) {
  auto* link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
  link->ifi_family = AF_UNSPEC;
  return link;
}

base::Task<base::Result<>> remove_veth(Netlink& netlink) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* message = put_message(buffer, RTM_DELLINK, 0);
  put_link(message);
  mnl_attr_put_strz(message, IFLA_IFNAME, kProofNodeEnd);
  const base::Result<> removed = co_await change(netlink, *message, "removal of the proof's veth");
  if (!removed && removed.error().kind == base::ErrorKind::not_found) co_return base::Result<>{};
  co_return removed;
}

base::Task<base::Result<>> make_veth(Netlink& netlink) {
  alignas(nlmsghdr) char buffer[512];
  nlmsghdr* message = put_message(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
  put_link(message);
  mnl_attr_put_strz(message, IFLA_IFNAME, kProofNodeEnd);
  mnl_attr_put(message, IFLA_ADDRESS, kNodeMac.size(), kNodeMac.data());
  nlattr* info = mnl_attr_nest_start(message, IFLA_LINKINFO);
  mnl_attr_put_strz(message, IFLA_INFO_KIND, "veth");
  nlattr* data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
  nlattr* peer = mnl_attr_nest_start(message, VETH_INFO_PEER);
  put_link(message);
  mnl_attr_put_strz(message, IFLA_IFNAME, kProofOurEnd);
  mnl_attr_nest_end(message, peer);
  mnl_attr_nest_end(message, data);
  mnl_attr_nest_end(message, info);
  base::Result<> made = co_await change(netlink, *message, "the proof's veth");
  co_return made;
}

// Not while it is made: an end that has no other yet cannot go up.
base::Task<base::Result<>> set_up(Netlink& netlink, int interface) {
  alignas(nlmsghdr) char buffer[128];
  nlmsghdr* message = put_message(buffer, RTM_NEWLINK, 0);
  ifinfomsg* link = put_link(message);
  link->ifi_index = interface;
  link->ifi_flags = link->ifi_change = IFF_UP;
  base::Result<> done = co_await change(netlink, *message, "the proof's veth");
  co_return done;
}

base::Task<base::Result<>> add_route(Netlink& netlink, int interface) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* message = put_message(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
  auto* route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
  route->rtm_family = AF_INET;
  route->rtm_dst_len = 32;
  route->rtm_table = RT_TABLE_MAIN;
  route->rtm_protocol = RTPROT_STATIC;
  route->rtm_scope = RT_SCOPE_LINK;
  route->rtm_type = RTN_UNICAST;
  mnl_attr_put_u32(message, RTA_DST, htonl(kSource));
  mnl_attr_put_u32(message, RTA_OIF, static_cast<std::uint32_t>(interface));
  base::Result<> added = co_await change(netlink, *message, "the proof's route");
  co_return added;
}

base::Task<base::Result<>> add_neighbour(Netlink& netlink, int interface) {
  alignas(nlmsghdr) char buffer[256];
  nlmsghdr* message = put_message(buffer, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
  auto* neighbour = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ndmsg)));
  neighbour->ndm_family = AF_INET;
  neighbour->ndm_ifindex = interface;
  neighbour->ndm_state = NUD_PERMANENT;
  mnl_attr_put_u32(message, NDA_DST, htonl(kSource));
  mnl_attr_put(message, NDA_LLADDR, kSomeMac.size(), kSomeMac.data());
  base::Result<> added = co_await change(netlink, *message, "the proof's neighbour");
  co_return added;
}

std::unexpected<base::Error> socket_error(const char* what) {
  const bool denied = errno == EPERM || errno == EACCES;
  return base::fail(
      denied ? base::ErrorKind::denied : base::ErrorKind::unavailable,
      fmt::format("{}: {}{}", what, std::strerror(errno), denied ? " (needs the capability NET_RAW)" : ""));
}

}  // namespace

SelfProof::SelfProof(base::Executor executor, RedirectTarget target, ExpectedProof expected, base::Random& random)
    : executor_(executor), target_(std::move(target)), expected_(std::move(expected)), random_(random) {}

SelfProof::~SelfProof() { close(); }

void SelfProof::close() {
  if (packets_ >= 0) ::close(packets_);
  packets_ = -1;
}

base::Task<base::Result<>> SelfProof::open() {
  close();
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor_, NETLINK_ROUTE);
  if (!netlink) co_return std::unexpected(std::move(netlink.error()));
  const base::Result<> removed = co_await remove_veth(**netlink);
  if (!removed) co_return removed;
  // First what may be refused: no veth is left behind then.
  const int packets = ::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (packets < 0) co_return socket_error("packet socket");
  packets_ = packets;
  if (!hear_nothing(packets_)) co_return socket_error("packet socket");
  base::Result<> connected = co_await make_veth(**netlink);
  if (connected) connected = co_await connect();
  if (connected) co_return connected;
  close();
  const base::Result<> unplugged = co_await remove_veth(**netlink);
  if (!unplugged) base::log::warning("the proof's veth stays behind", {{"error", unplugged.error()}});
  co_return connected;
}

bool SelfProof::has_links() const {
  return node_end_ != 0 && static_cast<int>(::if_nametoindex(kProofNodeEnd)) == node_end_;
}

base::Task<base::Result<>> SelfProof::connect() {
  base::Result<std::unique_ptr<Netlink>> opened_netlink = Netlink::open(executor_, NETLINK_ROUTE);
  if (!opened_netlink) co_return std::unexpected(std::move(opened_netlink.error()));
  Netlink& netlink = **opened_netlink;
  const auto node_end = static_cast<int>(::if_nametoindex(kProofNodeEnd));
  const auto our_end = static_cast<int>(::if_nametoindex(kProofOurEnd));
  node_end_ = node_end;
  for (const int end : {node_end, our_end}) {
    const base::Result<> up = co_await set_up(netlink, end);
    if (!up) co_return up;
  }
  if (uses_loopback(target_)) {
    const base::Result<> opened = co_await set_route_localnet(netlink, node_end, true);
    if (!opened) co_return opened;
  }
  const base::Result<> routed = co_await add_route(netlink, node_end);
  if (!routed) co_return routed;
  const base::Result<> known = co_await add_neighbour(netlink, node_end);
  if (!known) co_return known;
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(ETH_P_IP);
  at.sll_ifindex = our_end;
  if (::bind(packets_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) co_return socket_error("packet socket");
  co_return base::Result<>{};
}

bool SelfProof::holds() {
  in_addr destination{};
  if (::inet_pton(AF_INET, target_.metadata_ip.c_str(), &destination) != 1) return false;
  for (int i = 0; i < kTries; ++i) {
    const std::uint64_t number = random_.next();
    const std::string nonce = fmt::format("{:016x}{:016x}", number, random_.next());
    const TcpProbe probe{.packets = packets_,
                         .source_mac = kSomeMac,
                         .gateway_mac = kNodeMac,
                         .source = kSource,
                         .destination = ntohl(destination.s_addr),
                         .source_port = static_cast<std::uint16_t>(1024 + number % 60'000),
                         .destination_port = target_.metadata_port,
                         .sequence = static_cast<std::uint32_t>(number >> 32)};
    const std::string request =
        fmt::format("GET /podid/prove?nonce={} HTTP/1.1\r\nHost: {}\r\nMetadata: true\r\nConnection: close\r\n\r\n",
                    nonce, target_.metadata_ip);
    if (ask(probe, request, expected_(nonce), kPatience)) return true;
  }
  return false;
}

base::Task<base::Result<>> remove_self_proof() {
  const base::Executor executor = co_await base::asio::this_coro::executor;
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor, NETLINK_ROUTE);
  if (!netlink) co_return std::unexpected(std::move(netlink.error()));
  base::Result<> removed = co_await remove_veth(**netlink);
  co_return removed;
}

}  // namespace podid::nmi
