// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/handler_state.hpp"

#include <utility>

#include "nmi/request/send_answer.hpp"

namespace podid::nmi {

HandlerState::HandlerState(base::Executor executor, RequestHandlerOptions handler_options,
                           const RequestHandlerContext& context)
    : options(std::move(handler_options)),
      clock(context.clock),
      refusals(context.metrics.counter(base::metric::kNmiRefusals)),
      limit_hits(context.metrics.counter(base::metric::kNmiLimitHits)),
      authorizer(options.authorizer, context.snapshots, context.clock, context.metrics),
      changes(executor, context.clock),
      room(options.max_waiting, options.max_waiting_per_pod) {}

void HandlerState::refuse(net::ServerResponse& response, const Answer& answer, std::string_view reason) const {
  send_answer(response, answer);
  refusals.increment({reason});
}

Progress HandlerState::enforce_rate(RateLimit& rate, std::string_view limit, const net::ServerRequest& request,
                                    net::ServerResponse& response) const {
  if (rate.allow(AddressKey::of(request.peer().address()), clock.steady_now())) return Progress::open;
  limit_hits.increment({limit});
  refuse(response, at_limit(style(), "this pod asks too often"), "rate");
  return Progress::answered;
}

}  // namespace podid::nmi
