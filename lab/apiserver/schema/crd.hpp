// SPDX-License-Identifier: Apache-2.0
// Custom resource definitions: their own rules, and the resource that each one defines. Pure.
#pragma once
#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "lab/apiserver/schema/resource.hpp"
#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

void prepare_crd(boost::json::object& crd);
void set_crd_defaults(boost::json::object& crd);
void validate_crd(const boost::json::value& crd, std::vector<StatusCause>& causes);

// Writes acceptedNames, storedVersions and the conditions NamesAccepted and Established; `now` is RFC 3339.
void establish_crd(boost::json::object& crd, std::string_view now);

// The resource that a valid CRD defines, in its storage version; null when that version is not served.
ResourcePtr resource_of_crd(const boost::json::value& crd);

}  // namespace podid::lab::apiserver
