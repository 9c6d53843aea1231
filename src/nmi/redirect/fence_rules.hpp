// SPDX-License-Identifier: Apache-2.0
// The fence as a value: the policy-routing rules that keep what pods send from being forwarded to the real endpoint
// (nmi.md §11.3). Pure; laid elsewhere.
#pragma once
#include <linux/netlink.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nmi/redirect/rules.hpp"

namespace podid::nmi {

// One rule, with all that it selects by. Every one has `protocol kernel`: systemd-networkd takes away rules of others.
struct FenceRule {
  enum class Kind : std::uint8_t {
    skip,   // what the node itself sends there jumps over the next two
    close,  // whatever else is on its way there is dropped
    end,    // where the jump leads to
  };
  Kind kind = Kind::end;
  bool v6 = false;
  std::uint32_t priority = 0;
  std::string destination;  // the address's bytes; empty for the end
  std::uint16_t port = 0;   // of TCP; 0: every protocol and port. Of `close` alone

  bool operator==(const FenceRule&) const = default;
};

// Room for a message about a rule.
inline constexpr std::size_t kRuleMessageBytes = 512;
// The last priority from which four in a row come before the table main (32766).
inline constexpr std::uint32_t kMaxFencePriority = 32'762;

// In the order in which they are laid: nothing is cut off that is not meant to be. Priorities are `priority` to
// `priority` + 3. What is closed is closed twice, so that whoever takes away one rule opens nothing.
std::vector<FenceRule> fence_rules(const RedirectTarget& target, std::uint32_t priority);

// A request to make (RTM_NEWRULE, refused where there is one like it) or to delete (RTM_DELRULE) exactly this rule, in a
// buffer of kRuleMessageBytes.
nlmsghdr* put_rule(char* buffer, std::uint16_t type, const FenceRule& rule);
// From the kernel's notice of a rule; nothing where it is none of a fence's.
std::optional<FenceRule> read_rule(const nlmsghdr& message);

// Of the rules of a machine those of fences: of any priority where the jump is there, else of this one.
std::vector<FenceRule> rules_of_fences(const std::vector<FenceRule>& found, std::uint32_t priority);

}  // namespace podid::nmi
