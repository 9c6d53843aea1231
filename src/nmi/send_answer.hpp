// SPDX-License-Identifier: Apache-2.0
// An Answer on its way to the client.
#pragma once
#include "net/http_server.hpp"
#include "nmi/answers.hpp"

namespace podid::nmi {

// After a 429 the connection rests for half a second: a pod at its limit that repeats at once costs the others next to
// nothing.
void send_answer(net::ServerResponse& response, const Answer& answer);

}  // namespace podid::nmi
