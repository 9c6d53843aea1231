// SPDX-License-Identifier: Apache-2.0
// From the flags to what is changed on the node.
#pragma once
#include "base/error.hpp"
#include "nmi/options.hpp"
#include "nmi/redirect/keeper.hpp"

namespace podid::nmi {

// Fails on flags that no rules can be made of, and names them: complete_options() of flags.hpp asks it for that.
base::Result<RedirectKeeperOptions> node_rules(const NmiOptions& options);

// nmi --uninstall: removes the rules and settings of any NMI from this node. Returns when done.
base::Result<> uninstall(const NmiOptions& options);

}  // namespace podid::nmi
