// SPDX-License-Identifier: Apache-2.0
// Programs that get pods' packets before the rules (SEC-13). Needs root.
#include "nmi/redirect/datapath.hpp"

#include <linux/bpf.h>
#include <net/if.h>
#include <sys/syscall.h>

#include "nmi/redirect/node_namespace.hpp"

namespace podid::nmi {
namespace {

class DatapathRootTest : public NodeNamespaceTest {
 protected:
  std::string seen() {
    const base::Result<std::unique_ptr<Netlink>> netlink = Netlink::open(io.get_executor(), NETLINK_ROUTE);
    base::Result<std::vector<Interface>> interfaces = test::run_task(io, list_interfaces(**netlink));
    const auto program = test::run_task(io, program_before_rules(**netlink, *std::move(interfaces)));
    return program ? program->value_or("nothing") : program.error().message;
  }
};

TEST_F(DatapathRootTest, AFilterOfTcIsSeenWhereItIsAProgramForWhatArrives) {
  EXPECT_EQ(seen(), "nothing");
  must("tc qdisc add dev veth0 clsact");
  EXPECT_EQ(seen(), "nothing") << "no program";
  must("tc filter add dev veth0 egress bpf bytecode '1,6 0 0 4294967295,'");
  EXPECT_EQ(seen(), "nothing") << "for what leaves";
  must("tc filter add dev veth0 ingress bpf bytecode '1,6 0 0 4294967295,'");
  EXPECT_EQ(seen(), "veth0 (tc)");
  keep("nftables");
  EXPECT_EQ(keeper->not_ready(), std::nullopt) << "it may well leave the rules their work";
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(DatapathRootTest, AProgramOfTcxIsSeen) {
  // r0 = TCX_NEXT; exit
  const bpf_insn instructions[]{{.code = 0xb7, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = -1},
                                {.code = 0x95, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  bpf_attr load{};
  load.prog_type = BPF_PROG_TYPE_SCHED_CLS;
  load.insn_cnt = 2;
  load.insns = reinterpret_cast<std::uint64_t>(instructions);
  load.license = reinterpret_cast<std::uint64_t>("GPL");
  const auto program = static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load));
  if (program < 0) GTEST_SKIP() << "no eBPF here";
  bpf_attr attach{};
  attach.link_create.prog_fd = static_cast<std::uint32_t>(program);
  attach.link_create.target_ifindex = ::if_nametoindex("br0");
  attach.link_create.attach_type = 46;  // BPF_TCX_INGRESS
  const auto link = static_cast<int>(::syscall(SYS_bpf, BPF_LINK_CREATE, &attach, sizeof attach));
  ::close(program);
  if (link < 0) GTEST_SKIP() << "no tcx here";
  EXPECT_EQ(seen(), "br0 (tcx)");
  ::close(link);
  EXPECT_EQ(seen(), "nothing");
}

}  // namespace
}  // namespace podid::nmi
