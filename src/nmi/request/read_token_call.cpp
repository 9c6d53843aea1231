// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/read_token_call.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kTokenOperation = "/metadata/identity/oauth2/token";
constexpr std::string_view kTokenOperationSlash = "/metadata/identity/oauth2/token/";
constexpr std::string_view kHostOperation = "/host/token";
constexpr std::string_view kHostOperationSlash = "/host/token/";

std::string_view path_of(const net::ServerRequest& request, const Routed& routed) {
  if (!routed.decoded_path.empty()) return routed.decoded_path;
  return request.target().substr(0, request.target().find('?'));
}

// Four values, whatever clients put behind the path (NMI-21).
std::string_view operation_of(std::string_view path, Route route) {
  const bool host = route == Route::host_token;
  if (path.ends_with('/')) return host ? kHostOperationSlash : kTokenOperationSlash;
  return host ? kHostOperation : kTokenOperation;
}

std::optional<Refusal> read_pod_name(const net::ServerRequest& request, const RequestHandlerOptions& options,
                                     TokenCall& call) {
  const AnswerStyle& style = options.authorizer.style;
  if (!options.host_token && !request.peer_uid()) {
    return Refusal{.answer = error_answer(style, 404, "host tokens are switched off"), .reason = "host_token_off"};
  }
  const std::string_view pod_ns = request.header("podns").value_or("");
  const std::string_view pod_name = request.header("podname").value_or("");
  if (pod_ns.empty() || pod_name.empty()) {
    return Refusal{.answer = error_answer(style, 400, "missing 'podname' and 'podns' from request header"),
                   .reason = "host_headers"};
  }
  if (!is_this_host(call.peer)) {
    return Refusal{.answer = error_answer(style, 500, "request remote address is not from a host"),
                   .reason = "not_from_host"};
  }
  if (std::optional<Refusal> refusal = refuse_forwarded_for(request)) return refusal;
  call.pod_ns = pod_ns;
  call.pod_name = pod_name;
  return std::nullopt;
}

std::optional<Refusal> check_headers(const net::ServerRequest& request, const Routed& routed,
                                     const RequestHandlerOptions& options) {
  if (options.metadata_header_required && !says_metadata_true(request)) {
    return Refusal{.answer = metadata_header_missing(), .reason = "metadata_header"};
  }
  return refuse_tricked(request, routed.authority, options.hosts);
}

}  // namespace

std::optional<Refusal> read_token_call(const net::ServerRequest& request, const Routed& routed,
                                       const RequestHandlerOptions& options, base::SteadyTime now, std::string& scratch,
                                       TokenCall& call) {
  const AnswerStyle& style = options.authorizer.style;
  call.host = routed.route == Route::host_token;
  call.operation = operation_of(path_of(request, routed), routed.route);
  call.method = request.method();
  call.peer = request.peer().address();
  call.start = now;
  // Before all refusals: the metric of a refused request names its resource, too.
  const bool query_too_long = routed.query.size() > kMaxTokenQueryBytes;
  if (!query_too_long) call.query = parse_token_query(routed.query, scratch);
  if (!style.legacy && !is_read(call.method)) return Refusal{.answer = method_not_allowed(style), .reason = "method"};
  std::optional<Refusal> refusal =
      call.host ? read_pod_name(request, options, call) : check_headers(request, routed, options);
  if (refusal) return refusal;
  if (query_too_long) {
    return Refusal{.answer = error_answer(style, 400, "the query of the request is too long"), .reason = "query_size"};
  }
  if (call.query.resource.empty()) {
    return Refusal{.answer = error_answer(style, 400, "parameter resource cannot be empty"), .reason = "resource"};
  }
  return std::nullopt;
}

}  // namespace podid::nmi
