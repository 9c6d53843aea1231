// SPDX-License-Identifier: Apache-2.0
// The controller's Azure credentials: azure.json or the environment (api.md §10.1, §10.2), as one value.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/secret.hpp"

namespace podid::azure {

struct CloudConfig {
  std::string cloud;
  std::string tenant_id;
  std::string client_id;
  base::Secret client_secret;
  std::string subscription_id;  // where a provider id names none
  std::string resource_group;   // likewise
  bool use_managed_identity = false;
  std::string user_assigned_identity_id;  // client id; empty: the system-assigned identity
};

// azure.json: YAML 1.1, so JSON works. Keys compare with case, unknown ones are ignored, a wrong type is
// `invalid` and names the key. Includes validate().
base::Result<CloudConfig> parse_cloud_config(std::string_view yaml);

// Reads CLOUD, TENANT_ID, ... through `variable`, which gives "" for one that is not set. Includes
// validate().
base::Result<CloudConfig> cloud_config_from_environment(
    const std::function<std::string(std::string_view name)>& variable);

// The cloud is named; without a managed identity, tenant, client id and secret are there. Errors use
// azure.json's key names and, in parentheses, the environment's.
base::Result<> validate(const CloudConfig& config);

}  // namespace podid::azure
