// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect_rules.hpp"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>

#include "base/text.hpp"

namespace podid::nmi {
namespace {

using boost::asio::ip::make_address_v4;
using boost::asio::ip::make_address_v6;

std::string append_rule(std::string_view chain, std::string_view rule) { return fmt::format("-A {} {}", chain, rule); }

std::string restore_table(std::string_view table, std::string_view chain, const std::vector<std::string>& rules,
                          std::string_view built_in, int jumps) {
  // Naming a chain of ours flushes it (--noflush spares the built-in ones); nothing takes effect before COMMIT.
  std::string script = fmt::format("*{}\n:{} - [0:0]\n", table, chain);
  for (const std::string& rule : rules) script += rule + "\n";
  for (int i = 0; i < jumps; ++i) script += fmt::format("-D {} -j {}\n", built_in, chain);
  script += fmt::format("-I {} 1 -j {}\nCOMMIT\n", built_in, chain);
  return script;
}

std::string remove_from_table(std::string_view table, std::string_view chain, bool exists, std::string_view built_in,
                              int jumps) {
  if (!exists && jumps == 0) return {};
  std::string script = fmt::format("*{}\n", table);
  for (int i = 0; i < jumps; ++i) script += fmt::format("-D {} -j {}\n", built_in, chain);
  if (exists) script += fmt::format("-F {0}\n-X {0}\n", chain);
  return script + "COMMIT\n";
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
  script += fmt::format("    iifname != \"lo\" ip daddr 127.0.0.0/8 ct status ! dnat drop {}\n  }}\n", comment);
  // What the node would forward to the real endpoint has slipped past the redirect: a connection older than the rules.
  script += "  chain forward {\n    type filter hook forward priority filter; policy accept;\n";
  script += fmt::format("    ip daddr {} tcp dport {} drop {}\n", target.metadata_ip, target.metadata_port, comment);
  if (!target.metadata_ip6.empty()) {
    script +=
        fmt::format("    ip6 daddr {} tcp dport {} drop {}\n", target.metadata_ip6, target.metadata_port, comment);
  }
  return script + "  }\n}\n";
}

std::string nft_remove_script() {
  // Deleting what is not there is an error, so it is added first.
  return fmt::format("table {0} {1}\ndelete table {0} {1}\n", kNftFamily, kNftTable);
}

std::vector<std::string> iptables_chain_rules(const RedirectTarget& target) {
  return {append_rule(kIptablesChain,
                      fmt::format("! -s 127.0.0.1/32 -d {}/32 -p tcp -m tcp --dport {} -j DNAT --to-destination {}:{}",
                                  target.metadata_ip, target.metadata_port, target.listen_ip, target.listen_port)),
          append_rule(kIptablesChain, "-j RETURN")};
}

std::vector<std::string> loopback_chain_rules() {
  return {append_rule(kLoopbackChain, "-s 127.0.0.0/8 ! -i lo -j DROP"),
          append_rule(kLoopbackChain, "-d 127.0.0.0/8 ! -i lo -m conntrack ! --ctstate DNAT -j DROP"),
          append_rule(kLoopbackChain, "-j RETURN")};
}

bool has_exact_rules(std::string_view listing, std::string_view chain, const std::vector<std::string>& rules) {
  const std::string prefix = fmt::format("-A {} ", chain);
  std::size_t next = 0;
  for (std::string_view line : base::split(listing, '\n')) {
    line = base::trim(line);
    if (!line.starts_with(prefix)) continue;
    if (next == rules.size() || line != rules[next]) return false;
    ++next;
  }
  return next == rules.size();
}

bool has_jump_first(std::string_view listing, std::string_view built_in, std::string_view chain) {
  if (count_jumps(listing, built_in, chain) != 1) return false;
  const std::string prefix = fmt::format("-A {} ", built_in);
  const std::size_t first = listing.find(prefix);
  const std::string_view line = listing.substr(first, listing.find('\n', first) - first);
  return base::trim(line) == fmt::format("-A {} -j {}", built_in, chain);
}

int count_jumps(std::string_view listing, std::string_view built_in, std::string_view chain) {
  const std::string jump = fmt::format("-A {} -j {}", built_in, chain);
  int count = 0;
  for (const std::string_view line : base::split(listing, '\n')) count += base::trim(line) == jump;
  return count;
}

std::string iptables_install_script(const RedirectTarget& target, int nat_jumps, int input_jumps) {
  // The loopback is closed before the redirect begins to use it.
  return restore_table("filter", kLoopbackChain, loopback_chain_rules(), "INPUT", input_jumps) +
         restore_table("nat", kIptablesChain, iptables_chain_rules(target), "PREROUTING", nat_jumps);
}

std::string iptables_remove_script(const IptablesFound& found) {
  return remove_from_table("nat", kIptablesChain, found.nat_chain, "PREROUTING", found.nat_jumps) +
         remove_from_table("filter", kLoopbackChain, found.loopback_chain, "INPUT", found.input_jumps);
}

}  // namespace podid::nmi
