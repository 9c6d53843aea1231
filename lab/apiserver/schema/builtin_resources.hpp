// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

#include "lab/apiserver/schema/resource.hpp"

namespace podid::lab::apiserver {

// The kinds that exist without a CRD, with the part of their schemas that the server checks. In discovery
// order.
const std::vector<ResourcePtr>& builtin_resources();

}  // namespace podid::lab::apiserver
