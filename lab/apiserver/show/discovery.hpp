// SPDX-License-Identifier: Apache-2.0
// What the server serves, as clients ask for it: /api, /apis and below, in the plain and the aggregated form.
// Pure.
#pragma once
#include <boost/json.hpp>
#include <string_view>

#include "lab/apiserver/schema/registry.hpp"

namespace podid::lab::apiserver {

boost::json::object core_versions(std::string_view server_address);               // /api
boost::json::object api_groups(const Registry& registry);                         // /apis
boost::json::object api_group(const Registry& registry, std::string_view group);  // /apis/{group}
boost::json::object api_resources(const Registry& registry, std::string_view group, std::string_view version);

// apidiscovery.k8s.io/v2 APIGroupDiscoveryList: of the core group (/api) or of all others (/apis).
enum class Groups { core, named };
boost::json::object aggregated_discovery(const Registry& registry, Groups which);
inline constexpr std::string_view kAggregatedDiscoveryType =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

boost::json::object version_info();  // /version

}  // namespace podid::lab::apiserver
