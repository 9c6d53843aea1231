// SPDX-License-Identifier: Apache-2.0
// The world as JSON: the simulator's configuration file and the control API's view of it.
#pragma once
#include <boost/json/value.hpp>

#include "base/error.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

// Absent members keep their defaults; unknown members, wrong types and references to things that do not exist
// are `invalid` and name the path ("machines./subscriptions/….location: expected a text").
base::Result<World> read_world(const boost::json::value& document);

enum class SecretValues { shown, hidden };
// What read_world reads back (with SecretValues::shown; hidden ones read "(hidden)").
boost::json::object write_world(const World& world, SecretValues secrets);

// RFC 7396. Hidden values in `patch` are dropped first, so that a view can be edited and sent back.
boost::json::value merge_patch(boost::json::value target, const boost::json::value& patch);

}  // namespace podid::lab::azure
