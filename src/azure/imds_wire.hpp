// SPDX-License-Identifier: Apache-2.0
// The instance metadata service's token request and answer as pure functions (azure-wire.md §1.2, §1.3).
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "azure/access_token.hpp"
#include "net/http.hpp"

namespace podid::azure {

// At most one of the selectors is set; none means the VM's system-assigned or only identity.
struct ImdsTokenRequest {
  std::string resource;
  std::string client_id;
  std::string resource_id;  // sent as msi_res_id
  std::string object_id;
  std::string asker = {};  // for the gate; not sent
  // Decoded query parameters passed on unchanged (bypass_cache, claims, xms_cc, ...). Names that are ours are
  // dropped, since the service refuses a repeated name.
  std::vector<std::pair<std::string, std::string>> extra;
};

// GET of the token path, parameters sorted by name as aad-pod-identity sends them. `invalid` for an empty
// resource or more than one selector.
base::Result<net::Request> imds_token_request(const ImdsTokenRequest& request);

// Statuses after which the same request is sent again (nmi.md §10.1).
bool is_imds_retry_status(int status);

}  // namespace podid::azure
