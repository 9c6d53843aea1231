// SPDX-License-Identifier: Apache-2.0
// Azure Resource Manager for machines, their identities, and user-assigned identities.
#pragma once
#include <boost/json/value.hpp>
#include <expected>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "lab/azure/arm/arm_error.hpp"
#include "lab/azure/arm/arm_operations.hpp"
#include "lab/azure/http/call.hpp"
#include "lab/azure/tokens/token_issuer.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

class ArmService {
 public:
  ArmService(World& world, ServedIdentities& served, const TokenIssuer& issuer, base::Clock& clock,
             base::Random& random)
      : world_(world), issuer_(issuer), clock_(clock), random_(random), operations_(world, served, clock, random) {}

  Reply answer(const Call& call);
  // Everybody who looks at machines calls finish_due() first, so that finished operations have had their effect.
  ArmOperations& operations() { return operations_; }

 private:
  std::expected<Reply, ArmError> route(const Call& call);
  std::expected<ArmCaller, ArmError> authenticate(const Call& call, std::string_view tenant_id) const;
  std::expected<Reply, ArmError> answer_machine(const Call& call, const ArmCaller& caller, const ResourceId& id);
  std::expected<Reply, ArmError> update_machine(const Call& call, const ArmCaller& caller, const std::string& key);
  std::expected<Reply, ArmError> answer_identity(const Call& call, const ArmCaller& caller, const ResourceId& id);
  std::expected<Reply, ArmError> answer_list(const Call& call, const ArmCaller& caller, bool scale_sets);
  std::expected<Reply, ArmError> answer_operation(const Call& call, std::string_view subscription_id) const;
  std::expected<void, ArmError> check_assignable(const ArmCaller& caller, const std::string& machine_id,
                                                 const std::vector<std::string>& add,
                                                 const std::vector<std::string>& remove) const;
  boost::json::object write_machine(const std::string& id, const Machine& machine) const;
  void add_common_headers(Reply& reply, const Call& call);

  World& world_;
  const TokenIssuer& issuer_;
  base::Clock& clock_;
  base::Random& random_;
  ArmOperations operations_;
  std::int64_t remaining_reads_ = 11'999;
  std::int64_t remaining_writes_ = 1'199;
};

}  // namespace podid::lab::azure
