// SPDX-License-Identifier: Apache-2.0
// Signs access tokens as Entra ID does, publishes the keys, and checks tokens for those who accept them.
#pragma once
#include <chrono>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/random.hpp"
#include "lab/azure/http/statistics.hpp"
#include "lab/azure/tokens/jwt.hpp"

namespace podid::lab::azure {

// Whom a token is for.
struct TokenSubject {
  std::string tenant_id;
  std::string object_id;
  std::string client_id;
  std::string authentication = "2";      // appidacr: "1" for a secret, "2" for a certificate or a managed identity
  std::string managed_identity_id = {};  // xms_mirid; empty for applications
  std::vector<std::string> capabilities = {};  // xms_cc: what the client said it can do
};

struct IssuedToken {
  std::string text;
  base::WallTime issued;
  base::WallTime not_before;
  base::WallTime expires;
};

enum class TokenProblem { malformed, unknown_key, bad_signature, wrong_issuer, wrong_audience, not_yet_valid, expired };
std::string_view to_string(TokenProblem problem);

class TokenIssuer {
 public:
  static base::Result<TokenIssuer> create(base::Clock& clock, base::Random& random, Statistics& statistics);

  // `version` 1 or 2 selects the claims. `source` ("imds", "entra") is for the statistics.
  base::Result<IssuedToken> issue(std::string_view source, const TokenSubject& subject, std::string_view audience,
                                  int version, std::chrono::seconds lifetime);
  base::Result<> rotate_keys();
  // {"keys": [...]}, the newest first.
  boost::json::object key_set(std::string_view issuer) const;

  // The verified claims. Issuers are those of `tenant_id`; audiences compare without a trailing slash.
  std::expected<boost::json::object, TokenProblem> check(std::string_view token, std::string_view tenant_id,
                                                         const std::vector<std::string>& audiences) const;

 private:
  TokenIssuer(base::Clock& clock, base::Random& random, Statistics& statistics, SigningKey key);

  base::Clock* clock_;
  base::Random* random_;
  Statistics* statistics_;
  std::vector<SigningKey> keys_;  // the last one signs
};

}  // namespace podid::lab::azure
