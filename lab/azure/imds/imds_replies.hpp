// SPDX-License-Identifier: Apache-2.0
// The forms of IMDS's answers that several of its categories share.
#pragma once
#include <string_view>

#include "lab/azure/http/call.hpp"

namespace podid::lab::azure {

// Identity paths: {"error": ..., "error_description": ...}.
Reply imds_token_error(int status, std::string_view error, std::string_view description);
// Every other category: {"error": ...}.
Reply imds_error(int status, std::string_view error);
// 400 with the newest versions.
Reply imds_version_error();
bool imds_supports_version(std::string_view api_version);
// Scheduled events have versions of their own.
bool imds_supports_events_version(std::string_view api_version);
// {"apiVersions": [...]}
Reply imds_versions();

}  // namespace podid::lab::azure
