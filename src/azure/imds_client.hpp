// SPDX-License-Identifier: Apache-2.0
// Managed-identity tokens from the node's instance metadata service.
#pragma once
#include <string>

#include "azure/imds_wire.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/http_transport.hpp"

namespace podid::azure {

// Who may ask the endpoint now.
class ImdsGate {
 public:
  virtual ~ImdsGate() = default;
  // Waits for a turn. False: none comes before `deadline`.
  virtual base::Task<bool> enter(std::string asker, base::SteadyTime deadline) = 0;
};

struct ImdsOptions {
  std::string endpoint = "http://169.254.169.254";  // NMI-13: --metadata-ip and --metadata-port
  int max_attempts = 5;
  base::Duration attempt_timeout = std::chrono::seconds(20);  // shorter where a second one shall have a chance
  double jitter = 0.25;                                       // each wait is scaled by a factor in [1 - jitter, 1]
  ImdsGate* gate = nullptr;                                   // each attempt passes it; outlives the client
};

// One executor; any number of calls at once. References outlive the client.
class ImdsClient {
 public:
  static base::Result<ImdsClient> create(ImdsOptions options, net::HttpTransport& http, base::Clock& clock,
                                         base::Random& random);

  // One token, with the retries of nmi.md §10.1 (waits of 2, 6, 14 and 30 s, or the answer's Retry-After) as
  // far as `deadline` (of the injected clock) allows: a wait that would end after it is not begun (NMI-15). An attempt that
  // hangs is given up early enough for a second one, where the deadline leaves each some seconds.
  //
  // Errors: the endpoint's refusal (token_endpoint_answered); `unavailable` for a transport failure; `throttled` with
  // retry_after where the gate let none through;
  // `timeout` when the deadline left no room for another try, with the last failure in the message and its
  // retry_after; `invalid` input.
  base::Task<base::Result<AccessToken>> token(ImdsTokenRequest request, base::SteadyTime deadline);

 private:
  ImdsClient(ImdsOptions options, net::Url origin, net::HttpTransport& http, base::Clock& clock, base::Random& random);

  base::Task<base::Result<AccessToken>> attempt(const net::Request& request, base::Duration limit,
                                                base::SteadyTime deadline);
  base::Duration wait_after(int attempts, std::optional<std::chrono::seconds> retry_after);

  ImdsOptions options_;
  net::Url origin_;
  net::HttpTransport& http_;
  base::Clock& clock_;
  base::Random& random_;
};

}  // namespace podid::azure
