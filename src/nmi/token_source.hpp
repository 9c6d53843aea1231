// SPDX-License-Identifier: Apache-2.0
// Where tokens come from, for the token cache.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "azure/access_token.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "nmi/credential.hpp"

namespace podid::nmi {

struct TokenRequest {
  std::shared_ptr<const Credential> credential;
  std::string resource;
  std::vector<std::pair<std::string, std::string>> extra;  // for IMDS: claims, xms_cc, bypass_cache, …
};

// One executor; any number of calls at once.
class TokenSource {
 public:
  virtual ~TokenSource() = default;
  // At least one token; several for a service principal with auxiliary tenants, the primary tenant's first. Errors of
  // a token endpoint's own answer have an http_status (azure::token_endpoint_answered), all others have none. The
  // call ends by `deadline`.
  virtual base::Task<base::Result<std::vector<azure::AccessToken>>> fetch(TokenRequest request,
                                                                          base::SteadyTime deadline) = 0;
};

}  // namespace podid::nmi
