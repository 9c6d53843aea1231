// SPDX-License-Identifier: Apache-2.0
// Network namespaces of a test's own: a node with a bridge, a pod behind it, the redirect between them. Needs root.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <csignal>
#include <cstdio>

#include "base/metrics/metrics.hpp"
#include "nmi/redirect/keeper.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"

namespace podid::nmi {

inline const std::string kMetadata = "http://169.254.169.254/metadata";

struct Ran {
  int status = -1;
  std::string output;
};

inline Ran run(const std::string& command) {
  Ran ran;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> chunk{};
  while (const std::size_t n = std::fread(chunk.data(), 1, chunk.size(), pipe)) ran.output.append(chunk.data(), n);
  ran.status = ::pclose(pipe);
  return ran;
}

// The thread that makes it lives in the node's namespace from then on, as does every process that it starts.
class NodeNamespaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    home_ = ::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    must("ip link set lo up");
    must("ip link add br0 type bridge && ip addr add 10.9.0.1/24 dev br0 && ip link set br0 up");
    ASSERT_NO_FATAL_FAILURE(hold_namespace(pod_));
    must("ip link add veth0 type veth peer name eth0 netns " + std::to_string(pod_));
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
    for (const pid_t process : {pod_, real_, service_, loopback_, elsewhere_, endpoint_}) {
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
  // A namespace of its own, held open by a process that the test ends.
  static void hold_namespace(pid_t& holder) {
    holder = ::fork();
    if (holder == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::unshare(CLONE_NEWNET);
      ::pause();
      ::_exit(0);
    }
    const std::string its = "readlink /proc/" + std::to_string(holder) + "/ns/net";
    ASSERT_TRUE(eventually([&] { return run(its).output != run("readlink /proc/self/ns/net").output; }));
  }
  static Ran in_namespace(pid_t holder, const std::string& command) {
    return run("nsenter -t " + std::to_string(holder) + " -n sh -c '" + command + "'");
  }
  Ran in_pod(const std::string& command) { return in_namespace(pod_, command); }
  static bool eventually(const std::function<bool()>& happened) {
    base::asio::io_context idle;
    return test::run_until(idle, happened);
  }
  // This thread does it in another namespace.
  static void inside(pid_t holder, const std::function<void()>& act) {
    const int node = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    const int other = ::open(("/proc/" + std::to_string(holder) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC);
    ASSERT_EQ(::setns(other, CLONE_NEWNET), 0);
    act();
    ASSERT_EQ(::setns(node, CLONE_NEWNET), 0);
    ::close(other);
    ::close(node);
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
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
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
  // The real endpoint moves to another machine, so that the node forwards what pods send there, as on a VM.
  void move_endpoint_elsewhere() {
    ASSERT_NO_FATAL_FAILURE(hold_namespace(elsewhere_));
    must("ip addr del 169.254.169.254/32 dev lo");
    must("ip link add up0 type veth peer name eth0 netns " + std::to_string(elsewhere_));
    must("ip addr add 10.8.0.1/24 dev up0 && ip link set up0 up");
    in_namespace(elsewhere_,
                 "ip addr add 10.8.0.2/24 dev eth0 && ip link set eth0 up && ip link set lo up && "
                 "ip addr add 169.254.169.254/32 dev lo && ip route add default via 10.8.0.1");
    must("ip route add 169.254.169.254/32 via 10.8.0.2");
    inside(elsewhere_, [this] { endpoint_ = serve("169.254.169.254", 80, "REAL"); });
    ASSERT_EQ(pod_gets(kMetadata), "REAL 10.9.0.2\n") << "the way there must exist for the test to mean anything";
  }
  std::string pod_gets(const std::string& url) { return in_pod("curl -s -m 3 " + url).output; }

  // Starts to put the redirect in place; where that fails for a while, it goes on in the background.
  void begin(const std::string& backend) {
    RedirectKeeperOptions options;
    options.redirect.target = target;
    options.redirect.backend = backend;
    options.redirect.check_interval = std::chrono::seconds(1);
    options.interfaces = *InterfacePattern::parse(interfaces);
    options.fence.priority = fence_priority;
    options.fence.check_interval = std::chrono::hours(1);  // what is repaired is repaired on notice
    options.conntrack_deletion = conntrack_deletion;
    options.expected_proof = expected_proof;
    keeper = std::make_unique<RedirectKeeper>(io.get_executor(), options, *keeper_clock, random, metrics,
                                              [this](const base::Error& error) { given_up = error.message; });
    test::run_task(io, keeper->close());
    const base::Result<> started = test::run_task(io, keeper->start());
    ASSERT_TRUE(started) << started.error().message;
  }
  // Puts the redirect in place. Setting up interfaces goes on in the background.
  void start(const std::string& backend) {
    ASSERT_NO_FATAL_FAILURE(begin(backend));
    ASSERT_TRUE(keeper->active());
  }
  // The same, until pods can use it.
  void keep(const std::string& backend) {
    ASSERT_NO_FATAL_FAILURE(start(backend));
    ASSERT_TRUE(test::run_until(io, [this] { return !keeper->not_ready(); }));
  }
  void end(nmi::RedirectKeeper::Rules rules) {
    const base::Result<> stopped = test::run_task(io, keeper->stop(rules));
    EXPECT_TRUE(stopped);
    keeper.reset();
  }
  double repairs() {
    return static_cast<double>(metrics.counter(base::metric::kNmiRedirectRepairs).find_or_add()->value());
  }

  double errors() {
    return static_cast<double>(metrics.counter(base::metric::kNmiRedirectErrors).find_or_add()->value());
  }
  // What is not intact of our chains, with the rules that are there; empty when all are.
  static std::string broken_chains(const std::string& iptables = "iptables") {
    std::string broken;
    for (const IptablesChain& chain : iptables_chains({})) {
      const std::string table = run(iptables + " -t " + std::string(chain.table) + " -S").output;
      if (!found_chain(chain, table, table).intact) broken += std::string(chain.name) + ":\n" + table;
    }
    return broken;
  }
  static std::string route_localnet(const std::string& interface) {
    return run("cat /proc/sys/net/ipv4/conf/" + interface + "/route_localnet").output;
  }

  RedirectTarget target;
  std::string interfaces = "auto";
  bool conntrack_deletion = true;
  ExpectedProof expected_proof;
  std::uint32_t fence_priority = FenceOptions{}.priority;
  int home_ = -1;
  pid_t pod_ = 0, real_ = 0, service_ = 0, loopback_ = 0, elsewhere_ = 0, endpoint_ = 0;
  base::asio::io_context io{1};
  base::RealClock clock;
  base::Clock* keeper_clock = &clock;
  test::SeededRandom random{static_cast<std::uint64_t>(::getpid())};
  base::MetricsRegistry metrics;
  std::unique_ptr<RedirectKeeper> keeper;
  std::string given_up;  // why the keeper cannot go on
};

}  // namespace podid::nmi
