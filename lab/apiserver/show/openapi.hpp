// SPDX-License-Identifier: Apache-2.0
// /openapi/v3: enough for kubectl to see that the server validates fields, and for `kubectl explain`. Pure.
#pragma once
#include <boost/json.hpp>
#include <string_view>

#include "lab/apiserver/schema/registry.hpp"

namespace podid::lab::apiserver {

// The list of documents, one per group and version.
boost::json::object openapi_index(const Registry& registry);
// The document of one group and version: a path per resource with its PATCH parameters, and the kinds'
// schemas.
boost::json::object openapi_document(const Registry& registry, std::string_view group, std::string_view version);

}  // namespace podid::lab::apiserver
