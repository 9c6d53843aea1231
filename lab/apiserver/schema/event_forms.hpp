// SPDX-License-Identifier: Apache-2.0
// events.k8s.io/v1: the same objects as core/v1 events with other names of their members, and stricter rules. Pure.
#pragma once
#include <boost/json.hpp>
#include <vector>

#include "lab/apiserver/schema/resource.hpp"
#include "lab/apiserver/wire/api_status.hpp"

namespace podid::lab::apiserver {

// The stored form (core/v1) of an event of events.k8s.io/v1, and the reverse.
boost::json::value to_core_event(boost::json::value event);
boost::json::value from_core_event(boost::json::value event);
boost::json::value event_schema_of_events_group();

// What a client of events.k8s.io/v1 has to keep to, in that form: one cause per problem.
void validate_new_event(const boost::json::value& event, std::vector<StatusCause>& causes);
// All but metadata and series is immutable.
void validate_event_change(const boost::json::value& before, const boost::json::value& after,
                           std::vector<StatusCause>& causes);

}  // namespace podid::lab::apiserver
