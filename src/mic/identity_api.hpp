// SPDX-License-Identifier: Apache-2.0
// What the controller needs of Azure: one verb.
#pragma once
#include "azure/compute_client.hpp"
#include "base/async.hpp"

namespace podid::mic {

class IdentityApi {
 public:
  virtual ~IdentityApi() = default;
  // As azure::ComputeClient::update: at most one call per resource at a time.
  virtual base::Task<azure::UpdateResult> update(azure::AzureResource resource, azure::IdentityChange change) = 0;
};

}  // namespace podid::mic
