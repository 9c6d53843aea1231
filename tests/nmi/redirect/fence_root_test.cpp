// SPDX-License-Identifier: Apache-2.0
// The second line in front of the real endpoint, on real packets (SEC-12). Needs root.
#include <thread>

#include "nmi/node_rules.hpp"
#include "nmi/redirect/flaky_tools.hpp"
#include "nmi/redirect/node_namespace.hpp"

namespace podid::nmi {
namespace {

const std::string kNmi = "NMI 10.9.0.2\n";
const std::string kWire = "http://168.63.129.16";

// The endpoint is another machine, to which the node forwards, as on a VM.
class FenceRootTest : public NodeNamespaceTest {
 protected:
  void SetUp() override {
    NodeNamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    ASSERT_NO_FATAL_FAILURE(move_endpoint_elsewhere());
  }
  void TearDown() override {
    for (const pid_t server : servers_) {
      ::kill(server, SIGKILL);
      ::waitpid(server, nullptr, 0);
    }
    NodeNamespaceTest::TearDown();
  }
  // The wireserver on the machine where the endpoint is.
  void add_wireserver() {
    in_namespace(elsewhere_, "ip addr add 168.63.129.16/32 dev lo");
    must("ip route add 168.63.129.16/32 via 10.8.0.2");
    inside(elsewhere_, [this] {
      for (const std::uint16_t port : std::initializer_list<std::uint16_t>{80, 32526, 53}) {
        servers_.push_back(serve("168.63.129.16", port, "WIRE" + std::to_string(port)));
      }
    });
    for (const char* port : {"80", "32526", "53"}) {
      ASSERT_TRUE(pod_gets(kWire + ":" + port).starts_with("WIRE")) << "the way there must exist";
    }
  }
  // vx0, in the place of a network card, which a namespace has none of: a tunnel to the machine of the endpoint.
  void make_tunnel() {
    must("ip link add up1 type veth peer name eth1 netns " + std::to_string(elsewhere_));
    must("ip addr add 10.7.0.1/24 dev up1 && ip link set up1 up");
    must("ip link add vx0 type vxlan id 5 dstport 4789 local 10.7.0.1 remote 10.7.0.2 dev up1");
    in_namespace(elsewhere_,
                 "ip addr add 10.7.0.2/24 dev eth1; ip link set eth1 up; ip link add vx0 type vxlan id 5 dstport 4789 "
                 "local 10.7.0.2 remote 10.7.0.1 dev eth1; ip link set vx0 up; ip route add 10.9.0.0/24 dev vx0");
  }
  static std::string rules(const char* family = "-4") { return run(std::string("ip ") + family + " rule").output; }
  std::string pod_gets_quickly(const std::string& url) { return in_pod("curl -s -m 0.3 " + url).output; }
  std::vector<pid_t> servers_;
  bool both_ended_ = false;
};

TEST_F(FenceRootTest, PodsAreServedAndTheNodeReachesTheEndpoint) {
  ASSERT_NO_FATAL_FAILURE(add_wireserver());
  keep("nftables");
  EXPECT_TRUE(metrics.expose().contains("\naadpodidentity_nmi_fence_active 1\n"));
  EXPECT_EQ(pod_gets(kMetadata), kNmi);
  EXPECT_EQ(run("curl -s -m 3 " + kMetadata).output, "REAL 10.8.0.1\n") << "the node itself";
  for (const char* port : {"80", "32526"}) {
    EXPECT_EQ(pod_gets_quickly(kWire + ":" + port), "");
    EXPECT_TRUE(run("curl -s -m 3 " + kWire + ":" + port).output.starts_with("WIRE")) << "the node itself";
  }
  EXPECT_EQ(pod_gets(kWire + ":53"), "WIRE53 10.9.0.2\n") << "DNS is for pods";
  end(RedirectKeeper::Rules::are_removed);
  EXPECT_EQ(pod_gets(kMetadata), "REAL 10.9.0.2\n");
  EXPECT_EQ(pod_gets(kWire + ":32526"), "WIRE32526 10.9.0.2\n");
  EXPECT_FALSE(metrics.expose().contains("\naadpodidentity_nmi_fence_active 1\n"));
}

TEST_F(FenceRootTest, HoldsWithoutAnyOtherRule) {
  ASSERT_NO_FATAL_FAILURE(add_wireserver());
  keep("nftables");
  end(RedirectKeeper::Rules::stay);  // nobody puts anything back
  must("nft flush ruleset");
  EXPECT_EQ(pod_gets_quickly(kMetadata), "");
  EXPECT_EQ(in_pod("curl -s -m 0.3 http://169.254.169.254:8080/").status >> 8, 28) << "any port: dropped, not refused";
  EXPECT_EQ(pod_gets_quickly(kWire), "");
  EXPECT_EQ(pod_gets_quickly(kWire + ":32526"), "");
  EXPECT_EQ(pod_gets(kWire + ":53"), "WIRE53 10.9.0.2\n");
  EXPECT_EQ(run("curl -s -m 3 " + kMetadata).output, "REAL 10.8.0.1\n") << "the node itself";
  // On an interface that did not exist when it was laid, and for a plugin that routes.
  must("ip link add azv1 type veth peer name eth1 netns " + std::to_string(pod_) + " && ip link set azv1 up");
  must("ip route add 10.9.1.2/32 dev azv1 && echo 1 > /proc/sys/net/ipv4/conf/azv1/proxy_arp");
  in_pod(
      "ip addr add 10.9.1.2/32 dev eth1; ip link set eth1 up; ip route add 169.254.169.254/32 dev eth1 src 10.9.1.2");
  EXPECT_EQ(pod_gets_quickly(kMetadata), "");
  const base::Result<> removed = uninstall({});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(pod_gets(kMetadata), "REAL 10.9.1.2\n") << "the way there existed";
}

TEST_F(FenceRootTest, EveryRuleThatIsTakenAwayComesBack) {
  keep("nftables");
  const std::string before = rules();
  for (const char* rule : {"pref 2 iif lo to 169.254.169.254 goto 5", "pref 3 to 169.254.169.254 blackhole",
                           "pref 4 to 169.254.169.254 blackhole",
                           "pref 3 to 168.63.129.16 ipproto tcp dport 80 blackhole", "pref 5 nop"}) {
    must(std::string("ip rule del ") + rule + " protocol kernel");
    EXPECT_NE(rules(), before) << rule;
    EXPECT_EQ(pod_gets_quickly(kMetadata), kNmi) << rule << ": the redirect comes before";
    EXPECT_TRUE(test::run_until(io, [&] { return rules().size() == before.size(); })) << rule << "\n" << rules();
    EXPECT_EQ(keeper->not_ready(), std::nullopt);
  }
  EXPECT_GE(repairs(), 5);
  EXPECT_EQ(run("curl -s -m 3 " + kMetadata).output, "REAL 10.8.0.1\n") << "the node itself";
  end(RedirectKeeper::Rules::are_removed);
}

// One that takes away the redirect and one of the fence's rules again and again.
TEST_F(FenceRootTest, NothingReachesTheEndpointWhileSomebodyKeepsDestroyingTheRules) {
  keep("nftables");
  const std::string foe =
      "for i in $(seq 80); do nft flush ruleset; ip rule del pref 3 to 169.254.169.254; done; echo done > "
      "/proc/self/fd/1";
  FILE* damaging = ::popen(("{ " + foe + "; } 2>/dev/null").c_str(), "r");
  ASSERT_NE(damaging, nullptr);
  FILE* asking = ::popen(("nsenter -t " + std::to_string(pod_) + " -n sh -c 'for i in $(seq 60); do curl -s -m 0.1 " +
                          kMetadata + "; done' 2>/dev/null")
                             .c_str(),
                         "r");
  ASSERT_NE(asking, nullptr);
  std::string answers;
  std::thread reader([&] {
    std::array<char, 4096> chunk{};
    while (const std::size_t n = std::fread(chunk.data(), 1, chunk.size(), asking)) answers.append(chunk.data(), n);
    while (std::fread(chunk.data(), 1, chunk.size(), damaging) > 0) continue;
    base::asio::post(io, [this] { both_ended_ = true; });
  });
  EXPECT_TRUE(test::run_until(io, [this] { return both_ended_; }));
  reader.join();
  ::pclose(asking);
  ::pclose(damaging);
  EXPECT_FALSE(answers.contains("REAL")) << answers;
  EXPECT_GT(repairs(), 0);
  EXPECT_TRUE(test::run_until(io, [this] { return !keeper->not_ready(); }));
  EXPECT_TRUE(test::run_until(io, [this] { return pod_gets(kMetadata) == kNmi; })) << "and pods are served again";
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(FenceRootTest, ARuleBeforeOursIsNoticed) {
  keep("nftables");
  must("ip rule add pref 1 to 169.254.169.254 lookup main");
  EXPECT_TRUE(test::run_until(io, [this] { return keeper->not_ready().has_value(); }));
  EXPECT_TRUE(keeper->not_ready()->contains("would be forwarded")) << *keeper->not_ready();
  EXPECT_TRUE(metrics.expose().contains("\naadpodidentity_nmi_fence_active 0\n"));
  must("ip rule del pref 1");
  EXPECT_TRUE(test::run_until(io, [this] { return !keeper->not_ready(); }));
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(FenceRootTest, TheWireserverIsOpenWhereAskedAndWhatAnEarlierRunClosedOpens) {
  ASSERT_NO_FATAL_FAILURE(add_wireserver());
  keep("nftables");
  EXPECT_EQ(pod_gets_quickly(kWire), "");
  end(RedirectKeeper::Rules::stay);
  target.close_wireserver = false;
  fence_priority = 500;
  keep("nftables");
  EXPECT_EQ(pod_gets(kWire), "WIRE80 10.9.0.2\n");
  EXPECT_FALSE(rules().contains("168.63.129.16"));
  EXPECT_FALSE(rules().contains("\n3:")) << "of the earlier run: " << rules();
  EXPECT_TRUE(rules().contains("501:")) << rules();
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(FenceRootTest, IPv6HasAFenceOfItsOwn) {
  in_namespace(elsewhere_,
               "ip addr add fd02::2/64 dev eth0 nodad; ip addr add fd00:ec2::254/128 dev lo nodad; "
               "ip route add default via fd02::1");
  must("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  must("ip addr add fd01::1/64 dev br0 nodad && ip addr add fd02::1/64 dev up0 nodad");
  must("ip route add fd00:ec2::254/128 via fd02::2");
  in_pod("ip addr add fd01::2/64 dev eth0 nodad && ip route add default via fd01::1");
  inside(elsewhere_, [this] { servers_.push_back(serve("fd00:ec2::254", 80, "REAL")); });
  servers_.push_back(serve("fd01::1", 2579, "NMI"));
  const std::string metadata = "-g http://[fd00:ec2::254]/metadata";
  ASSERT_EQ(pod_gets(metadata), "REAL fd01::2\n");
  target.metadata_ip6 = "fd00:ec2::254";
  target.listen_ip6 = "fd01::1";
  keep("nftables");
  EXPECT_EQ(pod_gets(metadata), "NMI fd01::2\n");
  end(RedirectKeeper::Rules::stay);
  must("nft flush ruleset");
  EXPECT_EQ(pod_gets_quickly(metadata), "");
  EXPECT_EQ(run("curl -s -m 3 " + metadata).output, "REAL fd02::1\n") << "the node itself";
  ASSERT_TRUE(uninstall({}));
  EXPECT_EQ(pod_gets(metadata), "REAL fd01::2\n");
}

TEST_F(FenceRootTest, TheRulesOfTheBootAreThoseOfTheNmi) {
  ASSERT_NO_FATAL_FAILURE(add_wireserver());
  const std::string before = rules();
  const std::string boot = PODID_DEPLOY "/node-boot/podid-boot-rules.sh ";
  must(boot + "add");
  must(boot + "add");  // twice does no harm
  EXPECT_EQ(pod_gets_quickly(kMetadata), "");
  EXPECT_EQ(pod_gets_quickly(kWire), "");
  EXPECT_EQ(pod_gets(kWire + ":53"), "WIRE53 10.9.0.2\n");
  EXPECT_EQ(run("curl -s -m 3 " + kMetadata).output, "REAL 10.8.0.1\n") << "the node itself";
  const std::string laid = rules();
  keep("nftables");
  EXPECT_EQ(rules(), laid) << "nothing is laid beside them";
  EXPECT_EQ(pod_gets(kMetadata), kNmi);
  end(RedirectKeeper::Rules::stay);
  must(boot + "delete");
  must(boot + "delete");
  EXPECT_EQ(rules(), before);
  must("nft flush ruleset");
}

// Azure CNI in bridge mode: pods reach the endpoint without being routed.
TEST_F(FenceRootTest, WhatIsBridgedToTheUplinkIsDroppedToo) {
  ASSERT_NO_FATAL_FAILURE(make_tunnel());
  in_pod("ip route add 169.254.169.254/32 dev eth0");
  keep("nftables");
  EXPECT_FALSE(run("nft list tables").output.contains("bridge")) << "there is no need yet";
  must("ip link set vx0 master br0 up");
  EXPECT_TRUE(test::run_until(io, [] { return run("nft list tables").output.contains("bridge podid-fence"); }));
  EXPECT_EQ(keeper->not_ready(), std::nullopt);
  for (int i = 0; i < 2; ++i) {
    must("nft flush ruleset");
    EXPECT_TRUE(test::run_until(io, [] {
      const std::string tables = run("nft list tables").output;
      return tables.contains("bridge podid-fence") && tables.contains("inet podid");
    })) << "at once";
    EXPECT_TRUE(test::run_until(io, [this] { return !keeper->not_ready(); }));
  }
  must("echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables");
  EXPECT_EQ(pod_gets(kMetadata), kNmi) << "the redirect comes before";
  end(RedirectKeeper::Rules::stay);
  must("nft delete table inet podid");
  EXPECT_EQ(pod_gets_quickly(kMetadata), "");
  ASSERT_TRUE(uninstall({}));
  EXPECT_FALSE(run("nft list tables").output.contains("podid"));
  EXPECT_EQ(pod_gets(kMetadata), "REAL 10.9.0.2\n") << "the way there existed";
}

TEST_F(FenceRootTest, WhereABridgeCannotBeClosedThatIsSaidWhateverTheRoutingDoes) {
  ASSERT_NO_FATAL_FAILURE(make_tunnel());
  must("ip link set vx0 master br0 up");
  test::FlakyTools nft({"nft"});
  nft.fail("Error: Operation not supported");
  start("iptables");
  const auto says = [this](std::string_view words) { return keeper->not_ready().value_or("").contains(words); };
  must("ip rule add pref 1 to 169.254.169.254 lookup main");
  EXPECT_TRUE(test::run_until(io, [&] { return says("would be forwarded"); }));
  must("ip rule del pref 1");
  EXPECT_TRUE(test::run_until(io, [&] { return !says("would be forwarded"); }));
  EXPECT_TRUE(says("vx0 is a port of a bridge")) << keeper->not_ready().value_or("ready");
  EXPECT_TRUE(metrics.expose().contains("\naadpodidentity_nmi_fence_active 0\n"));
  nft.work();
  EXPECT_TRUE(test::run_until(io, [this] { return !keeper->not_ready(); }));
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(FenceRootTest, UninstallTakesExactlyOurs) {
  // Like ours, each in one thing not.
  for (const char* rule :
       {"pref 3 to 169.254.169.254 blackhole protocol static",
        "pref 3 to 169.254.169.253 iif br0 blackhole protocol kernel",
        "pref 4 to 169.254.169.254 prohibit protocol kernel",
        "pref 3 to 168.63.129.16 ipproto udp dport 80 blackhole protocol kernel",
        "pref 100 from 10.9.9.0/24 lookup main", "pref 9000 to 169.254.169.254 blackhole protocol kernel"}) {
    must(std::string("ip rule add ") + rule);
  }
  const std::string before = rules();
  keep("nftables");
  EXPECT_GT(rules().size(), before.size());
  end(RedirectKeeper::Rules::stay);
  EXPECT_GT(rules().size(), before.size()) << "rules stay when the NMI ends";
  ASSERT_TRUE(uninstall({}));
  EXPECT_EQ(rules(), before);
  EXPECT_TRUE(uninstall({})) << "twice does no harm";
}

}  // namespace
}  // namespace podid::nmi
