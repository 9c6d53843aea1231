// SPDX-License-Identifier: Apache-2.0
// What the controller needs of Azure: two verbs.
#pragma once
#include <map>
#include <string>

#include "azure/compute_client.hpp"
#include "base/async.hpp"

namespace podid::mic {

class IdentityApi {
 public:
  virtual ~IdentityApi() = default;
  // As azure::ComputeClient::update: at most one call per resource at a time.
  virtual base::Task<azure::UpdateResult> update(azure::AzureResource resource, azure::IdentityChange change) = 0;
  // As azure::ComputeClient::list: everything of the collection's kind in its group, by key.
  virtual base::Task<base::Result<std::map<std::string, azure::IdentityState>>> list(
      azure::AzureResource collection) = 0;
};

}  // namespace podid::mic
