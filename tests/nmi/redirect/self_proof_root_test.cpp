// SPDX-License-Identifier: Apache-2.0
// The rules tried by packets like a pod's (SEC-13). Needs root.
#include "nmi/redirect/self_proof.hpp"

#include <boost/asio/ip/udp.hpp>

#include "nmi/node_rules.hpp"
#include "nmi/redirect/flaky_tools.hpp"
#include "nmi/redirect/node_namespace.hpp"
#include "support/fake_clock.hpp"

namespace podid::nmi {
namespace {

std::string proof_of(std::string_view nonce) { return "proof-of-" + std::string(nonce); }

class SelfProofRootTest : public NodeNamespaceTest {
 protected:
  void SetUp() override {
    NodeNamespaceTest::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    must("echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter");
    ::kill(service_, SIGKILL);
    ::waitpid(service_, nullptr, 0);
    service_ = serve_proofs();
    ASSERT_NO_FATAL_FAILURE(move_endpoint_elsewhere());
  }
  // An NMI that answers nothing but proofs.
  static pid_t serve_proofs() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const boost::asio::ip::tcp::endpoint at(boost::asio::ip::make_address("127.0.0.1"), 2579);
    EXPECT_EQ(::bind(listener, at.data(), static_cast<socklen_t>(at.size())), 0);
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
      std::array<char, 2048> bytes{};
      const ssize_t size = ::read(client, bytes.data(), bytes.size());
      const std::string request(bytes.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
      const std::size_t nonce = request.find("nonce=");
      std::string body = "peer " + peer.address().to_string();
      if (nonce != std::string::npos)
        body += " " + proof_of(request.substr(nonce + 6, request.find(' ', nonce) - nonce - 6));
      const std::string answer =
          "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
      if (::write(client, answer.data(), answer.size()) < 0) ::_exit(1);
      ::close(client);
    }
  }
  // Many plain datagrams of the pod to where the proof asks from.
  void flood(int datagrams) const {
    inside(pod_, [datagrams] {
      const int from = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
      const boost::asio::ip::udp::endpoint to(boost::asio::ip::make_address("192.0.0.8"), 9);
      const std::string bytes(1000, 'x');
      for (int i = 0; i < datagrams; ++i) {
        ::sendto(from, bytes.data(), bytes.size(), 0, to.data(), static_cast<socklen_t>(to.size()));
      }
      ::close(from);
    });
  }
  static std::string links() { return run("ip -o link").output; }

  SelfProof proof_{io.get_executor(), target, proof_of, random};
};

TEST_F(SelfProofRootTest, HoldsWhereTheRedirectLeadsToUsAndNowhereElse) {
  for (const char* backend : {"nftables", "iptables"}) {
    keep(backend);
    const base::Result<> opened = test::run_task(io, proof_.open());
    EXPECT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(proof_.holds()) << backend;
    EXPECT_TRUE(proof_.holds()) << backend << ", again";
    SelfProof other(io.get_executor(), target, [](std::string_view) { return "another's"; }, random);
    EXPECT_TRUE(test::run_task(io, other.open()));
    EXPECT_FALSE(other.holds()) << "what anybody may answer is none";
    end(RedirectKeeper::Rules::are_removed);
    ASSERT_TRUE(test::run_task(io, proof_.open()));
    EXPECT_FALSE(proof_.holds()) << backend << ": there are no rules";
  }
  ASSERT_TRUE(test::run_task(io, remove_self_proof()));
  EXPECT_FALSE(links().contains("podid-proof"));
  EXPECT_TRUE(test::run_task(io, remove_self_proof())) << "twice does no harm";
}

// One that has something to say to 192.0.0.8, as fast as it can, while it is asked and between.
TEST_F(SelfProofRootTest, APodCannotDisturbIt) {
  for (const char* backend : {"nftables", "iptables"}) {
    keep(backend);
    ASSERT_TRUE(test::run_task(io, proof_.open()));
    const std::string forwarded = "cat /sys/class/net/podid-proof0/statistics/tx_packets";
    EXPECT_TRUE(proof_.holds()) << backend;
    const std::string before = run(forwarded).output;
    flood(2000);
    EXPECT_EQ(run(forwarded).output, before) << backend << ": what a pod sends there is dropped";
    end(RedirectKeeper::Rules::are_removed);
  }
  // Whatever becomes of that rule.
  keep("nftables");
  must("nft flush chain inet podid forward");
  ASSERT_TRUE(test::run_task(io, proof_.open()));
  flood(2000);
  EXPECT_TRUE(proof_.holds());
  end(RedirectKeeper::Rules::are_removed);
  ASSERT_TRUE(test::run_task(io, remove_self_proof()));
}

TEST_F(SelfProofRootTest, TheKeeperIsNotReadyWhileSomebodysRuleLeadsElsewhere) {
  test::FakeClock fake;
  keeper_clock = &fake;
  expected_proof = proof_of;
  must("ip link add podid-proof0 type veth peer name podid-proof1");  // left by one that crashed
  keep("nftables");
  const auto in_time = [&](const std::function<bool()>& happened) {
    return test::run_until(io, [&] {
      fake.advance(std::chrono::seconds(1));
      return happened();
    });
  };
  EXPECT_TRUE(in_time([] { return links().contains("podid-proof0"); }));
  must(
      "nft \"add table ip thief; add chain ip thief c { type nat hook prerouting priority dstnat - 10; }; add rule ip "
      "thief c "
      "ip "
      "daddr 169.254.169.254 tcp dport 80 dnat to 127.0.0.1:8081\"");
  EXPECT_TRUE(in_time([this] { return keeper->not_ready().has_value(); }));
  EXPECT_TRUE(keeper->not_ready().value_or("").contains("packets like a pod's"))
      << keeper->not_ready().value_or("ready");
  EXPECT_FALSE(keeper->active());
  EXPECT_TRUE(metrics.expose().contains("\naadpodidentity_nmi_redirect_active 0\n"));
  must("nft delete table ip thief && ip link del podid-proof0");
  EXPECT_TRUE(in_time([this] { return !keeper->not_ready(); }));
  EXPECT_TRUE(metrics.expose().contains("\naadpodidentity_nmi_redirect_active 1\n"));
  EXPECT_TRUE(links().contains("podid-proof0")) << "made anew";
  end(RedirectKeeper::Rules::stay);
  EXPECT_FALSE(links().contains("podid-proof")) << "nobody uses it any more";
  ASSERT_TRUE(uninstall({}));
}

// As nft may do for a while on a busy machine.
TEST_F(SelfProofRootTest, RulesThatCannotBeLaidAnewOnceAreLaidLater) {
  test::FakeClock fake;
  keeper_clock = &fake;
  expected_proof = proof_of;
  keep("nftables");
  test::FlakyTools nft({"nft"});
  const auto in_time = [&](const std::function<bool()>& happened) {
    return test::run_until(io, [&] {
      fake.advance(std::chrono::seconds(1));
      return happened();
    });
  };
  const double before = errors();
  nft.fail("Error: took too long");
  must("ip link del podid-proof0; echo 1 > /proc/sys/net/ipv4/conf/br0/route_localnet");
  must("iptables -I INPUT -s 192.0.0.8 -j DROP");
  EXPECT_TRUE(in_time([&] { return errors() >= before + 2; }));
  EXPECT_TRUE(keeper->not_ready().has_value());
  must("iptables -D INPUT -s 192.0.0.8 -j DROP");
  nft.work();
  EXPECT_TRUE(in_time([this] { return !keeper->not_ready(); })) << keeper->not_ready().value_or("");
  EXPECT_EQ(given_up, "");
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(SelfProofRootTest, AProberThatIsServedOutranksIt) {
  test::FakeClock fake;
  keeper_clock = &fake;
  expected_proof = proof_of;
  keep("nftables");
  must("iptables -I INPUT -s 192.0.0.8 -j DROP");  // a firewall that knows the pods' addresses alone
  bool is_proven = false;
  const auto in_time = [&](const std::function<bool()>& happened) {
    return test::run_until(io, [&] {
      if (is_proven) keeper->proven();
      fake.advance(std::chrono::seconds(1));
      return happened();
    });
  };
  EXPECT_TRUE(in_time([this] { return keeper->not_ready().has_value(); }));
  EXPECT_TRUE(keeper->not_ready().value_or("").contains("--self-proof=false")) << keeper->not_ready().value_or("");
  const std::string index = run("cat /sys/class/net/podid-proof0/ifindex").output;
  is_proven = true;
  EXPECT_TRUE(in_time([this] { return !keeper->not_ready(); }));
  is_proven = false;
  EXPECT_TRUE(in_time([this] { return keeper->not_ready().has_value(); })) << "a proof grows old";
  EXPECT_EQ(run("cat /sys/class/net/podid-proof0/ifindex").output, index) << "a veth that is there stays";
  end(RedirectKeeper::Rules::are_removed);
}

}  // namespace
}  // namespace podid::nmi
