// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "base/text.hpp"
#include "nmi/netlink/own_links.hpp"

namespace podid::nmi {
namespace {

using boost::asio::ip::make_address_v4;
using boost::asio::ip::make_address_v6;

bool has_exact_rules(std::string_view listing, const IptablesChain& chain) {
  const std::string prefix = fmt::format("-A {} ", chain.name);
  std::size_t next = 0;
  for (std::string_view line : base::split(listing, '\n')) {
    line = base::trim(line);
    if (!line.starts_with(prefix)) continue;
    if (next == chain.rules.size() || line != chain.rules[next]) return false;
    ++next;
  }
  return next == chain.rules.size();
}

// iptables-restore refuses to delete what is not there.
std::string delete_jumps(const FoundChain& found) {
  std::string commands;
  for (int i = 0; i < found.jumps; ++i) {
    commands += fmt::format("-D {} -j {}\n", found.chain.built_in, found.chain.name);
  }
  return commands;
}

std::string install_chain(const FoundChain& found) {
  // Naming a chain of ours flushes it (--noflush spares the built-in ones).
  std::string commands = fmt::format(":{} - [0:0]\n", found.chain.name);
  for (const std::string& rule : found.chain.rules) commands += rule + "\n";
  return commands + delete_jumps(found) + fmt::format("-I {} 1 -j {}\n", found.chain.built_in, found.chain.name);
}

std::string remove_chain(const FoundChain& found) {
  return delete_jumps(found) + (found.exists ? fmt::format("-F {0}\n-X {0}\n", found.chain.name) : "");
}

// Nothing in a table takes effect before its COMMIT.
std::string one_transaction_per_table(const std::vector<FoundChain>& found,
                                      std::string (*commands_for)(const FoundChain&)) {
  std::string script;
  std::string_view table;
  for (const FoundChain& each : found) {
    const std::string commands = commands_for(each);
    if (commands.empty()) continue;
    if (each.chain.table != table) script += fmt::format("{}*{}\n", table.empty() ? "" : "COMMIT\n", each.chain.table);
    table = each.chain.table;
    script += commands;
  }
  return script.empty() ? script : script + "COMMIT\n";
}

std::vector<std::string> forward_rules(const RedirectTarget& target) {
  std::vector<std::string> rules{fmt::format("-d {}/32 -j DROP", target.metadata_ip)};
  for (const std::uint16_t port : kWireserverPorts) {
    if (!target.close_wireserver) break;
    rules.push_back(fmt::format("-d {}/32 -p tcp -m tcp --dport {} -j DROP", kWireserver, port));
  }
  rules.push_back(fmt::format("-o {} -j DROP", kProofNodeEnd));  // answers to the proof are sent here, not forwarded
  rules.emplace_back("-j RETURN");
  return rules;
}

}  // namespace

base::Result<RedirectTarget> checked_target(RedirectTarget target) {
  boost::system::error_code error;
  make_address_v4(target.metadata_ip, error);
  if (error) {
    return base::fail(base::ErrorKind::invalid,
                      fmt::format("--metadata-ip: \"{}\" is not an IPv4 address", target.metadata_ip));
  }
  if (target.listen_ip == "0.0.0.0") target.listen_ip = "127.0.0.1";
  make_address_v4(target.listen_ip, error);
  if (error) {
    return base::fail(base::ErrorKind::invalid,
                      fmt::format("--nmi-listen-address: \"{}\" is not an IPv4 address", target.listen_ip));
  }
  if (target.metadata_ip6.empty() && target.listen_ip6.empty()) return target;
  make_address_v6(target.metadata_ip6, error);
  if (error) {
    return base::fail(base::ErrorKind::invalid,
                      fmt::format("--metadata-ip6: \"{}\" is not an IPv6 address", target.metadata_ip6));
  }
  const auto listen = make_address_v6(target.listen_ip6, error);
  if (error || listen.is_loopback() || listen.is_unspecified()) {
    return base::fail(base::ErrorKind::invalid,
                      fmt::format("--nmi-listen-address6: \"{}\" must be an IPv6 address of the node, as the kernel "
                                  "redirects nothing to ::1",
                                  target.listen_ip6));
  }
  return target;
}

bool uses_loopback(const RedirectTarget& target) {
  boost::system::error_code error;
  return make_address_v4(target.listen_ip, error).is_loopback() && !error;
}

std::string nft_install_script(const RedirectTarget& target, std::string_view mark) {
  const std::string comment = fmt::format("comment \"{}\"", mark);
  std::string script = nft_remove_script();
  script += fmt::format("table {} {} {{\n", kNftFamily, kNftTable);
  // One before dstnat, so that no other nat table decides first.
  script += "  chain prerouting {\n    type nat hook prerouting priority dstnat - 1; policy accept;\n";
  script += fmt::format("    ip saddr != 127.0.0.1 ip daddr {} tcp dport {} dnat ip to {}:{} {}\n", target.metadata_ip,
                        target.metadata_port, target.listen_ip, target.listen_port, comment);
  if (!target.metadata_ip6.empty()) {
    script += fmt::format("    ip6 daddr {} tcp dport {} dnat ip6 to [{}]:{} {}\n", target.metadata_ip6,
                          target.metadata_port, target.listen_ip6, target.listen_port, comment);
  }
  script += "  }\n";
  // route_localnet would open every service on the node's loopback to its pods (the shape of CVE-2020-8558).
  script += "  chain input {\n    type filter hook input priority filter; policy accept;\n";
  script += fmt::format("    iifname != \"lo\" ip saddr 127.0.0.0/8 drop {}\n", comment);
  script += fmt::format("    iifname != \"lo\" ip daddr 127.0.0.0/8 ct status ! dnat drop {}\n", comment);
  // Whatever address we listen on, other machines must not reach the node's endpoint through us.
  script +=
      fmt::format("    iifname != \"lo\" tcp dport {} ct status ! dnat drop {}\n  }}\n", target.listen_port, comment);
  // What the node would forward to the real endpoint has slipped past the redirect: a connection older than the rules, or
  // what is not redirected at all.
  script += "  chain forward {\n    type filter hook forward priority filter; policy accept;\n";
  script += fmt::format("    ip daddr {} drop {}\n", target.metadata_ip, comment);
  if (!target.metadata_ip6.empty()) {
    script += fmt::format("    ip6 daddr {} drop {}\n", target.metadata_ip6, comment);
  }
  if (target.close_wireserver) {
    script += fmt::format("    ip daddr {} tcp dport {{ {} }} drop {}\n", kWireserver,
                          fmt::join(kWireserverPorts, ", "), comment);
  }
  // Answers to the proof are sent here, not forwarded: a pod has nothing to say there.
  script += fmt::format("    oifname \"{}\" drop {}\n", kProofNodeEnd, comment);
  return script + "  }\n}\n";
}

std::string nft_remove_script() {
  // Deleting what is not there is an error, so it is added first.
  return fmt::format("table {0} {1}\ndelete table {0} {1}\n", kNftFamily, kNftTable);
}

std::vector<IptablesChain> iptables_chains(const RedirectTarget& target) {
  std::vector<IptablesChain> chains{
      // The loopback is closed before the redirect begins to use it.
      {.table = "filter",
       .name = "podid-loopback",
       .built_in = "INPUT",
       .rules = {"-s 127.0.0.0/8 ! -i lo -j DROP", "-d 127.0.0.0/8 ! -i lo -m conntrack ! --ctstate DNAT -j DROP",
                 // Whatever address we listen on, other machines must not reach the node's endpoint through us.
                 fmt::format("! -i lo -p tcp -m tcp --dport {} -m conntrack ! --ctstate DNAT -j DROP",
                             target.listen_port),
                 "-j RETURN"}},
      // What slips past the redirect: connections that are older, and everything while its chain is damaged. Redirected
      // packets are for the node itself, so they never come here. Not in table filter, where kube-proxy and network plugins
      // accept what is established; and any place will do, as a war over the first one would help nobody.
      {.table = "mangle",
       .name = "podid-forward",
       .built_in = "FORWARD",
       .first = false,
       .rules = forward_rules(target)},
      {.table = "nat",
       .name = kIptablesChain,
       .built_in = "PREROUTING",
       .rules = {fmt::format("! -s 127.0.0.1/32 -d {}/32 -p tcp -m tcp --dport {} -j DNAT --to-destination {}:{}",
                             target.metadata_ip, target.metadata_port, target.listen_ip, target.listen_port),
                 "-j RETURN"}}};
  for (IptablesChain& chain : chains) {
    for (std::string& rule : chain.rules) rule = fmt::format("-A {} {}", chain.name, rule);
  }
  return chains;
}

FoundChain found_chain(IptablesChain chain, std::string_view listing, std::string_view built_in_listing) {
  const std::string prefix = fmt::format("-A {} ", chain.built_in);
  const std::string jump = fmt::format("{}-j {}", prefix, chain.name);
  int jumps = 0;
  bool in_place = !chain.first;
  bool first = true;
  for (std::string_view line : base::split(built_in_listing, '\n')) {
    line = base::trim(line);
    if (!line.starts_with(prefix)) continue;
    const bool ours = line == jump;
    jumps += ours;
    in_place |= ours && first;
    first = false;
  }
  const bool intact = jumps == 1 && in_place && has_exact_rules(listing, chain);
  return {.chain = std::move(chain), .exists = !listing.empty(), .jumps = jumps, .intact = intact};
}

std::string iptables_install_script(const std::vector<FoundChain>& found) {
  return one_transaction_per_table(found, install_chain);
}

std::string iptables_remove_script(std::vector<FoundChain> found) {
  std::ranges::reverse(found);
  return one_transaction_per_table(found, remove_chain);
}

}  // namespace podid::nmi
