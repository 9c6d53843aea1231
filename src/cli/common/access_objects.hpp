// SPDX-License-Identifier: Apache-2.0
// What spec.access of bindings goes by besides the clock, as it stands in the cluster: grants, approvals, the admission policies
// without which neither counts, and calendars.
#pragma once
#include <map>
#include <span>
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "cli/common/cluster.hpp"
#include "core/access/calendar.hpp"
#include "core/access/grants.hpp"
#include "core/model/resources.hpp"

namespace podid::cli {

struct AccessObjects {
  core::GrantBook grants;
  std::map<std::string, core::Calendars> calendars;  // by namespace: those that bindings' windows name
  std::vector<std::string> unreadable;               // "azureidentitygrant shop/g: …": nobody counts these
};

// Grants and approvals of one namespace (empty: all), and the policies. A cluster that has no such kinds has no grants. Where the
// policies may not be read, that is what GrantPolicies::problem says. Other errors: those of kube::Client.
base::Task<base::Result<>> read_grants(Cluster& cluster, std::string ns, AccessObjects& into);

// The calendars that the bindings name, from their ConfigMaps. One that cannot be read has a Calendar::problem.
base::Task<> read_calendars(Cluster& cluster, std::span<const core::AzureIdentityBinding> bindings,
                            AccessObjects& into);

}  // namespace podid::cli
