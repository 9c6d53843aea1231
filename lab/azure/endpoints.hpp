// SPDX-License-Identifier: Apache-2.0
// Names of what can be asked, for statistics and faults.
#pragma once
#include <optional>
#include <string_view>

#include "lab/azure/http/call.hpp"
#include "lab/azure/simulator.hpp"

namespace podid::lab::azure {

// imds.token, imds.instance, imds.other;
// entra.token, entra.discovery (instance, OpenID configuration), entra.keys, entra.other;
// arm.get, arm.patch, arm.list, arm.operation, arm.identity, arm.other;
// vault.secret, vault.other; control.
std::string_view endpoint_of(Role role, const Call& call);

// The service behind a host name; nothing for a host that the simulator does not play.
std::optional<Role> role_of_host(std::string_view host);

}  // namespace podid::lab::azure
