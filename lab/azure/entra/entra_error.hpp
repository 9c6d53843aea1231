// SPDX-License-Identifier: Apache-2.0
// Entra ID's error object, with the trailer that real ones carry.
#pragma once
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "lab/azure/http/call.hpp"

namespace podid::lab::azure {

struct EntraError {
  int status = 400;
  std::string_view error;  // "invalid_client"
  std::int64_t code = 0;   // the digits after AADSTS
  std::string text;
};

// `correlation_id`: the client's client-request-id, or empty for a fresh one.
Reply entra_error_reply(const EntraError& error, base::WallTime now, base::Random& random,
                        std::string_view correlation_id);
// "2026-01-02 03:04:05Z"
std::string entra_timestamp(base::WallTime time);
// AADSTS500011 as IMDS passes it on, without the trailer's identifiers.
std::string unknown_resource_text(std::string_view resource, std::string_view tenant, base::WallTime now);
// The same for Entra ID's own answer.
EntraError unknown_resource(std::string_view resource, std::string_view tenant);

}  // namespace podid::lab::azure
