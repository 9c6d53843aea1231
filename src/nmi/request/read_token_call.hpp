// SPDX-License-Identifier: Apache-2.0
// From a request to the TokenCall that it makes (nmi.md §3.5 to §3.7).
#pragma once
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "net/server/http_server.hpp"
#include "nmi/request/path.hpp"
#include "nmi/request/request_checks.hpp"
#include "nmi/request/request_handler_options.hpp"
#include "nmi/request/token_call.hpp"

namespace podid::nmi {

// Reads into `call` what is asked, as far as it goes, and finds what can be refused without knowing the pod. Views in
// `call` are of the request or of `scratch`, whose content is replaced.
std::optional<Refusal> read_token_call(const net::ServerRequest& request, const Routed& routed,
                                       const RequestHandlerOptions& options, base::SteadyTime now, std::string& scratch,
                                       TokenCall& call);

}  // namespace podid::nmi
