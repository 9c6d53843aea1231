// SPDX-License-Identifier: Apache-2.0
// IMDS's description of the virtual machine, and the walk through it by path.
#pragma once
#include <boost/json/value.hpp>
#include <span>
#include <string>

#include "lab/azure/http/call.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

// {"compute": {...}, "network": {...}}; every primitive value is a text.
boost::json::object instance_document(const World& world, std::string_view node_name, const Node& node);
// The part of `document` that `path` names, in the format that the call asks for.
Reply instance_reply(const boost::json::object& document, std::span<const std::string> path, const Call& call);

}  // namespace podid::lab::azure
