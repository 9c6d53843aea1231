// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/datapath.hpp"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "nmi/netlink/netlink_attributes.hpp"

namespace podid::nmi {
namespace {

// linux/bpf.h of 6.6 has them: bpf(BPF_PROG_QUERY) of what is attached at BPF_TCX_INGRESS.
constexpr int kProgramQuery = 16;
constexpr std::uint32_t kTcxIngress = 46;
struct TcxQuery {
  std::uint32_t interface = 0;
  std::uint32_t attach_type = kTcxIngress;
  std::uint32_t query_flags = 0;
  std::uint32_t attach_flags = 0;
  std::uint64_t ids = 0;
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
  std::uint64_t rest[4]{};
};

bool has_tcx_program(int interface) {
  TcxQuery query;
  query.interface = static_cast<std::uint32_t>(interface);
  return ::syscall(SYS_bpf, kProgramQuery, &query, sizeof query) == 0 && query.count > 0;
}

base::Task<base::Result<bool>> has_tc_program(Netlink& netlink, int interface) {
  alignas(nlmsghdr) char buffer[128];
  nlmsghdr* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = RTM_GETTFILTER;
  message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  auto* header = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(tcmsg)));
  header->tcm_family = AF_UNSPEC;
  header->tcm_ifindex = interface;
  header->tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS);
  bool found = false;
  const Netlink::Visit visit = [&found](const nlmsghdr& answer) {
    if (answer.nlmsg_type != RTM_NEWTFILTER || answer.nlmsg_len < NLMSG_LENGTH(sizeof(tcmsg))) return;
    each_attribute(answer, sizeof(tcmsg), [&found](const nlattr& attribute) {
      found |= mnl_attr_get_type(&attribute) == TCA_KIND && attribute_text(attribute) == "bpf";
    });
  };
  const base::Result<> listed = co_await netlink.request(*message, visit);
  // A kernel without these filters, or an interface without a place for them, or none any more.
  const bool nothing = !listed && (listed.error().kind == base::ErrorKind::unsupported ||
                                   listed.error().kind == base::ErrorKind::not_found);
  if (!listed && !nothing) co_return base::fail(listed.error(), "list of tc filters");
  co_return found;
}

}  // namespace

base::Task<base::Result<std::optional<std::string>>> program_before_rules(Netlink& netlink,
                                                                          std::vector<Interface> interfaces) {
  for (const Interface& interface : interfaces) {
    if (interface.kind == "netkit") co_return interface.name + " (netkit)";
    if (interface.kind != "veth" && interface.kind != "bridge") continue;
    if (has_tcx_program(interface.index)) co_return interface.name + " (tcx)";
    const base::Result<bool> found = co_await has_tc_program(netlink, interface.index);
    if (!found) co_return std::unexpected(found.error());
    if (*found) co_return interface.name + " (tc)";
  }
  co_return std::nullopt;
}

}  // namespace podid::nmi
