// SPDX-License-Identifier: Apache-2.0
// Network namespaces of a lab: the control plane with its bridge, nodes, pods. Needs root. Nothing is added
// to the machine's own network: every link is made inside a namespace of the lab.
#pragma once
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "lab/cluster/layout.hpp"

namespace podid::lab::cluster {

// Each call is safe to repeat only after the matching remove; a failure names the command and what it
// printed.
base::Task<base::Result<>> make_control_plane(const Layout& layout);
base::Task<base::Result<>> make_node(const Layout& layout, const NodeLayout& node);
// The pod's namespace with its eth0 at `address` behind the node's bridge.
base::Task<base::Result<>> make_pod(const Layout& layout, const NodeLayout& node, const std::string& name_space,
                                    const std::string& address);
// Ends the processes inside (SIGKILL) and removes the namespace with its links. A missing one is success.
base::Task<base::Result<>> remove_namespace(const std::string& name);
// Names of the lab's namespaces that exist.
std::vector<std::string> list_namespaces(const Layout& layout);
bool namespace_exists(const std::string& name);

// Moves the calling (single-threaded) process into the network namespace, with the lab's /etc/hosts and an
// empty /etc/resolv.conf in a mount namespace of its own. For the moment before exec, or for a program that
// stays there.
base::Result<> enter_namespace(const Layout& layout, const std::string& name);

}  // namespace podid::lab::cluster
