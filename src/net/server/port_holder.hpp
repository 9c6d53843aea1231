// SPDX-License-Identifier: Apache-2.0
// Who listens on a port that we cannot have: for the error message of a server that does not start.
#pragma once
#include <cstdint>
#include <string>

namespace podid::net {

// "process 4711 (nmi)"; empty where that cannot be found out (another user's process, another network namespace). Slow and
// blocking: looks through /proc.
std::string find_port_holder(std::uint16_t port);

}  // namespace podid::net
