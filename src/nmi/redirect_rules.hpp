// SPDX-License-Identifier: Apache-2.0
// The redirect as a value: what nft and iptables are to hold, and whether they do. Pure; applied elsewhere.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace podid::nmi {

struct RedirectTarget {
  std::string metadata_ip = "169.254.169.254";
  std::uint16_t metadata_port = 80;
  std::string listen_ip = "127.0.0.1";
  std::uint16_t listen_port = 2579;
  // IPv6: both empty (no redirect of IPv6) or both set; [::1] cannot be a target of dnat.
  std::string metadata_ip6;
  std::string listen_ip6;
};

// Addresses are IP literals of the right family and can be redirected to; 0.0.0.0 becomes 127.0.0.1 as aad-pod-identity
// has it. `invalid` names the flag.
base::Result<RedirectTarget> checked_target(RedirectTarget target);

// Whether pods reach the listener through the node's loopback, so that route_localnet is needed.
bool uses_loopback(const RedirectTarget& target);

inline constexpr std::string_view kNftFamily = "inet";
inline constexpr std::string_view kNftTable = "podid";

// A script for `nft -f -`: our table replaced as one transaction. `mark` is the comment of every rule, by which a
// notification tells our own transaction from a foreign one.
std::string nft_install_script(const RedirectTarget& target, std::string_view mark);
// Removes the table, also when there is none.
std::string nft_remove_script();

inline constexpr std::string_view kIptablesChain = "aad-metadata";
inline constexpr std::string_view kLoopbackChain = "podid-loopback";

// What `iptables -t nat -S aad-metadata` prints after its "-N" line, in order (nmi.md §11, NMI-19).
std::vector<std::string> iptables_chain_rules(const RedirectTarget& target);
// What closes the node's loopback to pods, in table filter, in order.
std::vector<std::string> loopback_chain_rules();

// Listings as `iptables -t nat -S CHAIN` prints them. Exactly the expected rules, in order, and nothing else.
bool has_exact_rules(std::string_view listing, std::string_view chain, const std::vector<std::string>& rules);
// The jump to `chain` is the first rule of the built-in chain and the only one to it.
bool has_jump_first(std::string_view listing, std::string_view built_in, std::string_view chain);
// How often the built-in chain jumps to `chain`.
int count_jumps(std::string_view listing, std::string_view built_in, std::string_view chain);

// A script for `iptables-restore --noflush`: chain filled and jump moved to the first place, as one transaction per
// table. `nat_jumps` and `input_jumps` are the counts found; those rules are removed first.
std::string iptables_install_script(const RedirectTarget& target, int nat_jumps, int input_jumps);
// Removes both chains and the jumps to them. Pass what exists: iptables-restore refuses to delete what is not there.
struct IptablesFound {
  bool nat_chain = false;
  bool loopback_chain = false;
  int nat_jumps = 0;
  int input_jumps = 0;
};
std::string iptables_remove_script(const IptablesFound& found);

}  // namespace podid::nmi
