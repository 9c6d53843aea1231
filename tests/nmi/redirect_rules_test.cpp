// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect_rules.hpp"

#include <gtest/gtest.h>

namespace podid::nmi {
namespace {

TEST(RedirectRules, NftScriptReplacesTheTableInOneTransaction) {
  const std::string script = nft_install_script({}, "m");
  EXPECT_EQ(script,
            "table inet podid\n"
            "delete table inet podid\n"
            "table inet podid {\n"
            "  chain prerouting {\n"
            "    type nat hook prerouting priority dstnat - 1; policy accept;\n"
            "    ip saddr != 127.0.0.1 ip daddr 169.254.169.254 tcp dport 80 dnat ip to 127.0.0.1:2579 comment \"m\"\n"
            "  }\n"
            "  chain input {\n"
            "    type filter hook input priority filter; policy accept;\n"
            "    iifname != \"lo\" ip saddr 127.0.0.0/8 drop comment \"m\"\n"
            "    iifname != \"lo\" ip daddr 127.0.0.0/8 ct status ! dnat drop comment \"m\"\n"
            "  }\n"
            "  chain forward {\n"
            "    type filter hook forward priority filter; policy accept;\n"
            "    ip daddr 169.254.169.254 tcp dport 80 drop comment \"m\"\n"
            "  }\n"
            "}\n");
}

TEST(RedirectRules, IPv6IsRedirectedToAnAddressOfTheNode) {
  RedirectTarget target;
  target.metadata_ip6 = "fd00:ec2::254";
  target.listen_ip6 = "fd01::1";
  ASSERT_TRUE(checked_target(target));
  const std::string script = nft_install_script(target, "m");
  EXPECT_TRUE(script.contains("ip6 daddr fd00:ec2::254 tcp dport 80 dnat ip6 to [fd01::1]:2579"));
  EXPECT_TRUE(script.contains("ip6 daddr fd00:ec2::254 tcp dport 80 drop"));
  target.listen_ip6 = "::1";
  EXPECT_FALSE(checked_target(target));
}

TEST(RedirectRules, BadAddressesNameTheFlag) {
  RedirectTarget target;
  target.metadata_ip = "imds";
  EXPECT_TRUE(checked_target(target).error().message.starts_with("--metadata-ip: \"imds\""));
  target = {};
  target.listen_ip = "::1";
  EXPECT_TRUE(checked_target(target).error().message.starts_with("--nmi-listen-address: \"::1\""));
  target.listen_ip = "0.0.0.0";
  EXPECT_EQ(checked_target(target)->listen_ip, "127.0.0.1");
}

TEST(RedirectRules, LoopbackIsUsedOnlyForLoopbackAddresses) {
  RedirectTarget target;
  EXPECT_TRUE(uses_loopback(target));
  target.listen_ip = "10.0.0.1";
  EXPECT_FALSE(uses_loopback(target));
}

const std::string kDnat =
    "-A aad-metadata ! -s 127.0.0.1/32 -d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination "
    "127.0.0.1:2579\n";
const std::string kReturn = "-A aad-metadata -j RETURN\n";

// NMI-19: the exact ordered list.
TEST(RedirectRules, OnlyTheExactChainIsAccepted) {
  const auto exact = [](const std::string& rules) {
    return has_exact_rules("-N aad-metadata\n" + rules, kIptablesChain, iptables_chain_rules({}));
  };
  EXPECT_TRUE(exact(kDnat + kReturn));
  EXPECT_FALSE(exact(""));
  EXPECT_FALSE(exact(kDnat));
  EXPECT_FALSE(exact(kReturn + kDnat));
  EXPECT_FALSE(exact(kReturn + kReturn));
  EXPECT_FALSE(exact(kDnat + kReturn + kReturn));
  EXPECT_FALSE(exact("-A aad-metadata -s 10.0.0.9/32 -j RETURN\n" + kDnat + kReturn));
  EXPECT_FALSE(exact(kDnat.substr(0, kDnat.size() - 2) + "0\n" + kReturn));
}

TEST(RedirectRules, TheJumpMustBeFirstAndAlone) {
  const auto first = [](const std::string& listing) {
    return has_jump_first("-P PREROUTING ACCEPT\n" + listing, "PREROUTING", kIptablesChain);
  };
  EXPECT_TRUE(first("-A PREROUTING -j aad-metadata\n-A PREROUTING -j KUBE-SERVICES\n"));
  EXPECT_FALSE(first(""));
  EXPECT_FALSE(first("-A PREROUTING -j KUBE-SERVICES\n-A PREROUTING -j aad-metadata\n"));
  EXPECT_FALSE(first("-A PREROUTING -j aad-metadata\n-A PREROUTING -j aad-metadata\n"));
  EXPECT_FALSE(first("-A PREROUTING -j aad-metadata-2\n"));
}

TEST(RedirectRules, IptablesScriptMovesTheJumpInTheSameTransaction) {
  const std::string script = iptables_install_script({}, 2, 0);
  EXPECT_TRUE(script.contains("*nat\n:aad-metadata - [0:0]\n" + kDnat + kReturn +
                              "-D PREROUTING -j aad-metadata\n-D PREROUTING -j aad-metadata\n"
                              "-I PREROUTING 1 -j aad-metadata\nCOMMIT\n"))
      << script;
  EXPECT_LT(script.find("*filter"), script.find("*nat")) << "the loopback is closed before it is used";
}

TEST(RedirectRules, OnlyWhatExistsIsRemoved) {
  EXPECT_EQ(iptables_remove_script({}), "");
  EXPECT_EQ(iptables_remove_script({.nat_chain = true, .nat_jumps = 1}),
            "*nat\n-D PREROUTING -j aad-metadata\n-F aad-metadata\n-X aad-metadata\nCOMMIT\n");
}

}  // namespace
}  // namespace podid::nmi
