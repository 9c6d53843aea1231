// SPDX-License-Identifier: Apache-2.0
// The AzureIdentityPolicy of a cluster, as verbs read it.
#pragma once
#include <string>
#include <vector>

#include "base/async.hpp"
#include "base/error.hpp"
#include "cli/common/cluster.hpp"
#include "core/identity_policy.hpp"

namespace podid::cli {

// Whether the AzureIdentityPolicy is read: not; where it is there and may be read; in any case.
enum class PolicyReading { none, if_there, needed };

// Into `permissions`; the labels of namespaces are the caller's to add. Whether there is one. One that may not be read is an error
// where it is needed, else it goes to `unreadable`.
base::Task<base::Result<bool>> read_identity_policy(Cluster& cluster, PolicyReading reading,
                                                    core::IdentityPermissions& permissions,
                                                    std::vector<std::string>& unreadable);

}  // namespace podid::cli
