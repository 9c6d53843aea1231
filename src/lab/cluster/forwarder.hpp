// SPDX-License-Identifier: Apache-2.0
// A door from the machine's loopback into a lab: kubectl outside reaches the API server inside by an ordinary kubeconfig,
// though the lab adds no address, route or rule to the machine's network.
#pragma once
#include <cstdint>
#include <string>

#include "base/async.hpp"
#include "base/error.hpp"

namespace podid::lab::cluster {

struct LoopbackListener {
  int fd = -1;  // listening on 127.0.0.1 in the namespace of whoever made it; the receiver closes it
  std::uint16_t port = 0;
};
// `port` 0: chosen by the kernel.
base::Result<LoopbackListener> listen_on_loopback(std::uint16_t port = 0);

// Accepts on `listening_fd` and copies bytes to and from address:port, connecting in the namespace in which the process
// now is. At most kMostForwarded connections at a time, further ones are closed. Runs until cancelled.
inline constexpr std::size_t kMostForwarded = 256;
base::Task<> forward(int listening_fd, std::string address, std::uint16_t port);

}  // namespace podid::lab::cluster
