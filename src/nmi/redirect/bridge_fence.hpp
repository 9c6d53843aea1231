// SPDX-License-Identifier: Apache-2.0
// The fence where the machine's uplink is a port of the pods' bridge (Azure CNI in bridge mode): what is bridged asks no
// routing rule (nmi.md §11.3).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "nmi/redirect/pod_interfaces.hpp"
#include "nmi/redirect/rules.hpp"

namespace podid::nmi {

// Whether it is a port of a bridge by which frames leave the machine: neither end of a pod's veth nor a tap of a guest.
bool leads_away(const Interface& interface);
// The names of such ports.
std::vector<std::string> bridged_uplinks(const std::vector<Interface>& interfaces);

inline constexpr std::string_view kBridgeFenceTable = "podid-fence";  // of family bridge

// Drops, in that table, what is bridged to the endpoint and the wireserver. Executes nft. Repeating it replaces the
// table. `mark` is the rules' comment.
base::Task<base::Result<>> lay_bridge_fence(RedirectTarget target, std::string mark);
// Harmless where there is none, or no nft.
base::Task<base::Result<>> remove_bridge_fence();

}  // namespace podid::nmi
