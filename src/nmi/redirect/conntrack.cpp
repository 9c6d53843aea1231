// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/conntrack.hpp"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <boost/asio/ip/address.hpp>
#include <cstring>
#include <string>
#include <vector>

#include "nmi/netlink/netlink.hpp"
#include "nmi/netlink/netlink_attributes.hpp"

namespace podid::nmi {
namespace {

constexpr int kDumpAttempts = 3;
constexpr std::uint16_t message_type(int message) {
  return static_cast<std::uint16_t>((NFNL_SUBSYS_CTNETLINK << 8) | message);
}

// One side of a connection: addresses in network order, as bytes.
struct Tuple {
  std::string source, destination;
  std::uint8_t protocol = 0;
  std::uint16_t source_port = 0, destination_port = 0;
};

std::uint16_t port_of(const nlattr& attribute) {
  return attribute_bytes(attribute).size() >= sizeof(std::uint16_t) ? ntohs(mnl_attr_get_u16(&attribute))
                                                                    : std::uint16_t{0};
}

Tuple read_tuple(const nlattr& tuple) {
  Tuple read;
  each_nested(tuple, [&read](const nlattr& part) {
    const int kind = mnl_attr_get_type(&part);
    each_nested(part, [&read, kind](const nlattr& field) {
      const int type = mnl_attr_get_type(&field);
      if (kind == CTA_TUPLE_IP) {
        if (type == CTA_IP_V4_SRC || type == CTA_IP_V6_SRC) read.source = attribute_bytes(field);
        if (type == CTA_IP_V4_DST || type == CTA_IP_V6_DST) read.destination = attribute_bytes(field);
      } else if (kind == CTA_TUPLE_PROTO) {
        if (type == CTA_PROTO_NUM) read.protocol = mnl_attr_get_u8(&field);
        if (type == CTA_PROTO_SRC_PORT) read.source_port = port_of(field);
        if (type == CTA_PROTO_DST_PORT) read.destination_port = port_of(field);
      }
    });
  });
  return read;
}

std::string address_bytes(const std::string& text) {
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(text, error);
  if (error) return {};
  if (address.is_v4()) {
    const auto bytes = address.to_v4().to_bytes();
    return {bytes.begin(), bytes.end()};
  }
  const auto bytes = address.to_v6().to_bytes();
  return {bytes.begin(), bytes.end()};
}

// What names an entry to the kernel: its original tuple and, where it has one, its zone.
struct Entry {
  std::string original;  // payload of CTA_TUPLE_ORIG
  std::string zone;      // payload of CTA_ZONE
};

nlmsghdr* put_header(char* buffer, int message, int flags, std::uint8_t family) {
  nlmsghdr* header = mnl_nlmsg_put_header(buffer);
  header->nlmsg_type = message_type(message);
  header->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  auto* extra = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(nfgenmsg)));
  extra->nfgen_family = family;
  extra->version = NFNETLINK_V0;
  extra->res_id = 0;
  return header;
}

struct Wanted {
  std::uint8_t family;
  std::string metadata_address;
  std::uint16_t metadata_port;
  std::string listen_address;
  std::uint16_t listen_port;
};

void collect(const nlmsghdr& message, const Wanted& wanted, std::vector<Entry>& found) {
  Entry entry;
  Tuple original, reply;
  each_attribute(message, sizeof(nfgenmsg), [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case CTA_TUPLE_ORIG:
        entry.original = attribute_bytes(attribute);
        original = read_tuple(attribute);
        break;
      case CTA_TUPLE_REPLY:
        reply = read_tuple(attribute);
        break;
      case CTA_ZONE:
        entry.zone = attribute_bytes(attribute);
        break;
      default:
        break;
    }
  });
  if (original.protocol != IPPROTO_TCP || original.destination_port != wanted.metadata_port ||
      original.destination != wanted.metadata_address) {
    return;
  }
  if (reply.source == wanted.listen_address && reply.source_port == wanted.listen_port) return;
  found.push_back(std::move(entry));
}

base::Task<base::Result<std::vector<Entry>>> find_entries(Netlink& netlink, Wanted wanted) {
  base::Result<> dumped;
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    std::vector<Entry> found;
    alignas(nlmsghdr) char buffer[256];
    nlmsghdr* message = put_header(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, wanted.family);
    const Netlink::Visit visit = [&wanted, &found](const nlmsghdr& entry) { collect(entry, wanted, found); };
    dumped = co_await netlink.request(*message, visit);
    if (dumped) co_return found;
    if (dumped.error().kind != base::ErrorKind::conflict) break;
  }
  co_return std::unexpected(dumped.error());
}

base::Task<base::Result<std::size_t>> delete_family(Netlink& netlink, Wanted wanted) {
  const base::Result<std::vector<Entry>> entries = co_await find_entries(netlink, wanted);
  if (!entries) co_return std::unexpected(entries.error());
  const Netlink::Visit ignore = [](const nlmsghdr&) {};
  for (const Entry& entry : *entries) {
    alignas(nlmsghdr) char buffer[1024];
    nlmsghdr* message = put_header(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, wanted.family);
    if (entry.original.size() + entry.zone.size() > sizeof(buffer) / 2) continue;  // no tuple is that large
    mnl_attr_put(message, CTA_TUPLE_ORIG | NLA_F_NESTED, entry.original.size(), entry.original.data());
    if (!entry.zone.empty()) mnl_attr_put(message, CTA_ZONE, entry.zone.size(), entry.zone.data());
    const base::Result<> deleted = co_await netlink.request(*message, ignore);
    if (!deleted && deleted.error().kind != base::ErrorKind::not_found) co_return std::unexpected(deleted.error());
  }
  co_return entries->size();
}

}  // namespace

base::Task<base::Result<std::size_t>> delete_stale_connections(RedirectTarget target) {
  const base::Executor executor = co_await base::asio::this_coro::executor;
  base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(executor, NETLINK_NETFILTER);
  if (!netlink) co_return base::fail(std::move(netlink.error()), "connection tracking");
  const Wanted ipv4{AF_INET, address_bytes(target.metadata_ip), target.metadata_port, address_bytes(target.listen_ip),
                    target.listen_port};
  base::Result<std::size_t> deleted = co_await delete_family(**netlink, ipv4);
  if (!deleted) co_return base::fail(std::move(deleted.error()), "connection tracking");
  if (target.metadata_ip6.empty()) co_return deleted;
  const Wanted ipv6{AF_INET6, address_bytes(target.metadata_ip6), target.metadata_port,
                    address_bytes(target.listen_ip6), target.listen_port};
  base::Result<std::size_t> deleted6 = co_await delete_family(**netlink, ipv6);
  if (!deleted6) co_return base::fail(std::move(deleted6.error()), "connection tracking");
  co_return *deleted + *deleted6;
}

}  // namespace podid::nmi
