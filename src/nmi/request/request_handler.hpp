// SPDX-License-Identifier: Apache-2.0
// What a pod's request meets first: its pod's rate, and the route to the handler that answers (nmi.md §3 to §7).
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "net/server/http_server.hpp"
#include "nmi/record/issuance_log.hpp"
#include "nmi/request/forward_handler.hpp"
#include "nmi/request/handler_state.hpp"
#include "nmi/request/pod_limits.hpp"
#include "nmi/request/proxy.hpp"
#include "nmi/request/request_handler_options.hpp"
#include "nmi/request/token_handler.hpp"

namespace podid::nmi {

// One per worker, on the executor of its server. Everything in the context and the proxy outlive it.
class RequestHandler final : public net::HttpHandler {
 public:
  // `on_record` is called when there is something new in issuances().
  RequestHandler(base::Executor executor, RequestHandlerOptions options, const RequestHandlerContext& context,
                 Proxy& proxy, std::function<void()> on_record);

  // A cached token for a pod that may have it, a missing header, a malformed request: answered here. The rest waits for
  // something and goes to handle().
  bool try_handle(net::ServerRequest& request, net::ServerResponse& response) override;
  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override;

  // There is a new snapshot: those who wait look again.
  void snapshot_changed() { state_.changes.notify(); }
  // The process ends soon: who waits for an assignment is told to come back, so that the successor can start. Requests
  // for which a token is being fetched finish.
  void drain() {
    state_.draining = true;
    state_.changes.notify();
  }
  IssuanceLog& issuances() { return tokens_.issuances(); }
  std::size_t waiting() const { return state_.room.waiting(); }

 private:
  // A request on its way from try_handle() to handle().
  struct Admitted;

  Progress answer_at_once(net::ServerRequest& request, net::ServerResponse& response);
  Progress answer_token(net::ServerRequest& request, net::ServerResponse& response, const Routed& routed);
  Progress answer_forward(net::ServerRequest& request, net::ServerResponse& response, const Routed& routed);
  // The prober is told that it has reached us. For anybody else the path is one that is not passed on.
  Progress answer_proof(net::ServerRequest& request, net::ServerResponse& response, Routed& routed);
  // Of a route that leads nowhere.
  void answer_route(net::ServerResponse& response, const Routed& routed);

  HandlerState state_;
  TokenHandler tokens_;
  ForwardHandler forwards_;
  RateLimit rate_;
  RedirectProof* const proof_;
  SnapshotSource::Reader snapshots_;  // for the proof
  // The decoded query. It goes with the call where handle() follows: views of it stay valid.
  std::unique_ptr<std::string> scratch_ = std::make_unique<std::string>();
};

}  // namespace podid::nmi
