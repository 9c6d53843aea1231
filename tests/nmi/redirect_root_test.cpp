// SPDX-License-Identifier: Apache-2.0
// The redirect on real packets, in network namespaces of the test's own: a node with a bridge, a pod behind it. Needs
// root.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <csignal>
#include <cstdio>

#include "base/metrics.hpp"
#include "nmi/conntrack.hpp"
#include "nmi/redirect_keeper.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"

namespace podid::nmi {
namespace {

struct Ran {
  int status = -1;
  std::string output;
};

Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> chunk{};
  while (const std::size_t n = std::fread(chunk.data(), 1, chunk.size(), pipe)) ran.output.append(chunk.data(), n);
  ran.status = ::pclose(pipe);
  return ran;
}

// The thread that makes it lives in the node's namespace from then on, as does every process that it starts.
class RedirectRootTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    home_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    must("ip link set lo up");
    must("ip link add br0 type bridge && ip addr add 10.9.0.1/24 dev br0 && ip link set br0 up");
    // The pod: a namespace held open by a process that we end.
    pod_ = ::fork();
    if (pod_ == 0) {
      ::unshare(CLONE_NEWNET);
      ::pause();
      ::_exit(0);
    }
    const std::string pod = std::to_string(pod_);
    ASSERT_TRUE(eventually(
        [&] { return run("readlink /proc/" + pod + "/ns/net").output != run("readlink /proc/self/ns/net").output; }));
    must("ip link add veth0 type veth peer name eth0 netns " + pod);
    must("ip link set veth0 master br0 up");
    in_pod(
        "ip addr add 10.9.0.2/24 dev eth0 && ip link set eth0 up && ip link set lo up && ip route add default via "
        "10.9.0.1");
    must("echo 1 > /proc/sys/net/ipv4/ip_forward");
    // The node's own endpoint, which a pod must never see.
    must("ip addr add 169.254.169.254/32 dev lo");
    real_ = serve("169.254.169.254", 80, "REAL");
    service_ = serve("127.0.0.1", 2579, "NMI");
    loopback_ = serve("127.0.0.1", 8081, "SECRET");
  }
  void TearDown() override {
    for (const pid_t process : {pod_, real_, service_, loopback_}) {
      if (process <= 0) continue;
      ::kill(process, SIGKILL);
      ::waitpid(process, nullptr, 0);
    }
    if (home_ >= 0) {
      ::setns(home_, CLONE_NEWNET);
      ::close(home_);
    }
  }

  static void must(const std::string& command) {
    const Ran ran = run("{ " + command + " ; }");
    ASSERT_EQ(ran.status, 0) << command << ": " << ran.output;
  }
  Ran in_pod(const std::string& command) {
    return run("nsenter -t " + std::to_string(pod_) + " -n sh -c '" + command + "'");
  }
  static bool eventually(const std::function<bool()>& happened) {
    base::asio::io_context idle;
    return test::run_until(idle, happened);
  }
  // A web server of one answer.
  static pid_t serve(const std::string& address, std::uint16_t port, const std::string& says) {
    const bool v6 = address.contains(':');
    const int listener = ::socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const boost::asio::ip::tcp::endpoint at(boost::asio::ip::make_address(address), port);
    EXPECT_EQ(::bind(listener, at.data(), static_cast<socklen_t>(at.size())), 0) << address;
    EXPECT_EQ(::listen(listener, 16), 0);
    const pid_t process = ::fork();
    if (process != 0) {
      ::close(listener);
      return process;
    }
    for (;;) {
      boost::asio::ip::tcp::endpoint peer;
      auto length = static_cast<socklen_t>(peer.capacity());
      const int client = ::accept(listener, peer.data(), &length);
      const std::string body = says + " " + peer.address().to_string() + "\n";
      const std::string answer =
          "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      char request[2048];
      if (::read(client, request, sizeof request) > 0 && ::write(client, answer.data(), answer.size()) < 0) ::_exit(1);
      ::close(client);
    }
  }
  std::string pod_gets(const std::string& url) { return in_pod("curl -s -m 3 " + url).output; }

  void keep(const std::string& backend) {
    RedirectKeeperOptions options;
    options.redirect.target = target;
    options.redirect.backend = backend;
    options.redirect.check_interval = std::chrono::seconds(1);
    options.interfaces = *InterfacePattern::parse("auto");
    keeper =
        std::make_unique<RedirectKeeper>(io.get_executor(), options, clock, random, metrics, [](const base::Error&) {});
    const base::Result<> started = test::run_task(io, keeper->start());
    ASSERT_TRUE(started) << started.error().message;
    ASSERT_TRUE(keeper->active());
    // Setting up interfaces goes on in the background.
    ASSERT_TRUE(
        test::run_until(io, [] { return run("cat /proc/sys/net/ipv4/conf/br0/route_localnet").output == "1\n"; }));
  }
  void end(bool remove) {
    const base::Result<> stopped = test::run_task(io, keeper->stop(remove));
    EXPECT_TRUE(stopped);
    keeper.reset();
  }
  double repairs() {
    return static_cast<double>(metrics.counter(base::metric::kNmiRedirectRepairs).find_or_add()->value());
  }

  RedirectTarget target;
  int home_ = -1;
  pid_t pod_ = 0, real_ = 0, service_ = 0, loopback_ = 0;
  base::asio::io_context io{1};
  base::RealClock clock;
  test::SeededRandom random{static_cast<std::uint64_t>(::getpid())};
  base::MetricsRegistry metrics;
  std::unique_ptr<RedirectKeeper> keeper;
};

const std::string kMetadata = "http://169.254.169.254/metadata";

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
  end(false);
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << "rules stay when the NMI ends";
  keep("nftables");
  end(true);
  EXPECT_FALSE(run("nft list tables").output.contains("podid"));
  EXPECT_EQ(run("cat /proc/sys/net/ipv4/conf/br0/route_localnet").output, "0\n") << "without the rules it stays closed";
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
  end(true);
}

TEST_F(RedirectRootTest, NewInterfacesAreOpened) {
  keep("nftables");
  must("ip link add pod1 type veth peer name pod1p");
  EXPECT_TRUE(
      test::run_until(io, [] { return run("cat /proc/sys/net/ipv4/conf/pod1/route_localnet").output == "1\n"; }));
  must("ip link add pod2 type veth peer name pod2p");
  EXPECT_TRUE(
      test::run_until(io, [] { return run("cat /proc/sys/net/ipv4/conf/pod2/route_localnet").output == "1\n"; }));
  EXPECT_EQ(run("cat /proc/sys/net/ipv4/conf/veth0/route_localnet").output, "0\n") << "a port of a bridge";
  end(true);
}

TEST_F(RedirectRootTest, AnEarlierInstallationsChainGoesWhenOursWorks) {
  must(
      "iptables -t nat -N aad-metadata && iptables -t nat -A aad-metadata -j RETURN && "
      "iptables -t nat -I PREROUTING -j aad-metadata");
  keep("nftables");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  EXPECT_TRUE(test::run_until(io, [] { return !run("iptables -t nat -S").output.contains("aad-metadata"); }));
  end(true);
}

TEST_F(RedirectRootTest, IptablesLaysTheOldChainAndClosesTheLoopback) {
  keep("iptables");
  const std::string nat = run("iptables -t nat -S").output;
  EXPECT_TRUE(nat.contains("-A PREROUTING -j aad-metadata\n")) << nat;
  EXPECT_TRUE(has_exact_rules(nat, kIptablesChain, iptables_chain_rules({}))) << nat;
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  in_pod(
      "ip route add 127.0.0.1/32 via 10.9.0.1 dev eth0; ip addr del 127.0.0.1/8 dev lo; ip route del local 127.0.0.1 "
      "table local");
  EXPECT_EQ(pod_gets("http://127.0.0.1:8081/"), "");
  const double before = repairs();
  must("iptables -t nat -I aad-metadata -j RETURN");
  EXPECT_TRUE(test::run_until(io, [&] { return repairs() > before && keeper->active(); }));
  EXPECT_TRUE(has_exact_rules(run("iptables -t nat -S aad-metadata").output, kIptablesChain, iptables_chain_rules({})));
  end(true);
  EXPECT_FALSE(run("iptables -t nat -S").output.contains("aad-metadata"));
  EXPECT_FALSE(run("iptables -S").output.contains("podid-loopback"));
}

TEST_F(RedirectRootTest, LegacyIptablesIsServedWhereItsChainIs) {
  if (run("iptables-legacy --version").status != 0) GTEST_SKIP() << "no iptables-legacy here";
  must("iptables-legacy -t nat -N aad-metadata && iptables-legacy -t nat -I PREROUTING -j aad-metadata");
  keep("iptables");
  EXPECT_TRUE(
      has_exact_rules(run("iptables-legacy -t nat -S aad-metadata").output, kIptablesChain, iptables_chain_rules({})));
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  end(false);
  const base::Result<> removed = test::run_task(io, uninstall_redirect({}, clock, random));
  EXPECT_TRUE(removed) << removed.error().message;
  EXPECT_FALSE(run("iptables-legacy -t nat -S").output.contains("aad-metadata"));
}

TEST_F(RedirectRootTest, UninstallTakesWhatIsOursAlone) {
  must("nft add table inet mine && iptables -t nat -N KUBE-SERVICES && iptables -t nat -A PREROUTING -j KUBE-SERVICES");
  keep("nftables");
  end(false);
  keep("iptables");
  end(false);
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
  end(true);
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
  end(true);
}

}  // namespace
}  // namespace podid::nmi
