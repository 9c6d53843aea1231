// SPDX-License-Identifier: Apache-2.0
// How the HTTP client under this folder's clients is to be set up.
#pragma once
#include <string>

#include "base/clock.hpp"
#include "net/deadline.hpp"
#include "net/http_transport.hpp"

namespace podid::azure {

// Token answers are a few KiB; a scale set with hundreds of identities stays well below this.
inline constexpr std::size_t kMaxAnswerBytes = 4 << 20;

// `user_agent` as api.md §11 has it. The system's trust store is used.
net::HttpClientOptions http_client_options(std::string user_agent);

// For one attempt that may take `limit` but must end by `deadline`.
net::Deadline attempt_deadline(const base::Clock& clock, base::SteadyTime deadline, base::Duration limit);

}  // namespace podid::azure
