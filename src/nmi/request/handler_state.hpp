// SPDX-License-Identifier: Apache-2.0
// What the handlers of one worker have in common: who waits, who asks too often, what refusals count into.
#pragma once
#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "base/metrics/metrics.hpp"
#include "net/server/http_server.hpp"
#include "nmi/pods/change_signal.hpp"
#include "nmi/request/authorizer.hpp"
#include "nmi/request/pod_limits.hpp"
#include "nmi/request/request_checks.hpp"
#include "nmi/request/request_handler_options.hpp"

namespace podid::nmi {

// Whether a step has answered the request, or left it to the next one.
enum class Progress : std::uint8_t { open, answered };

// One executor. Everything in the context outlives it.
struct HandlerState {
  HandlerState(base::Executor executor, RequestHandlerOptions handler_options, const RequestHandlerContext& context);

  const AnswerStyle& style() const { return options.authorizer.style; }
  // Answers, and counts the refusal.
  void refuse(net::ServerResponse& response, const Answer& answer, std::string_view reason) const;
  void refuse(net::ServerResponse& response, const Refusal& refusal) const {
    refuse(response, refusal.answer, refusal.reason);
  }
  // A pod at its rate is told so. `limit`: the metric's label.
  Progress enforce_rate(RateLimit& rate, std::string_view limit, const net::ServerRequest& request,
                        net::ServerResponse& response) const;

  const RequestHandlerOptions options;
  base::Clock& clock;
  base::Family<base::Counter>& refusals;
  base::Family<base::Counter>& limit_hits;

  Authorizer authorizer;
  ChangeSignal changes;  // there is a new snapshot, or the process ends soon
  WaitingRoom room;
  bool draining = false;  // who waits for an assignment is told to come back
};

}  // namespace podid::nmi
