// SPDX-License-Identifier: Apache-2.0
// Programs that get pods' packets before any rule of ours: where there are some, rules that are in place say little, and
// only a pod can prove the redirect (nmi.md §11.4).
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "nmi/netlink/netlink.hpp"
#include "nmi/redirect/pod_interfaces.hpp"

namespace podid::nmi {

// The first of the interfaces of pods (bridges, veths, netkits) that has an eBPF program for what arrives there, with its
// kind ("tc", "tcx", "netkit"); nothing: none is seen. Without the right to ask for tcx programs, as in a container of the usual
// seccomp profile, those are not seen.
base::Task<base::Result<std::optional<std::string>>> program_before_rules(Netlink& netlink,
                                                                          std::vector<Interface> interfaces);

}  // namespace podid::nmi
