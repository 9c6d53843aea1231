// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/fence_rules.hpp"

#include <gtest/gtest.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <algorithm>

#include "nmi/netlink/netlink_attributes.hpp"

namespace podid::nmi {
namespace {

using Kind = FenceRule::Kind;

RedirectTarget both_families() {
  RedirectTarget target;
  target.metadata_ip6 = "fd00:ec2::254";
  target.listen_ip6 = "fd01::1";
  return target;
}

std::optional<FenceRule> there_and_back(const FenceRule& rule, void (*change)(nlmsghdr*) = nullptr) {
  alignas(nlmsghdr) char buffer[kRuleMessageBytes];
  nlmsghdr* message = put_rule(buffer, RTM_NEWRULE, rule);
  if (change) change(message);
  return read_rule(*message);
}

TEST(FenceRules, TheWayOnIsLaidBeforeTheJumpAndTheJumpBeforeWhatIsClosed) {
  const std::vector<FenceRule> rules = fence_rules(both_families(), 2);
  EXPECT_TRUE(std::ranges::is_sorted(rules, {}, [](const FenceRule& rule) {
    return rule.kind == Kind::end ? 0 : rule.kind == Kind::skip ? 1 : 2;
  }));
  const auto count = [&rules](Kind kind, std::uint32_t priority) {
    return std::ranges::count_if(rules,
                                 [&](const FenceRule& rule) { return rule.kind == kind && rule.priority == priority; });
  };
  EXPECT_EQ(count(Kind::end, 5), 2) << "one for each family";
  EXPECT_EQ(count(Kind::skip, 2), 3);
  EXPECT_EQ(count(Kind::close, 3), 4) << "both endpoints, two ports of the wireserver";
  EXPECT_EQ(count(Kind::close, 4), 4) << "twice";
  RedirectTarget open;
  open.close_wireserver = false;
  EXPECT_EQ(fence_rules(open, 2).size(), 4u);
}

TEST(FenceRules, WhatIsLaidIsRecognised) {
  for (const FenceRule& rule : fence_rules(both_families(), 700)) EXPECT_EQ(there_and_back(rule), rule);
}

TEST(FenceRules, RulesOfOthersAreNotTakenForOurs) {
  const FenceRule close = fence_rules({}, 2).back();
  EXPECT_EQ(there_and_back(close, [](nlmsghdr* m) { mnl_attr_put_u8(m, FRA_PROTOCOL, RTPROT_BOOT); }), std::nullopt);
  EXPECT_EQ(there_and_back(close, [](nlmsghdr* m) { mnl_attr_put_strz(m, FRA_IIFNAME, "eth0"); }), std::nullopt);
  EXPECT_EQ(there_and_back(close, [](nlmsghdr* m) { mnl_attr_put_strz(m, FRA_OIFNAME, "eth0"); }), std::nullopt);
  EXPECT_EQ(there_and_back(close, [](nlmsghdr* m) { mnl_attr_put_u32(m, FRA_FWMARK, 1); }), std::nullopt);
  EXPECT_EQ(there_and_back(close, [](nlmsghdr* m) { mnl_attr_put_u8(m, FRA_IP_PROTO, IPPROTO_UDP); }), std::nullopt);
  EXPECT_EQ(
      there_and_back(
          close, [](nlmsghdr* m) { static_cast<fib_rule_hdr*>(mnl_nlmsg_get_payload(m))->flags |= FIB_RULE_INVERT; }),
      std::nullopt)
      << "the opposite";
  EXPECT_EQ(
      there_and_back(
          close, [](nlmsghdr* m) { static_cast<fib_rule_hdr*>(mnl_nlmsg_get_payload(m))->action = FR_ACT_PROHIBIT; }),
      std::nullopt);
  EXPECT_EQ(
      there_and_back(close, [](nlmsghdr* m) { static_cast<fib_rule_hdr*>(mnl_nlmsg_get_payload(m))->dst_len = 24; }),
      std::nullopt);
  FenceRule skip = fence_rules({}, 2)[1];
  ASSERT_EQ(skip.kind, Kind::skip);
  EXPECT_EQ(there_and_back(skip, [](nlmsghdr* m) { mnl_attr_put_u32(m, FRA_GOTO, 100); }), std::nullopt);
}

TEST(FenceRules, FencesAreKnownByTheirJumpWhateverTheirPriority) {
  std::vector<FenceRule> found = fence_rules({}, 700);
  EXPECT_EQ(rules_of_fences(found, 2), found);
  const std::vector<FenceRule> whole = found;
  std::erase_if(found, [](const FenceRule& rule) { return rule.kind == Kind::skip; });
  EXPECT_EQ(rules_of_fences(found, 2), std::vector<FenceRule>{}) << "anybody's";
  EXPECT_EQ(rules_of_fences(found, 700), found);
  std::vector<FenceRule> others{{.kind = Kind::close, .priority = 900, .destination = "abcd"},
                                {.kind = Kind::end, .priority = 701, .destination = {}}};
  EXPECT_EQ(rules_of_fences(others, 700), std::vector<FenceRule>{});
}

}  // namespace
}  // namespace podid::nmi
