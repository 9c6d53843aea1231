// SPDX-License-Identifier: Apache-2.0
// An Answer on its way to the client.
#pragma once
#include "net/server/http_server.hpp"
#include "nmi/request/answers.hpp"

namespace podid::nmi {

void send_answer(net::ServerResponse& response, const Answer& answer);

}  // namespace podid::nmi
