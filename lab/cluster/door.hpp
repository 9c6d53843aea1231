// SPDX-License-Identifier: Apache-2.0
// A door from the machine's loopback into a lab: kubectl outside reaches the API server inside by an ordinary
// kubeconfig, though the lab adds no address, route or rule to the machine's network.
#pragma once
#include <cstddef>

#include "base/error.hpp"
#include "lab/cluster/layout.hpp"

namespace podid::lab::cluster {

// The program of `podid lab serve-door`: listens on 127.0.0.1 at the port that door.port in the lab's
// directory names (else at one of the kernel's choice, which it writes there), then moves into the control
// plane's namespace and copies bytes to and from the API server until SIGTERM. At most kMostForwarded
// connections at a time, further ones are closed.
inline constexpr std::size_t kMostForwarded = 256;
base::Result<> run_door(const Layout& layout);

}  // namespace podid::lab::cluster
