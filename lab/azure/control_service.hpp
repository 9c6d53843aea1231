// SPDX-License-Identifier: Apache-2.0
// The simulator's own interface, for tests in other processes and for `podid lab`. JSON in and out.
//
//   GET  /_lab/health              {"status": "ok"}
//   GET  /_lab/world               the world (world_json.hpp), secrets hidden; machines show their identities
//   POST /_lab/world               a merge patch (RFC 7396) of it; answers with the new world
//   GET  /_lab/statistics          requests per endpoint and status, tokens signed, secrets read
//   POST /_lab/statistics/reset
//   GET  /_lab/history             the latest requests, oldest first
//   GET  /_lab/faults              those that are left
//   POST /_lab/faults              a fault (faults.hpp: endpoint, kind, status, count, delay_ms, ...); {"number": 1}
//   POST /_lab/faults/clear
//   POST /_lab/keys/rotate
//   POST /_lab/operations/fail     {"count": 1, "code": "...", "message": "..."}: the next ARM updates end as Failed
//
// Errors are {"error": "what is wrong"} with status 400, 404 or 405.
#pragma once
#include "lab/azure/http/call.hpp"

namespace podid::lab::azure {

class AzureSimulator;

Reply answer_control(AzureSimulator& simulator, const Call& call);

}  // namespace podid::lab::azure
