// SPDX-License-Identifier: Apache-2.0
// What is wrong with a cluster's installation as far as access goes (D13), for `podid status`.
#pragma once
#include <boost/json/value.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "cli/common/access_objects.hpp"
#include "cli/common/cluster.hpp"
#include "core/model/resources.hpp"

namespace podid::cli {

// Who may approve grants of a binding, by roles and their bindings; sorted. "Group oncall (ClusterRole podid-approver)"; by a rule
// for all verbs: "User carol (Role owner, by *)".
struct ApproverRoles {
  std::vector<boost::json::value> cluster_roles;
  std::vector<boost::json::value> cluster_role_bindings;
  std::vector<boost::json::value> roles;          // of all namespaces
  std::vector<boost::json::value> role_bindings;  // of all namespaces
};
std::vector<std::string> approvers_of(const core::ObjectKey& binding, const ApproverRoles& roles);

struct Findings {
  std::vector<std::string> problems;   // sentences without a full stop
  std::vector<std::string> approvers;  // "binding shop/reader: Group oncall (…)"
};
// Looks at what only bindings that are limited need. What may not be read is a problem of its own only where it matters.
base::Task<Findings> find_problems(Cluster& cluster, std::span<const core::AzureIdentityBinding> bindings,
                                   const core::GrantPolicies& policies);

}  // namespace podid::cli
