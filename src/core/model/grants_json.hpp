// SPDX-License-Identifier: Apache-2.0
// JSON of AzureIdentityGrant and AzureIdentityGrantApproval. Strict where it may mean a restriction: a member of spec that is
// not known. Of metadata only what counts is kept: name, namespace, uid, resourceVersion, times. Lengths are those of
// deploy/crds. Status is not read: nobody decides on it (docs/design/access.md §3). Pure and thread-safe.
#pragma once
#include <boost/json/fwd.hpp>

#include "core/model/access.hpp"
#include "core/model/invalid.hpp"

namespace podid::core {

inline constexpr std::size_t kMostUserName = 512;
inline constexpr std::size_t kMostReason = 1024;
inline constexpr std::size_t kMostGrantLabels = 16;

// An object without readable metadata is an error; what else is wrong is in AzureIdentityGrant::invalid, so that it can be
// said of the grant.
Read<AzureIdentityGrant> read_azure_identity_grant(const boost::json::value& object);
// One that cannot be read approves nothing.
Read<AzureIdentityGrantApproval> read_azure_identity_grant_approval(const boost::json::value& object);

}  // namespace podid::core
