// SPDX-License-Identifier: Apache-2.0
// Structural schemas: what a CRD's openAPIV3Schema does to an object. Works on the schema's own JSON. Pure.
#pragma once
#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

// Removes members that the schema does not specify and returns their paths ("spec.foo"), and nulls where the
// schema has neither null nor a default for them. Members under x-kubernetes-preserve-unknown-fields stay;
// apiVersion, kind and metadata of the root and of embedded resources are not touched, but for embedded
// metadata being shaped: 400 where it cannot be.
Answer<std::vector<std::string>> prune(boost::json::value& object, const boost::json::value& schema);

// Sets defaults where a member is absent, or null where null is not allowed.
void apply_defaults(boost::json::value& object, const boost::json::value& schema);

// type, nullable, required, enum, pattern, format (date-time, byte), bounds, list and map sizes,
// int-or-string, embedded resources, x-kubernetes-list-type set and map. Adds one cause per problem.
void validate(const boost::json::value& object, const boost::json::value& schema, std::vector<StatusCause>& causes);

// What makes a schema unusable as a structural one, as 422 causes with paths under `path`.
void check_structural(const boost::json::value& schema, const std::string& path, std::vector<StatusCause>& causes);

}  // namespace podid::lab::apiserver
