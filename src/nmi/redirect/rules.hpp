// SPDX-License-Identifier: Apache-2.0
// The redirect as a value: what nft and iptables are to hold, and whether they do. Pure; applied elsewhere.
#pragma once
#include <array>
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
  // Whether pods' way to the ports of the wireserver is closed, which hands out the node's configuration.
  bool close_wireserver = true;
};

// Azure's other endpoint that trusts whoever asks from a machine. Its DNS (port 53) is for pods, too.
inline constexpr std::string_view kWireserver = "168.63.129.16";
inline constexpr std::array<std::uint16_t, 2> kWireserverPorts{80, 32526};

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

// A chain of ours and the built-in chain that jumps to it. Both are in the same table.
struct IptablesChain {
  std::string_view table;
  std::string_view name;
  std::string_view built_in;
  bool first = true;               // the jump must be the first rule there; else any place will do
  std::vector<std::string> rules;  // in order, as `iptables -S` prints them
};
// All of them, in the order in which they take effect; those of a table stand together. Chain aad-metadata is nmi.md
// §11, NMI-19.
std::vector<IptablesChain> iptables_chains(const RedirectTarget& target);

// What there is of a chain.
struct FoundChain {
  IptablesChain chain;
  bool exists = false;
  int jumps = 0;  // to it, in the built-in chain
  // It has exactly its rules, in order, and exactly one jump, in its place.
  bool intact = false;
};
// From the listings of the chain and of the built-in chain, as `iptables -t TABLE -S CHAIN` prints them; empty where there
// is no such chain.
FoundChain found_chain(IptablesChain chain, std::string_view listing, std::string_view built_in_listing);

// Scripts for `iptables-restore --noflush`, one transaction per table, for all chains in the order of iptables_chains().
// Fills the chains and moves the jumps to the first place.
std::string iptables_install_script(const std::vector<FoundChain>& found);
// Removes the chains and the jumps to them, in reverse order; empty where there are none.
std::string iptables_remove_script(std::vector<FoundChain> found);

}  // namespace podid::nmi
