// SPDX-License-Identifier: Apache-2.0
#include "cli/show/policy_reading.hpp"

#include <memory>
#include <utility>

namespace podid::cli {

base::Task<base::Result<bool>> read_identity_policy(Cluster& cluster, PolicyReading reading,
                                                    core::IdentityPermissions& permissions,
                                                    std::vector<std::string>& unreadable) {
  if (reading == PolicyReading::none) co_return false;
  const kube::ObjectKey key{.ns = {}, .name = std::string(core::kIdentityPolicyName)};
  auto found = co_await cluster.client().get(kube::kAzureIdentityPolicies, key, cluster.deadline());
  if (!found && found.error().kind == base::ErrorKind::not_found) co_return false;
  if (!found && reading == PolicyReading::needed) {
    co_return base::fail(std::move(found.error()), "reading AzureIdentityPolicy default");
  }
  if (!found) {
    unreadable.push_back("azureidentitypolicy default: " + found.error().message);
    co_return false;
  }
  auto policy = core::IdentityPolicy::read(*found);
  if (policy) {
    permissions.set_policy(std::make_shared<const core::IdentityPolicy>(std::move(*policy)));
  } else {
    permissions.set_unreadable(policy.error().message());
  }
  co_return true;
}

}  // namespace podid::cli
