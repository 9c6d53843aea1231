// SPDX-License-Identifier: Apache-2.0
// What the control thread does with the node: rules after a fatal error, ports on both families. Needs root.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <thread>

#include "net/http_client.hpp"
#include "nmi/control.hpp"
#include "nmi/keeper/keeper.hpp"
#include "nmi/node_rules.hpp"
#include "nmi/redirect/flaky_tools.hpp"
#include "nmi/redirect/node_namespace.hpp"
#include "support/fake_clock.hpp"

namespace podid::nmi {
namespace {

class ControlRootTest : public NodeNamespaceTest {
 protected:
  ControlRootTest() {
    options.kubeconfig = folder.file("kubeconfig");
    // Nobody listens there.
    EXPECT_TRUE(base::write_file(
        options.kubeconfig,
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{name: c, cluster: {server: "
        "\"http://127.0.0.1:1\"}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: c, context: {cluster: c, "
        "user: u}}]\n"));
    options.node = "node-a";
    options.redirect = "none";
    options.probe_port = options.prometheus_port = 0;
  }
  // Both halves of an NMI, in one thread.
  void start_control(base::Clock& with) {
    base::Result<RedirectKeeperOptions> rules = node_rules(options);
    ASSERT_TRUE(rules) << rules.error().message;
    node_half = std::make_unique<Keeper>(io.get_executor(),
                                         KeeperOptions{.redirect = std::move(*rules),
                                                       .proof_key = {},
                                                       .cleanup_on_exit = options.cleanup_on_exit,
                                                       .token_file = {}},
                                         with, random, [this](const base::Error& error) { given_up = error.message; });
    base::Result<LinkPair> link = make_link();
    ASSERT_TRUE(link);
    serving = true;
    base::asio::co_spawn(io, node_half->serve(std::move(link->keeper)),
                         [this](const std::exception_ptr&, Keeper::End) { serving = false; });
    base::Result<kube::ClusterConfig> cluster = kube::load_cluster_config(options.kubeconfig);
    ASSERT_TRUE(cluster) << cluster.error().message;
    base::Result<std::unique_ptr<Control>> made = Control::create(io.get_executor(), options,
                                                                  {.http = net::http_over_sockets(with),
                                                                   .clock = with,
                                                                   .random = random,
                                                                   .metrics = metrics,
                                                                   .snapshots = snapshots,
                                                                   .proof = proof,
                                                                   .cluster = std::move(*cluster),
                                                                   .keeper = std::move(link->server),
                                                                   .events = {}});
    ASSERT_TRUE(made) << made.error().message;
    control = std::move(*made);
    const base::Result<> listening = control->listen();
    ASSERT_TRUE(listening) << listening.error().message;
    base::asio::post(io, [this] { control->start({.wants_token = false}); });
    ASSERT_TRUE(test::run_until(io, [this] { return node_half->redirect().active(); }));
  }
  void stop_control() {
    node_half->drain();
    test::run_task(io, control->stop(net::Deadline::passed()));
    control.reset();
    ASSERT_TRUE(test::run_until(io, [this] { return !serving; }));
    test::run_task(io, node_half->stop());
  }
  bool connects(const std::string& address, std::uint16_t port) {
    boost::asio::ip::tcp::socket socket(io);
    boost::system::error_code error;
    socket.connect({boost::asio::ip::make_address(address), port}, error);
    return !error;
  }

  test::TemporaryFolder folder;
  NmiOptions options;
  SnapshotSource snapshots;
  RedirectProof proof{"", ""};  // nobody here answers a proof
  std::unique_ptr<Keeper> node_half;
  bool serving = false;  // it talks with `control`
  std::unique_ptr<Control> control;
};

TEST_F(ControlRootTest, RulesStayAfterAFatalErrorWhateverTheFlagSays) {
  test::FlakyTools iptables(test::kIptablesTools);
  test::FakeClock fake;
  options.redirect = "iptables";
  options.cleanup_on_exit = true;
  start_control(fake);
  iptables.fail(test::kPassingFailure);
  ASSERT_TRUE(test::run_until(io, [&] {
    fake.advance(std::chrono::seconds(1));
    return !given_up.empty();
  }));
  iptables.work();
  stop_control();
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
}

TEST_F(ControlRootTest, ANewInterfacePutsTheAddressesInDoubtWhileTheApiServerIsAway) {
  start_control(clock);
  io.restart();
  io.poll();
  must("ip link set veth0 down && ip link set veth0 up");  // an older one that changes is no new one
  io.poll();
  EXPECT_EQ(snapshots.doubt(), base::SteadyTime{});
  must("ip link add veth8 type veth peer name veth9");
  EXPECT_TRUE(test::run_until(io, [&] { return snapshots.doubt() != base::SteadyTime{}; }));
  stop_control();
}

TEST_F(ControlRootTest, RulesGoAtAnOrdinaryStopWhereAsked) {
  options.redirect = "iptables";
  options.cleanup_on_exit = true;
  start_control(clock);
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
  stop_control();
  EXPECT_TRUE(pod_gets(kMetadata).starts_with("REAL"));
}

TEST_F(ControlRootTest, ProbesAndMetricsAreThereForBothFamilies) {
  start_control(clock);
  for (const std::uint16_t port : {control->probe_port(), control->metrics_port()}) {
    EXPECT_TRUE(connects("127.0.0.1", port));
    EXPECT_TRUE(connects("::1", port));
  }
  stop_control();
}

// As with the kernel's option ipv6.disable=1; for this thread, which must end.
void lose_ipv6() {
  std::array<sock_filter, 6> program{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAFNOSUPPORT),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
  ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

TEST_F(ControlRootTest, WithoutIPv6TheyAreThereForIPv4) {
  std::thread([this] {
    lose_ipv6();
    start_control(clock);
    EXPECT_TRUE(connects("127.0.0.1", control->probe_port()));
    EXPECT_TRUE(connects("127.0.0.1", control->metrics_port()));
    stop_control();
  }).join();
}

}  // namespace
}  // namespace podid::nmi
