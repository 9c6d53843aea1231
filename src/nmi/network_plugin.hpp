// SPDX-License-Identifier: Apache-2.0
// What the node's network plugin means for identities (NMI-22): a pod is known by its address, so it must not be able to
// take another's.
#pragma once
#include <optional>
#include <string>

#include "base/error.hpp"
#include "nmi/options.hpp"

namespace podid::nmi {

// The kubenet check (nmi.md §2): fails on a kubelet file that names it.
base::Result<> check_kubenet(const NmiOptions& options);

// Reads the configuration that the container runtime uses: the first by name in `folder` (CNI). Where that joins the pods
// to one layer-2 bridge, as kubenet does, a pod with NET_RAW can answer ARP for another's address: the text says so and
// what to do. Nothing: no such plugin, or no configuration there. Blocking; for start-up.
std::optional<std::string> spoofing_risk(const std::string& folder);

}  // namespace podid::nmi
