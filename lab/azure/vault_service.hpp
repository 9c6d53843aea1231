// SPDX-License-Identifier: Apache-2.0
// A protected resource in the manner of Key Vault: it hands out secrets to those whose tokens it has verified.
#pragma once
#include <string_view>

#include "lab/azure/http/call.hpp"
#include "lab/azure/http/statistics.hpp"
#include "lab/azure/tokens/token_issuer.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

class VaultService {
 public:
  VaultService(const World& world, const TokenIssuer& issuer, Statistics& statistics)
      : world_(world), issuer_(issuer), statistics_(statistics) {}

  // The vault is the one that the Host field names; with an address there, the only one.
  Reply answer(const Call& call);

 private:
  const World& world_;
  const TokenIssuer& issuer_;
  Statistics& statistics_;
};

}  // namespace podid::lab::azure
