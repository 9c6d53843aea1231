// SPDX-License-Identifier: Apache-2.0
// Where tokens come from, for the token cache.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azure/access_token.hpp"
#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "nmi/token/credential.hpp"

namespace podid::nmi {

struct TokenRequest {
  std::shared_ptr<const Credential> credential;
  std::string resource;
  std::vector<std::pair<std::string, std::string>> extra;  // decoded: claims, xms_cc, bypass_cache, …
  std::string asker;                                       // whose turn it takes: a pod's uid; empty: nobody's
};

// Whether an error of fetch() is a definite no: the endpoint's refusal, a Secret that is gone or may not be read, a
// credential that cannot be used. What was granted before is then not granted any more. All else (no answer, throttling,
// server errors, answers that nobody can read) is an outage, which a token that is still valid outlives.
bool is_refusal(const base::Error& error);

// Codes of errors of fetch() that are our own: a token came, or could have, and was withheld. Nothing but an edit heals
// them. A token endpoint's error has an http_status whatever its code says.
inline constexpr std::string_view kClientIdMismatch = "client_id_mismatch";
inline constexpr std::string_view kNeverIssued = "never_issue";
inline constexpr std::string_view kNotControllersIdentity = "controller_identity";
// Which of them the error is, or "".
std::string_view withheld_for(const base::Error& error);

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
