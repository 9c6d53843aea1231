// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/rules.hpp"

#include <gtest/gtest.h>

#include <algorithm>

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
            "    iifname != \"lo\" tcp dport 2579 ct status ! dnat drop comment \"m\"\n"
            "  }\n"
            "  chain forward {\n"
            "    type filter hook forward priority filter; policy accept;\n"
            "    ip daddr 169.254.169.254 drop comment \"m\"\n"
            "    ip daddr 168.63.129.16 tcp dport { 80, 32526 } drop comment \"m\"\n"
            "    oifname \"podid-proof0\" drop comment \"m\"\n"
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
  EXPECT_TRUE(script.contains("ip6 daddr fd00:ec2::254 drop"));
  target.listen_ip6 = "::1";
  EXPECT_FALSE(checked_target(target));
}

TEST(RedirectRules, TheWireserverIsOpenedWhereAsked) {
  RedirectTarget target;
  target.close_wireserver = false;
  EXPECT_FALSE(nft_install_script(target, "m").contains("168.63.129.16"));
  for (const IptablesChain& chain : iptables_chains(target)) {
    EXPECT_TRUE(std::ranges::none_of(chain.rules, [](const std::string& rule) { return rule.contains("168.63"); }));
  }
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
const std::string kJump = "-A PREROUTING -j aad-metadata\n";
const std::string kFilterAndMangleChains =
    ":podid-loopback - [0:0]\n"
    "-A podid-loopback -s 127.0.0.0/8 ! -i lo -j DROP\n"
    "-A podid-loopback -d 127.0.0.0/8 ! -i lo -m conntrack ! --ctstate DNAT -j DROP\n"
    "-A podid-loopback ! -i lo -p tcp -m tcp --dport 2579 -m conntrack ! --ctstate DNAT -j DROP\n"
    "-A podid-loopback -j RETURN\n"
    "-I INPUT 1 -j podid-loopback\n"
    "COMMIT\n*mangle\n"
    ":podid-forward - [0:0]\n"
    "-A podid-forward -d 169.254.169.254/32 -j DROP\n"
    "-A podid-forward -d 168.63.129.16/32 -p tcp -m tcp --dport 80 -j DROP\n"
    "-A podid-forward -d 168.63.129.16/32 -p tcp -m tcp --dport 32526 -j DROP\n"
    "-A podid-forward -o podid-proof0 -j DROP\n"
    "-A podid-forward -j RETURN\n";

// What is found of our chain of this name.
FoundChain look_at(std::string_view name, const std::string& listing, const std::string& built_in_listing) {
  std::vector<IptablesChain> chains = iptables_chains({});
  const auto chain = std::ranges::find(chains, name, &IptablesChain::name);
  return found_chain(*chain, listing, built_in_listing);
}

// NMI-19: the exact ordered list.
TEST(RedirectRules, OnlyTheExactChainIsAccepted) {
  const auto exact = [](const std::string& rules) {
    return look_at(kIptablesChain, "-N aad-metadata\n" + rules, kJump).intact;
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
    return look_at(kIptablesChain, "-N aad-metadata\n" + kDnat + kReturn, "-P PREROUTING ACCEPT\n" + listing).intact;
  };
  EXPECT_TRUE(first(kJump + "-A PREROUTING -j KUBE-SERVICES\n"));
  EXPECT_FALSE(first(""));
  EXPECT_FALSE(first("-A PREROUTING -j KUBE-SERVICES\n" + kJump));
  EXPECT_FALSE(first(kJump + kJump));
  EXPECT_FALSE(first("-A PREROUTING -j aad-metadata-2\n"));
}

TEST(RedirectRules, TheJumpFromForwardMustBeAloneWhereverItIs) {
  const auto intact = [](const std::string& listing) {
    return look_at("podid-forward",
                   "-N podid-forward\n-A podid-forward -d 169.254.169.254/32 -j DROP\n"
                   "-A podid-forward -d 168.63.129.16/32 -p tcp -m tcp --dport 80 -j DROP\n"
                   "-A podid-forward -d 168.63.129.16/32 -p tcp -m tcp --dport 32526 -j DROP\n"
                   "-A podid-forward -o podid-proof0 -j DROP\n"
                   "-A podid-forward -j RETURN\n",
                   "-P FORWARD ACCEPT\n" + listing)
        .intact;
  };
  const std::string jump = "-A FORWARD -j podid-forward\n";
  EXPECT_TRUE(intact(jump + "-A FORWARD -j cali-FORWARD\n"));
  EXPECT_TRUE(intact("-A FORWARD -j cali-FORWARD\n" + jump));
  EXPECT_FALSE(intact("-A FORWARD -j cali-FORWARD\n"));
  EXPECT_FALSE(intact(jump + "-A FORWARD -j cali-FORWARD\n" + jump));
}

// What there is with `jumps` to each of our chains, which exist or not.
std::vector<FoundChain> found(bool exist, int jumps) {
  std::vector<FoundChain> all;
  for (const IptablesChain& chain : iptables_chains({}))
    all.push_back({.chain = chain, .exists = exist, .jumps = jumps});
  return all;
}

TEST(RedirectRules, IptablesScriptMakesTheFilterBeforeTheRedirect) {
  EXPECT_EQ(iptables_install_script(found(false, 0)),
            "*filter\n" + kFilterAndMangleChains +
                "-I FORWARD 1 -j podid-forward\nCOMMIT\n*nat\n:aad-metadata - [0:0]\n" + kDnat + kReturn +
                "-I PREROUTING 1 -j aad-metadata\nCOMMIT\n");
}

TEST(RedirectRules, IptablesScriptMovesTheJumpInTheSameTransaction) {
  const std::string script = iptables_install_script(found(true, 2));
  EXPECT_TRUE(script.contains("*nat\n:aad-metadata - [0:0]\n" + kDnat + kReturn +
                              "-D PREROUTING -j aad-metadata\n-D PREROUTING -j aad-metadata\n"
                              "-I PREROUTING 1 -j aad-metadata\nCOMMIT\n"))
      << script;
}

TEST(RedirectRules, OnlyWhatExistsIsRemoved) {
  EXPECT_EQ(iptables_remove_script(found(false, 0)), "");
  EXPECT_EQ(iptables_remove_script(found(true, 1)),
            "*nat\n-D PREROUTING -j aad-metadata\n-F aad-metadata\n-X aad-metadata\nCOMMIT\n"
            "*mangle\n-D FORWARD -j podid-forward\n-F podid-forward\n-X podid-forward\nCOMMIT\n"
            "*filter\n-D INPUT -j podid-loopback\n-F podid-loopback\n-X podid-loopback\nCOMMIT\n");
  std::vector<FoundChain> older = found(true, 1);  // before there was podid-forward
  older[1].exists = false;
  older[1].jumps = 0;
  EXPECT_EQ(iptables_remove_script(older),
            "*nat\n-D PREROUTING -j aad-metadata\n-F aad-metadata\n-X aad-metadata\nCOMMIT\n"
            "*filter\n-D INPUT -j podid-loopback\n-F podid-loopback\n-X podid-loopback\nCOMMIT\n");
}

}  // namespace
}  // namespace podid::nmi
