// SPDX-License-Identifier: Apache-2.0
// Checks a certificate-signed client assertion against the certificates that an application has registered.
#pragma once
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "lab/azure/entra/entra_error.hpp"
#include "lab/azure/world/world.hpp"

namespace podid::lab::azure {

// `audiences`: the token endpoint URLs that the assertion may name; a query string after one is accepted.
std::expected<void, EntraError> check_client_assertion(std::string_view assertion, std::string_view client_id,
                                                       const Application& application,
                                                       const std::vector<std::string>& audiences, base::WallTime now);

}  // namespace podid::lab::azure
