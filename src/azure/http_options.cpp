// SPDX-License-Identifier: Apache-2.0
#include "azure/http_options.hpp"

#include <algorithm>

namespace podid::azure {

net::HttpClientOptions http_client_options(std::string user_agent) {
  net::HttpClientOptions options;
  options.user_agent = std::move(user_agent);
  options.max_body_bytes = kMaxAnswerBytes;
  return options;
}

net::Deadline attempt_deadline(const base::Clock& clock, base::SteadyTime deadline, base::Duration limit) {
  return net::Deadline::at(std::min(deadline, clock.steady_now() + limit));
}

}  // namespace podid::azure
