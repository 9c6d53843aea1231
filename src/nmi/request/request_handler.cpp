// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/request_handler.hpp"

#include <optional>
#include <utility>

#include "nmi/request/send_answer.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kNonce = "nonce=";
const boost::asio::ip::address kOwnSource = boost::asio::ip::make_address(RedirectProof::kOwnSource);

}  // namespace

RequestHandler::RequestHandler(base::Executor executor, RequestHandlerOptions options,
                               const RequestHandlerContext& context, Proxy& proxy, std::function<void()> on_record)
    : state_(executor, std::move(options), context),
      tokens_(state_, context, std::move(on_record)),
      forwards_(state_, proxy),
      rate_(state_.options.max_requests_per_pod),
      proof_(context.proof),
      snapshots_(context.snapshots) {}

// What try_handle() has read; the request's own text outlives it.
struct RequestHandler::Admitted final : net::ServerRequest::HandlerData {
  std::optional<TokenCall> call;  // nothing: to be forwarded
  std::unique_ptr<std::string> scratch;
};

bool RequestHandler::try_handle(net::ServerRequest& request, net::ServerResponse& response) {
  return answer_at_once(request, response) == Progress::answered;
}

base::Task<> RequestHandler::handle(net::ServerRequest& request, net::ServerResponse& response) {
  const std::unique_ptr<net::ServerRequest::HandlerData> data = request.take_handler_data();
  auto* const admitted = static_cast<Admitted*>(data.get());
  if (admitted == nullptr) co_return;  // try_handle() has not admitted it: no answer, which is a 500
  if (admitted->call) {
    co_await tokens_.serve(response, *admitted->call);
  } else {
    co_await forwards_.serve(request, response);
  }
}

Progress RequestHandler::answer_at_once(net::ServerRequest& request, net::ServerResponse& response) {
  // First, whatever is asked: to find out more would cost what the limit is there to save.
  if (state_.enforce_rate(rate_, "requests_per_pod", request, response) == Progress::answered) {
    return Progress::answered;
  }
  Routed routed = route_request(request.target(), state_.options.routes);
  if (request.peer_uid() && routed.route != Route::host_token) {
    state_.refuse(response, error_answer(state_.style(), 404, "at this socket there is /host/token alone"),
                  "host_socket");
    return Progress::answered;
  }
  switch (routed.route) {
    case Route::token:
    case Route::host_token:
      return answer_token(request, response, routed);
    case Route::proxy:
    case Route::scheduled_events:
    case Route::not_passed_on:
    case Route::identity_path:
      return answer_forward(request, response, routed);
    case Route::proof:
      return answer_proof(request, response, routed);
    default:
      break;
  }
  if (const auto refusal = refuse_tricked(request, routed.authority, state_.options.hosts)) {
    state_.refuse(response, *refusal);
  } else {
    answer_route(response, routed);
  }
  return Progress::answered;
}

Progress RequestHandler::answer_token(net::ServerRequest& request, net::ServerResponse& response,
                                      const Routed& routed) {
  TokenCall call;
  if (tokens_.try_answer(request, response, routed, *scratch_, call) == Progress::answered) return Progress::answered;
  auto admitted = std::make_unique<Admitted>();
  admitted->call = std::move(call);
  admitted->scratch = std::exchange(scratch_, std::make_unique<std::string>());
  request.set_handler_data(std::move(admitted));
  return Progress::open;
}

Progress RequestHandler::answer_forward(net::ServerRequest& request, net::ServerResponse& response,
                                        const Routed& routed) {
  if (forwards_.admit(request, response, routed) == Progress::answered) return Progress::answered;
  request.set_handler_data(std::make_unique<Admitted>());
  return Progress::open;
}

Progress RequestHandler::answer_proof(net::ServerRequest& request, net::ServerResponse& response, Routed& routed) {
  std::optional<std::string> proof;
  if (proof_ != nullptr && routed.query.starts_with(kNonce) &&
      !refuse_tricked(request, routed.authority, state_.options.hosts)) {
    const SnapshotPtr& snapshot = snapshots_.get();
    const PodAtAddress& peer = snapshot->at(AddressKey::of(request.peer().address()));
    if (peer.whose == Whose::pod && proof_->is_prober(*peer.entry->pod)) {
      proof = proof_->prove(routed.query.substr(kNonce.size()), state_.clock.steady_now());
    } else if (request.peer().address() == kOwnSource) {
      proof = proof_->answer(routed.query.substr(kNonce.size()));
    }
  }
  if (!proof) {
    routed.route = Route::not_passed_on;
    return answer_forward(request, response, routed);
  }
  response.send(200, "application/json", *proof);
  return Progress::answered;
}

void RequestHandler::answer_route(net::ServerResponse& response, const Routed& routed) {
  switch (routed.route) {
    case Route::invalid_token_path:
      send_answer(response, invalid_token_path());
      return;
    case Route::blocked_instance:
      send_answer(response, instance_blocked());
      return;
    case Route::node_credential:
      state_.refuse(response, node_credential_refused(), "node_credential");
      return;
    case Route::redirect:
      send_answer(response, canonical_redirect(routed.location));
      return;
    default:
      send_answer(response, malformed_target());
  }
}

}  // namespace podid::nmi
