// SPDX-License-Identifier: Apache-2.0
// Entra ID: token endpoints v1 and v2 for client credentials, discovery documents, the key set.
#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "lab/azure/entra/entra_error.hpp"
#include "lab/azure/http/call.hpp"
#include "lab/azure/tokens/token_issuer.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

class EntraService {
 public:
  EntraService(const World& world, TokenIssuer& issuer, base::Clock& clock, base::Random& random)
      : world_(world), issuer_(issuer), clock_(clock), random_(random) {}

  Reply answer(const Call& call);

 private:
  // 1 or 2: the endpoint's version, not the token's.
  std::expected<Reply, EntraError> answer_token(const Call& call, const std::string& tenant_name, int version);
  std::expected<TokenSubject, EntraError> authenticate(const Call& call, const std::vector<Parameter>& form,
                                                       const std::string& tenant_id);
  Reply answer_instance_discovery(const Call& call);
  Reply answer_openid_configuration(const Call& call, const std::string& tenant_id, int version) const;

  const World& world_;
  TokenIssuer& issuer_;
  base::Clock& clock_;
  base::Random& random_;
};

}  // namespace podid::lab::azure
