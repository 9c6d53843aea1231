// SPDX-License-Identifier: Apache-2.0
// What just-in-time access goes by, as it stands in the cluster: grants, approvals, and the admission policies without which
// neither counts.
#pragma once
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "cli/common/cluster.hpp"
#include "core/access/grants.hpp"

namespace podid::cli {

struct AccessObjects {
  core::GrantBook grants;
  std::vector<std::string> unreadable;  // "azureidentitygrant shop/g: …": nobody counts these
};

// Of one namespace (empty: all). A cluster that has no such kinds has no grants. Where the policies may not be read, that is
// what GrantPolicies::problem says. Other errors: those of kube::Client.
base::Task<base::Result<AccessObjects>> read_access_objects(Cluster& cluster, std::string ns);

}  // namespace podid::cli
