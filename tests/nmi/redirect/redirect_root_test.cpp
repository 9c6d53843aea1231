// SPDX-License-Identifier: Apache-2.0
// The redirect on real packets. Needs root.
#include <linux/capability.h>
#include <sys/syscall.h>

#include "nmi/node_rules.hpp"
#include "nmi/redirect/conntrack.hpp"
#include "nmi/redirect/flaky_tools.hpp"
#include "nmi/redirect/node_namespace.hpp"

namespace podid::nmi {
namespace {

using RedirectRootTest = NodeNamespaceTest;

TEST_F(RedirectRootTest, NftablesLeadsPodsToTheNmiAndClosesTheLoopback) {
  ASSERT_TRUE(pod_gets(kMetadata).starts_with("REAL")) << "the way there must exist for the test to mean anything";
  keep("nftables");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << "with the pod's own address";
  EXPECT_EQ(run("curl -s -m 3 " + kMetadata).output, "REAL 169.254.169.254\n") << "the node itself is not redirected";
  in_pod(
      "ip route add 127.0.0.1/32 via 10.9.0.1 dev eth0; ip addr del 127.0.0.1/8 dev lo; ip route del local 127.0.0.1 "
      "table local");
  EXPECT_EQ(pod_gets("http://127.0.0.1:8081/"), "") << "the node's loopback stays closed";
  EXPECT_EQ(run("curl -s -m 3 http://127.0.0.1:8081/").output, "SECRET 127.0.0.1\n");
  end(RedirectKeeper::Rules::stay);
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << "rules stay when the NMI ends";
  keep("nftables");
  end(RedirectKeeper::Rules::are_removed);
  EXPECT_FALSE(run("nft list tables").output.contains("podid"));
  EXPECT_EQ(route_localnet("br0"), "0\n") << "without the rules it stays closed";
}

// SEC-5: an NMI that listens on an address that other machines reach.
TEST_F(RedirectRootTest, NobodyReachesTheNmiButByTheRedirect) {
  ::kill(service_, SIGKILL);
  ::waitpid(service_, nullptr, 0);
  service_ = serve("0.0.0.0", 2579, "NMI");
  const std::string direct = "http://10.9.0.1:2579/metadata";
  ASSERT_EQ(pod_gets(direct), "NMI 10.9.0.2\n") << "the way there must exist for the test to mean anything";
  for (const char* address : {"10.9.0.1", "127.0.0.1"}) {
    target.listen_ip = address;
    for (const char* backend : {"nftables", "iptables"}) {
      keep(backend);
      EXPECT_EQ(pod_gets(direct), "") << backend << ", listening on " << address;
      EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << backend << ", listening on " << address;
      EXPECT_EQ(run("curl -s -m 3 http://127.0.0.1:2579/host/token").output, "NMI 127.0.0.1\n") << backend;
      end(RedirectKeeper::Rules::are_removed);
    }
  }
  EXPECT_EQ(pod_gets(direct), "NMI 10.9.0.2\n") << "the rules are gone";
}

TEST_F(RedirectRootTest, NftablesIsRepairedOnNotification) {
  keep("nftables");
  for (const char* damage : {"nft flush ruleset", "nft delete table inet podid",
                             "nft flush chain inet podid prerouting", "nft insert rule inet podid prerouting accept"}) {
    const double before = repairs();
    must(damage);
    EXPECT_TRUE(test::run_until(io, [&] { return repairs() > before && keeper->active(); })) << damage;
    EXPECT_TRUE(test::run_until(io, [&] { return pod_gets(kMetadata) == "NMI 10.9.0.2\n"; })) << damage;
    EXPECT_FALSE(run("nft list chain inet podid prerouting").output.contains("\t\taccept")) << damage;
  }
  // Other people's rules are none of our business.
  const double before = repairs();
  must("nft add table inet other && nft add chain inet other c && nft delete table inet other");
  must("nft add table inet podid-2 && nft delete table inet podid-2");
  must("nft flush ruleset");
  EXPECT_TRUE(test::run_until(io, [&] { return repairs() > before; }));
  EXPECT_EQ(repairs(), before + 1);
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(RedirectRootTest, NewInterfacesAreOpened) {
  keep("nftables");
  must("ip link add pod1 type veth peer name pod1p");
  EXPECT_TRUE(test::run_until(io, [] { return route_localnet("pod1") == "1\n"; }));
  must("ip link add pod2 type veth peer name pod2p");
  EXPECT_TRUE(test::run_until(io, [] { return route_localnet("pod2") == "1\n"; }));
  EXPECT_EQ(route_localnet("veth0"), "0\n") << "a port of a bridge";
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(RedirectRootTest, AnEarlierInstallationsChainGoesWhenOursWorks) {
  must(
      "iptables -t nat -N aad-metadata && iptables -t nat -A aad-metadata -j RETURN && "
      "iptables -t nat -I PREROUTING -j aad-metadata");
  keep("nftables");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  EXPECT_TRUE(test::run_until(io, [] { return !run("iptables -t nat -S").output.contains("aad-metadata"); }));
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(RedirectRootTest, IptablesTakesThePlaceOfNftables) {
  target.listen_port = 2580;  // where nobody listens any more
  keep("nftables");
  end(RedirectKeeper::Rules::stay);
  EXPECT_EQ(pod_gets(kMetadata), "");
  target.listen_port = 2579;
  keep("iptables");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  EXPECT_FALSE(run("nft list tables").output.contains("podid"));
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(RedirectRootTest, IptablesLaysTheOldChainAndClosesTheLoopback) {
  keep("iptables");
  EXPECT_EQ(broken_chains(), "");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  in_pod(
      "ip route add 127.0.0.1/32 via 10.9.0.1 dev eth0; ip addr del 127.0.0.1/8 dev lo; ip route del local 127.0.0.1 "
      "table local");
  EXPECT_EQ(pod_gets("http://127.0.0.1:8081/"), "");
  const double before = repairs();
  must("iptables -t nat -I aad-metadata -j RETURN");
  EXPECT_TRUE(test::run_until(io, [&] { return repairs() > before && keeper->active(); }));
  EXPECT_EQ(broken_chains(), "");
  end(RedirectKeeper::Rules::are_removed);
  EXPECT_FALSE(run("iptables -t nat -S").output.contains("aad-metadata"));
  EXPECT_FALSE(run("iptables -S").output.contains("podid"));
}

TEST_F(RedirectRootTest, LegacyIptablesIsServedWhereItsChainIs) {
  if (run("iptables-legacy --version").status != 0) GTEST_SKIP() << "no iptables-legacy here";
  must("iptables-legacy -t nat -N aad-metadata && iptables-legacy -t nat -I PREROUTING -j aad-metadata");
  keep("iptables");
  EXPECT_EQ(broken_chains("iptables-legacy"), "");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  end(RedirectKeeper::Rules::stay);
  const base::Result<> removed = test::run_task(io, uninstall_redirect({}, clock, random));
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(run("iptables-legacy -t nat -S").output.contains("aad-metadata"));
  EXPECT_FALSE(run("iptables-legacy -S").output.contains("podid"));
}

TEST_F(RedirectRootTest, UninstallTakesWhatIsOursAlone) {
  must("nft add table inet mine && iptables -t nat -N KUBE-SERVICES && iptables -t nat -A PREROUTING -j KUBE-SERVICES");
  keep("nftables");
  end(RedirectKeeper::Rules::stay);
  keep("iptables");
  end(RedirectKeeper::Rules::stay);
  const base::Result<> removed = test::run_task(io, uninstall_redirect({}, clock, random));
  EXPECT_TRUE(removed) << removed.error().message;
  const std::string tables = run("nft list ruleset").output;
  EXPECT_FALSE(tables.contains("podid")) << tables;
  EXPECT_FALSE(tables.contains("aad-metadata")) << tables;
  EXPECT_TRUE(tables.contains("table inet mine")) << tables;
  EXPECT_TRUE(tables.contains("KUBE-SERVICES")) << tables;
  EXPECT_TRUE(test::run_task(io, uninstall_redirect({}, clock, random))) << "twice does no harm";
}

TEST_F(RedirectRootTest, IPv6IsRedirectedToAnAddressOfTheNode) {
  must("ip addr add fd01::1/64 dev br0 nodad && ip addr add fd00:ec2::254/128 dev lo nodad");
  in_pod("ip addr add fd01::2/64 dev eth0 nodad && ip route add default via fd01::1");
  target.metadata_ip6 = "fd00:ec2::254";
  target.listen_ip6 = "fd01::1";
  const pid_t service = serve("fd01::1", 2579, "NMI");
  const pid_t real = serve("fd00:ec2::254", 80, "REAL");
  const std::string metadata = "-g http://[fd00:ec2::254]/metadata";
  EXPECT_EQ(pod_gets(metadata), "REAL fd01::2\n");
  keep("nftables");
  EXPECT_EQ(pod_gets(metadata), "NMI fd01::2\n");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  end(RedirectKeeper::Rules::are_removed);
  EXPECT_EQ(pod_gets(metadata), "REAL fd01::2\n");
  for (const pid_t process : {service, real}) {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
}

TEST_F(RedirectRootTest, ConnectionsOlderThanTheRedirectAreCut) {
  // Connection tracking begins with the first rule that needs it.
  must(
      "nft add table inet t && nft add chain inet t c \"{ type filter hook prerouting priority 0; }\" && "
      "nft add rule inet t c ct state new accept");
  ASSERT_TRUE(pod_gets(kMetadata).starts_with("REAL"));
  base::Result<std::size_t> cut = test::run_task(io, delete_stale_connections({}));
  ASSERT_TRUE(cut) << cut.error().message;
  EXPECT_GE(*cut, 1u);
  keep("nftables");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  cut = test::run_task(io, delete_stale_connections({}));
  ASSERT_TRUE(cut);
  EXPECT_EQ(*cut, 0u) << "redirected connections are left alone";
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(RedirectRootTest, WhatOthersOpenedStaysOpen) {
  must("ip link add cni1 type bridge && echo 1 > /proc/sys/net/ipv4/conf/cni1/route_localnet");
  keep("nftables");
  end(RedirectKeeper::Rules::stay);
  ASSERT_EQ(route_localnet("br0"), "1\n");
  NmiOptions options;
  options.pod_interfaces = "none";
  const base::Result<> removed = uninstall(options);
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(route_localnet("br0"), "0\n") << "opened by us, as the interface itself knows";
  EXPECT_EQ(route_localnet("cni1"), "1\n") << "a network plugin's";
  EXPECT_FALSE(run("ip link").output.contains("altname")) << "the mark goes, too";
}

// Root's effective capabilities, of this thread alone: programs that it executes have them all.
void set_capability(int capability, bool on) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2]{};
  ASSERT_EQ(::syscall(SYS_capget, &header, data), 0);
  const std::uint32_t bit = 1u << capability;
  data[0].effective = on ? data[0].effective | bit : data[0].effective & ~bit;
  ASSERT_EQ(::syscall(SYS_capset, &header, data), 0);
}

TEST_F(RedirectRootTest, NotReadyWhileAnInterfaceIsClosed) {
  must("ip link add azv1 type veth peer name azv1p");
  set_capability(CAP_NET_ADMIN, false);
  conntrack_deletion = false;
  start("iptables");
  EXPECT_TRUE(test::run_until(io, [this] { return errors() > 0; }));
  set_capability(CAP_NET_ADMIN, true);
  EXPECT_TRUE(keeper->active()) << "the rules are there";
  EXPECT_TRUE(keeper->not_ready().value_or("").contains("interface ")) << keeper->not_ready().value_or("ready");
  EXPECT_TRUE(test::run_until(io, [this] { return !keeper->not_ready(); }));
  EXPECT_EQ(route_localnet("br0"), "1\n");
  EXPECT_EQ(route_localnet("azv1"), "1\n");
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(RedirectRootTest, ReadyWhereOlderConnectionsCannotBeCutAsTheRulesStopThem) {
  keep("nftables");
  set_capability(CAP_NET_ADMIN, false);
  const double before = repairs();
  must("nft flush ruleset");
  EXPECT_TRUE(test::run_until(io, [&] { return repairs() > before && !keeper->not_ready(); }));
  set_capability(CAP_NET_ADMIN, true);
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(RedirectRootTest, APassingFailureOfNftIsNoReasonForIptables) {
  must("ip addr add fd01::1/64 dev br0 nodad");
  target.metadata_ip6 = "fd00:ec2::254";  // which iptables cannot serve
  target.listen_ip6 = "fd01::1";
  test::FlakyTools nft({"nft"});
  nft.fail("Error: Could not process rule: Device or resource busy");
  ASSERT_NO_FATAL_FAILURE(begin("auto"));
  EXPECT_TRUE(test::run_until(io, [this] { return errors() > 2; }));
  EXPECT_TRUE(keeper->not_ready().value_or("").contains("busy")) << keeper->not_ready().value_or("ready");
  EXPECT_FALSE(run("iptables -t nat -S").output.contains("aad-metadata"));
  nft.work();
  EXPECT_TRUE(test::run_until(io, [this] { return !keeper->not_ready(); }));
  EXPECT_EQ(given_up, "");
  EXPECT_TRUE(run("nft list tables").output.contains("podid"));
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  end(RedirectKeeper::Rules::stay);
  nft.fail("Error: Could not process rule: Device or resource busy");
  EXPECT_FALSE(test::run_task(io, uninstall_redirect(target, clock, random))) << "something may have stayed behind";
  nft.work();
  EXPECT_TRUE(test::run_task(io, uninstall_redirect(target, clock, random)));
}

TEST_F(RedirectRootTest, IptablesServesWhereNftCannotAndNoTableStaysBehind) {
  target.listen_port = 2580;  // where nobody listens any more
  keep("nftables");
  end(RedirectKeeper::Rules::stay);
  target.listen_port = 2579;
  test::FlakyTools nft({"nft"});
  nft.fail_once("Error: Could not process rule: No such file or directory");  // no NAT in this kernel's nftables
  keep("auto");
  EXPECT_TRUE(run("iptables -t nat -S").output.contains("aad-metadata"));
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  EXPECT_FALSE(run("nft list tables").output.contains("podid"));
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(RedirectRootTest, TheBootRuleClosesTheWayUntilTheRulesAreThere) {
  ASSERT_NO_FATAL_FAILURE(move_endpoint_elsewhere());
  must("nft -f " PODID_DEPLOY "/node-boot/podid-boot.nft");
  must("nft -f " PODID_DEPLOY "/node-boot/podid-boot.nft");  // twice does no harm
  EXPECT_EQ(pod_gets(kMetadata), "");
  EXPECT_EQ(run("curl -s -m 3 " + kMetadata).output, "REAL 10.8.0.1\n") << "the node itself reaches it";
  for (const char* backend : {"nftables", "iptables"}) {
    keep(backend);
    EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << backend;
    end(RedirectKeeper::Rules::are_removed);
  }
  const base::Result<> removed = test::run_task(io, uninstall_redirect({}, clock, random));
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(pod_gets(kMetadata), "") << "it is the operator's";
  must("nft delete table inet podid-boot");
  EXPECT_EQ(pod_gets(kMetadata), "REAL 10.9.0.2\n");
}

TEST_F(RedirectRootTest, AnInterfaceWithoutIPv4HoldsNothingUp) {
  must("ip link set lo mtu 60");
  interfaces = "br0,lo";
  keep("nftables");
  end(RedirectKeeper::Rules::are_removed);
}

}  // namespace
}  // namespace podid::nmi
