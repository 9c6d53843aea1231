// SPDX-License-Identifier: Apache-2.0
// Host names to addresses, without blocking the event loop and without waiting longer than the deadline.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/deadline.hpp"

namespace podid::net {

// All addresses in the system's order of preference, at least one. An IP literal is its own answer.
base::Task<base::Result<std::vector<boost::asio::ip::tcp::endpoint>>> resolve(base::Executor executor,
                                                                              base::Clock& clock, std::string host,
                                                                              std::uint16_t port, Deadline deadline);

}  // namespace podid::net
