// SPDX-License-Identifier: Apache-2.0
// The Instance Metadata Service as the node sees it that asks.
#pragma once
#include <expected>
#include <map>
#include <string>
#include <tuple>

#include "base/clock.hpp"
#include "lab/azure/http/call.hpp"
#include "lab/azure/tokens/token_issuer.hpp"
#include "lab/azure/world/served_identities.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

class ImdsService {
 public:
  ImdsService(const World& world, ServedIdentities& served, TokenIssuer& issuer, base::Clock& clock)
      : world_(world), served_(served), issuer_(issuer), clock_(clock) {}

  // `node_name` empty: the node is found by the caller's address.
  Reply answer(const Call& call, std::string_view node_name);

 private:
  static constexpr std::size_t kMaxTokens = 10'000;

  Reply route(const Call& call, std::string_view node_name);
  // Null when the caller is no node, or its machine is gone.
  const Node* find_node(const Call& call, std::string_view node_name) const;
  // A credential of an identity of the machine, as IMDSv2 gave them out at first.
  Reply answer_credential(const Call& call, const Node& node);
  Reply answer_token(const Call& call, const Node& node);
  Reply answer_identity_info(const Call& call, const Node& node) const;
  std::expected<TokenSubject, Reply> choose(const Call& call, const Node& node);
  base::Result<IssuedToken> token_for(const TokenSubject& subject, const Node& node, const std::string& resource,
                                      bool bypass_cache);
  std::string tenant_of(const Node& node) const;

  const World& world_;
  ServedIdentities& served_;
  TokenIssuer& issuer_;
  base::Clock& clock_;
  // By virtual machine, client ID and resource, as the service in front of Entra ID caches.
  std::map<std::tuple<std::string, std::string, std::string>, IssuedToken> tokens_;
};

}  // namespace podid::lab::azure
