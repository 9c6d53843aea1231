// SPDX-License-Identifier: Apache-2.0
// What the real server does to objects of single built-in kinds beyond their schema: defaults, what a create
// or an update may not touch, and the checks that a client runs into. Pure. The functions do nothing for
// other kinds.
#pragma once
#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "lab/apiserver/schema/resource.hpp"
#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

enum class Subresource { none, status };

// The rule for names of this resource's objects.
std::optional<std::string> object_name_problem(const Resource& resource, std::string_view name);

// Before the first validation of a new object: the status that the server sets, and defaults.
void prepare_create(const Resource& resource, boost::json::object& object);
// Defaults of an object that is written, new or not.
void set_kind_defaults(const Resource& resource, boost::json::object& object);

// A write to the main resource or to its status: takes over from `before` what this endpoint cannot change.
void keep_protected_parts(const Resource& resource, const boost::json::object& before, boost::json::object& after,
                          Subresource subresource);

void validate_kind(const Resource& resource, const boost::json::value& object, std::vector<StatusCause>& causes);
void validate_kind_update(const Resource& resource, const boost::json::value& before, const boost::json::value& after,
                          std::vector<StatusCause>& causes);

}  // namespace podid::lab::apiserver
