// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/forward_handler.hpp"

#include "nmi/request/send_answer.hpp"

namespace podid::nmi {
namespace {

// By route and method.
std::optional<Refusal> refuse_passing(const Routed& routed, std::string_view method,
                                      const RequestHandlerOptions& options) {
  const AnswerStyle& style = options.authorizer.style;
  if (routed.route == Route::not_passed_on) return Refusal{.answer = not_passed_on(style), .reason = "proxy_path"};
  if (routed.route == Route::identity_path) {
    return Refusal{.answer = identity_path_refused(style), .reason = "proxy_path"};
  }
  if (is_read(method)) return std::nullopt;
  const bool event_post = routed.route == Route::scheduled_events && method == "POST";
  if (event_post && options.scheduled_event_posts) return std::nullopt;
  return Refusal{.answer = event_post ? event_post_refused(style) : forward_method_refused(style), .reason = "method"};
}

}  // namespace

ForwardHandler::ForwardHandler(HandlerState& state, Proxy& proxy)
    : state_(state), proxy_(proxy), rate_(state.options.max_forwards_per_pod) {}

Progress ForwardHandler::admit(net::ServerRequest& request, net::ServerResponse& response, const Routed& routed) {
  if (state_.options.metadata_header_required && !says_metadata_true(request)) {
    send_answer(response, metadata_header_missing());
    return Progress::answered;
  }
  if (const auto refusal = refuse_tricked(request, routed.authority, state_.options.hosts)) {
    state_.refuse(response, *refusal);
    return Progress::answered;
  }
  if (const auto refusal = refuse_passing(routed, request.method(), state_.options)) {
    state_.refuse(response, *refusal);
    return Progress::answered;
  }
  return state_.enforce_rate(rate_, "forwards_per_pod", request, response);
}

base::Task<> ForwardHandler::serve(net::ServerRequest& request, net::ServerResponse& response) {
  const base::SteadyTime start = state_.clock.steady_now();
  const boost::asio::ip::address peer = request.peer().address();
  const WaitingRoom::Slot slot = state_.room.enter(AddressKey::of(peer));
  if (!slot) {
    state_.limit_hits.increment({"waiting_requests"});
    send_answer(response, at_limit(state_.style(), "too many requests at once"));
    co_return;
  }
  // Processes of the node reach the real endpoint anyway.
  while (!is_this_host(peer)) {
    const Verdict verdict = state_.authorizer.judge_forward(peer, start);
    if (verdict.kind == Verdict::Kind::granted) break;
    if (verdict.kind == Verdict::Kind::refused) {
      state_.refuse(response, verdict.answer, verdict.reason);
      co_return;
    }
    if (state_.draining) {
      state_.refuse(response, restarting(state_.style()), "draining");
      co_return;
    }
    co_await state_.changes.wait_until(verdict.until);
  }
  co_await proxy_.forward(request, response);
}

}  // namespace podid::nmi
