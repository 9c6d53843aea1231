// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/send_answer.hpp"

#include <string>

namespace podid::nmi {

void send_answer(net::ServerResponse& response, const Answer& answer) {
  if (!answer.allow.empty()) response.header("Allow", answer.allow);
  if (answer.nosniff) response.header("X-Content-Type-Options", "nosniff");
  if (answer.retry_after.count() > 0) response.header("Retry-After", std::to_string(answer.retry_after.count()));
  if (!answer.location.empty()) response.header("Location", answer.location);
  if (answer.pause.count() > 0) response.pause_after(answer.pause);
  response.send(answer.status, answer.content_type, answer.body);
}

}  // namespace podid::nmi
