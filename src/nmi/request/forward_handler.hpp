// SPDX-License-Identifier: Apache-2.0
// Which requests are passed on to the real endpoint, and for whom (nmi.md §7, SEC-6).
#pragma once
#include "nmi/request/handler_state.hpp"
#include "nmi/request/path.hpp"
#include "nmi/request/proxy.hpp"

namespace podid::nmi {

// One worker's. The state and the proxy outlive it.
class ForwardHandler {
 public:
  ForwardHandler(HandlerState& state, Proxy& proxy);

  // Answers what can be refused without knowing the pod; else serve() follows.
  Progress admit(net::ServerRequest& request, net::ServerResponse& response, const Routed& routed);
  // Waits, if need be, until it is known that a pod of this node asks, and passes its request on.
  base::Task<> serve(net::ServerRequest& request, net::ServerResponse& response);

 private:
  HandlerState& state_;
  Proxy& proxy_;
  RateLimit rate_;
};

}  // namespace podid::nmi
