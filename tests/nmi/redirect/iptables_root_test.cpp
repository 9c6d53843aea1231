// SPDX-License-Identifier: Apache-2.0
// The iptables back end with real iptables that are damaged (NMI-19) or fail for a while (NMI-20). Needs root.
#include "nmi/redirect/flaky_tools.hpp"
#include "nmi/redirect/iptables.hpp"
#include "nmi/redirect/node_namespace.hpp"
#include "support/fake_clock.hpp"

namespace podid::nmi {
namespace {

class IptablesRootTest : public NodeNamespaceTest {
 protected:
  IptablesRootTest() {
    keeper_clock = &fake;
    fence_priority = 0;  // what iptables itself keeps closed
  }
  // Until it has happened, time passes as fast as the keeper can follow.
  bool in_time(const std::function<bool()>& happened) {
    return test::run_until(io, [this, &happened] {
      fake.advance(std::chrono::milliseconds(100));
      return happened();
    });
  }
  // The keeper has tried and waits for its next try.
  bool waits() {
    return test::run_until(io, [this] { return fake.sleepers() > 0; });
  }
  // How long until it happens; at most ten minutes.
  base::Duration time_until(const std::function<bool()>& happened) {
    const base::SteadyTime start = fake.steady_now();
    while (!happened() && fake.steady_now() - start < std::chrono::minutes(10) && waits()) {
      fake.advance(std::chrono::seconds(1));
      io.restart();
      io.poll();
    }
    return fake.steady_now() - start;
  }

  test::FakeClock fake;
};

TEST_F(IptablesRootTest, EveryDamageIsRepaired) {
  must("iptables -t nat -N OTHER");
  keep("iptables");
  const std::string dnat = iptables_chains({}).back().rules.front();
  const std::string to_dnat = " && iptables -t nat " + dnat;
  const std::string flush = "iptables -t nat -F aad-metadata";
  const std::string give_back = " && iptables -t nat -A aad-metadata -j RETURN";
  const std::vector<std::string> damages{
      flush,
      flush + give_back + to_dnat,
      flush + give_back + give_back,
      "iptables -t nat -A aad-metadata -j OTHER",
      "iptables -t nat -A aad-metadata -j RETURN",
      "iptables -t nat -I aad-metadata -s 10.9.0.2/32 -j RETURN",
      "iptables -t nat -I PREROUTING -j OTHER",
      "iptables -t nat -A PREROUTING -j aad-metadata",
      "iptables -t nat -D PREROUTING -j aad-metadata",
      "iptables -t nat -D PREROUTING -j aad-metadata && " + flush + " && iptables -t nat -X aad-metadata",
      "iptables -F podid-loopback",
      "iptables -I podid-loopback -j RETURN",
      "iptables -I INPUT -j ACCEPT",
      "iptables -D INPUT -j podid-loopback",
      "iptables -t mangle -F podid-forward",
      "iptables -t mangle -A FORWARD -j podid-forward",
      "iptables -t mangle -D FORWARD -j podid-forward",
      // As an NMI left it that had no such chain yet.
      "iptables -t mangle -D FORWARD -j podid-forward && iptables -t mangle -F podid-forward && "
      "iptables -t mangle -X podid-forward",
  };
  for (const std::string& damage : damages) {
    must(damage);
    const double before = repairs();
    EXPECT_TRUE(in_time([&] { return repairs() > before && keeper->active(); })) << damage;
    EXPECT_EQ(broken_chains(), "") << damage;
    EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << damage;
  }
  EXPECT_TRUE(run("iptables -t nat -S").output.contains("-A PREROUTING -j OTHER")) << "others' rules stay";
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(IptablesRootTest, NothingReachesTheEndpointWhileTheChainIsDamaged) {
  ASSERT_NO_FATAL_FAILURE(move_endpoint_elsewhere());
  const std::vector<IptablesVariant> variants = test::run_task(io, IptablesRedirect::variants());
  ASSERT_FALSE(variants.empty());
  for (const IptablesVariant& variant : variants) {
    must(variant.command + " -t nat -N aad-metadata");  // by which it is chosen
    keep("iptables");
    EXPECT_EQ(broken_chains(variant.command), "");
    EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << variant.command;
    must(variant.command + " -I FORWARD -j ACCEPT");  // of others, as for what is established
    const double before = repairs();
    must(variant.command + " -t nat -F aad-metadata");
    EXPECT_EQ(pod_gets(kMetadata), "") << variant.command;
    EXPECT_TRUE(in_time([&] { return repairs() > before && keeper->active(); })) << variant.command;
    EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << variant.command;
    end(RedirectKeeper::Rules::are_removed);
    EXPECT_EQ(pod_gets(kMetadata), "REAL 10.9.0.2\n") << "nothing of ours is left of " << variant.command;
  }
}

TEST_F(IptablesRootTest, OthersMayBeFirstInForward) {
  keep("iptables");
  must("iptables -t mangle -N cali-FORWARD && iptables -t mangle -I FORWARD -j cali-FORWARD");
  const double before = repairs();
  for (int look = 0; look < 3; ++look) {
    ASSERT_TRUE(waits());
    fake.advance(std::chrono::seconds(1));
    io.restart();
    io.poll();
  }
  ASSERT_TRUE(waits());
  EXPECT_EQ(repairs(), before);
  const auto mangle = [] { return run("iptables -t mangle -S").output; };
  EXPECT_TRUE(mangle().contains("-A FORWARD -j cali-FORWARD\n-A FORWARD -j podid-forward\n"));
  end(RedirectKeeper::Rules::are_removed);
  EXPECT_FALSE(mangle().contains("podid"));
  EXPECT_FALSE(run("iptables -S").output.contains("podid"));
  EXPECT_TRUE(mangle().contains("-A FORWARD -j cali-FORWARD\n")) << "others' rules stay";
}

TEST_F(IptablesRootTest, APassingFailureIsSeenAndOutlived) {
  test::FlakyTools iptables(test::kIptablesTools);
  keep("iptables");
  iptables.fail(test::kPassingFailure);
  time_until([this] { return !keeper->active(); });
  EXPECT_TRUE(keeper->not_ready().value_or("ready").contains("temporarily unavailable"));
  EXPECT_TRUE(metrics.expose().contains("aadpodidentity_nmi_redirect_active 0")) << metrics.expose();
  const double seen = errors();
  EXPECT_GE(seen, 1);
  time_until([&] { return errors() > seen + 8; });
  EXPECT_EQ(given_up, "");
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n") << "the rules are as they were";
  iptables.work();
  time_until([this] { return keeper->active(); });
  EXPECT_EQ(keeper->not_ready(), std::nullopt);
  EXPECT_TRUE(metrics.expose().contains("aadpodidentity_nmi_redirect_active 1"));
  end(RedirectKeeper::Rules::are_removed);
}

TEST_F(IptablesRootTest, AFailureThatStaysIsFatalAfterFiveMinutes) {
  test::FlakyTools iptables(test::kIptablesTools);
  keep("iptables");
  iptables.fail(test::kPassingFailure);
  time_until([this] { return !keeper->active(); });
  const base::Duration patience = time_until([this] { return !given_up.empty(); });
  EXPECT_GE(patience, std::chrono::minutes(5));
  EXPECT_LT(patience, std::chrono::minutes(5) + std::chrono::seconds(30));
  EXPECT_TRUE(given_up.contains("temporarily unavailable")) << given_up;
  end(RedirectKeeper::Rules::stay);
  iptables.work();
  EXPECT_EQ(pod_gets(kMetadata), "NMI 10.9.0.2\n");
}

}  // namespace
}  // namespace podid::nmi
