// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/bridge_fence.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nmi/redirect/factory.hpp"
#include "nmi/redirect/nftables.hpp"

namespace podid::nmi {
namespace {

std::string remove_script() { return fmt::format("table bridge {0}\ndelete table bridge {0}\n", kBridgeFenceTable); }

}  // namespace

bool leads_away(const Interface& interface) {
  return interface.master != 0 && interface.kind != "veth" && interface.kind != "tun";
}

std::vector<std::string> bridged_uplinks(const std::vector<Interface>& interfaces) {
  std::vector<std::string> names;
  for (const Interface& interface : interfaces) {
    if (!leads_away(interface)) continue;
    const auto master = std::ranges::find(interfaces, interface.master, &Interface::index);
    if (master != interfaces.end() && master->kind == "bridge") names.push_back(interface.name);
  }
  return names;
}

base::Task<base::Result<>> lay_bridge_fence(RedirectTarget target, std::string mark) {
  std::string script = remove_script();
  script += fmt::format(
      "table bridge {} {{\n  chain forward {{\n    type filter hook forward priority filter; policy accept;\n",
      kBridgeFenceTable);
  script += fmt::format("    ip daddr {} drop comment \"{}\"\n", target.metadata_ip, mark);
  if (!target.metadata_ip6.empty())
    script += fmt::format("    ip6 daddr {} drop comment \"{}\"\n", target.metadata_ip6, mark);
  if (target.close_wireserver) {
    script += fmt::format("    ip daddr {} tcp dport {{ {} }} drop comment \"{}\"\n", kWireserver,
                          fmt::join(kWireserverPorts, ", "), mark);
  }
  script += "  }\n}\n";
  base::Result<> laid = co_await run_nft(std::move(script), NftRun::apply);
  co_return laid;
}

base::Task<base::Result<>> remove_bridge_fence() {
  std::string script = remove_script();
  base::Result<> removed = co_await run_nft(std::move(script), NftRun::apply);
  if (!removed && is_hopeless(removed.error())) co_return base::Result<>{};
  co_return removed;
}

}  // namespace podid::nmi
