// SPDX-License-Identifier: Apache-2.0
// Service-principal tokens from Microsoft Entra ID: client secret or certificate, one tenant or several.
#pragma once
#include <string>
#include <vector>

#include "azure/cloud.hpp"
#include "azure/entra_wire.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/random.hpp"
#include "net/http_transport.hpp"

namespace podid::azure {

inline constexpr std::size_t kMaxAuxiliaryTenants = 3;

// One executor; any number of calls at once. References outlive the client. A credential is sent only to an
// endpoint that `allowed` contains.
class EntraClient {
 public:
  EntraClient(DirectoryEndpoints allowed, net::HttpTransport& http, base::Clock& clock, base::Random& random);

  // One exchange, one attempt, at most until `deadline` (of the injected clock).
  //
  // Errors: the directory's refusal (token_endpoint_answered; `code` is its AADSTS number, else its "error"
  // member; retry_after of a 429); `denied` for a directory that is not allowed; `invalid` for empty inputs
  // and certificates that cannot be used; `unavailable` or `timeout` for the network.
  base::Task<base::Result<AccessToken>> token(EntraTokenRequest request, base::SteadyTime deadline);

  // The primary tenant's token and then one for each auxiliary tenant (1 to kMaxAuxiliaryTenants), in order.
  // The first failure ends it and says which part failed.
  base::Task<base::Result<std::vector<AccessToken>>> tokens(EntraTokenRequest request,
                                                            std::vector<std::string> auxiliary_tenants,
                                                            base::SteadyTime deadline);

 private:
  DirectoryEndpoints allowed_;
  net::HttpTransport& http_;
  base::Clock& clock_;
  base::Random& random_;
};

}  // namespace podid::azure
