// SPDX-License-Identifier: Apache-2.0
#include "nmi/redirect/bridge_fence.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nmi/redirect/factory.hpp"
#include "nmi/redirect/nftables.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kTable = "bridge podid-fence";

std::string remove_script() { return fmt::format("table {0}\ndelete table {0}\n", kTable); }

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

base::Task<base::Result<>> lay_bridge_fence(RedirectTarget target) {
  std::string script = remove_script();
  script += fmt::format(
      "table {} {{\n  chain forward {{\n    type filter hook forward priority filter; policy accept;\n", kTable);
  script += fmt::format("    ip daddr {} drop\n", target.metadata_ip);
  if (!target.metadata_ip6.empty()) script += fmt::format("    ip6 daddr {} drop\n", target.metadata_ip6);
  if (target.close_wireserver) {
    script += fmt::format("    ip daddr {} tcp dport {{ {} }} drop\n", kWireserver, fmt::join(kWireserverPorts, ", "));
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
