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
  const base::Duration left = deadline - clock.steady_now();
  return net::deadline_in(std::clamp(left, base::Duration::zero(), limit));
}

}  // namespace podid::azure
