// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/request_handler.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/log.hpp"
#include "base/text.hpp"
#include "nmi/request/send_answer.hpp"
#include "nmi/token/azure_token_source.hpp"
#include "nmi/token/token_owner.hpp"

namespace podid::nmi {
namespace {

constexpr std::string_view kTokenOperation = "/metadata/identity/oauth2/token";
constexpr std::string_view kTokenOperationSlash = "/metadata/identity/oauth2/token/";
constexpr std::string_view kHostOperation = "/host/token";
constexpr std::string_view kHostOperationSlash = "/host/token/";
constexpr std::string_view kForwardedNotAllowed = "the header X-Forwarded-For is not allowed";
constexpr std::chrono::milliseconds kAskPause{200};

std::string_view path_of(const net::ServerRequest& request, const Routed& routed) {
  if (!routed.decoded_path.empty()) return routed.decoded_path;
  return request.target().substr(0, request.target().find('?'));
}

// Four values, whatever clients put behind the path (NMI-21).
std::string_view operation_of(std::string_view path, bool host) {
  if (path.ends_with('/')) return host ? kHostOperationSlash : kTokenOperationSlash;
  return host ? kHostOperation : kTokenOperation;
}

// 127.0.0.1 itself: a pod's packets cannot carry it, as rules of ours drop them.
bool is_this_host(const boost::asio::ip::address& peer) {
  return peer == boost::asio::ip::address_v4::loopback() || peer == boost::asio::ip::address_v6::loopback();
}

// A limit of ours, not the endpoint's.
bool is_at_limit(const base::Error& error) {
  return error.kind == base::ErrorKind::throttled && !azure::token_endpoint_answered(error);
}

Answer restarting(const AnswerStyle& style) {
  return unavailable(style, "the NMI of this node is being restarted", kLimitRetryAfter);
}

bool header_is_true(const net::ServerRequest& request) {
  return base::iequals(request.header("metadata").value_or(""), "true");
}

bool is_get(std::string_view method) { return method == "GET" || method == "HEAD"; }

// Whether a header Connection takes a header away that the real endpoint must see.
bool names_guard(std::string_view connection) {
  while (!connection.empty()) {
    const std::size_t comma = connection.find(',');
    const std::string_view name = base::trim(connection.substr(0, comma));
    if (base::iequals(name, "metadata") || base::iequals(name, "x-forwarded-for")) return true;
    connection.remove_prefix(comma == std::string_view::npos ? connection.size() : comma + 1);
  }
  return false;
}

bool is_host_of(const std::vector<std::string>& hosts, std::string_view host) {
  return host.empty() || std::ranges::any_of(hosts, [host](const auto& known) { return base::iequals(known, host); });
}

}  // namespace

RequestHandler::RequestHandler(base::Executor executor, RequestHandlerOptions options,
                               const RequestHandlerContext& context, Proxy& proxy, std::function<void()> on_record)
    : options_(std::move(options)),
      broker_(context.broker),
      snapshots_(context.snapshots),
      clock_(context.clock),
      proxy_(proxy),
      on_record_(std::move(on_record)),
      durations_(context.metrics.histogram(base::metric::kNmiOperationsDuration)),
      issued_(context.metrics.counter(base::metric::kNmiTokensIssued)),
      refusals_(context.metrics.counter(base::metric::kNmiRefusals)),
      limit_hits_(context.metrics.counter(base::metric::kNmiLimitHits)),
      mismatches_(context.metrics.counter(base::metric::kNmiClientIdMismatches).find_or_add()),
      authorizer_(options_.authorizer, context.snapshots, context.clock, context.metrics),
      changes_(executor, context.clock),
      room_(options_.max_waiting, options_.max_waiting_per_pod),
      rate_(options_.max_requests_per_pod),
      forwards_rate_(options_.max_forwards_per_pod) {}

// What try_handle() has read; the request's own text outlives it.
struct RequestHandler::Admitted final : net::ServerRequest::Kept {
  std::optional<TokenCall> call;  // nothing: to be forwarded
  std::unique_ptr<std::string> scratch;
};

// A pod at its rate is told so whatever it asks: to find out more would cost what the limit is there to save.
RequestHandler::Progress RequestHandler::hold_to_rate(RateLimit& rate, std::string_view limit,
                                                      const net::ServerRequest& request,
                                                      net::ServerResponse& response) {
  if (rate.allow(AddressKey::of(request.peer().address()), clock_.steady_now())) return Progress::open;
  limit_hits_.increment({limit});
  refusals_.increment({"rate"});
  send_answer(response, at_limit(options_.authorizer.style, "this pod asks too often"));
  return Progress::answered;
}

bool RequestHandler::try_handle(net::ServerRequest& request, net::ServerResponse& response) {
  return answer_at_once(request, response) == Progress::answered;
}

RequestHandler::Progress RequestHandler::answer_at_once(net::ServerRequest& request, net::ServerResponse& response) {
  if (hold_to_rate(rate_, "requests_per_pod", request, response) == Progress::answered) return Progress::answered;
  const Routed routed = route_request(request.target(), options_.routes);
  switch (routed.route) {
    case Route::token:
    case Route::host_token:
      return answer_token(request, response, routed);
    case Route::proxy:
    case Route::scheduled_events:
    case Route::not_passed_on:
    case Route::identity_path:
      return admit_forward(request, response, routed);
    default:
      break;
  }
  if (refuse_tricked(request, response, routed, nullptr) == Progress::answered) return Progress::answered;
  switch (routed.route) {
    case Route::invalid_token_path:
      send_answer(response, invalid_token_path());
      return Progress::answered;
    case Route::blocked_instance:
      send_answer(response, instance_blocked());
      return Progress::answered;
    case Route::node_credential:
      return refuse_forward(response, node_credential_refused(), "node_credential");
    case Route::redirect:
      send_answer(response, canonical_redirect(routed.location));
      return Progress::answered;
    default:
      send_answer(response, malformed_target());
      return Progress::answered;
  }
}

RequestHandler::Progress RequestHandler::refuse_tricked(const net::ServerRequest& request,
                                                        net::ServerResponse& response, const Routed& routed,
                                                        const TokenCall* call) {
  struct Marks {
    const std::vector<std::string>& hosts;
    bool forwarded = false;
    bool connection = false;
    bool host = false;
  } marks{.hosts = options_.hosts};
  marks.host = !is_host_of(marks.hosts, routed.authority);
  request.each_header([&marks](std::string_view name, std::string_view value) {
    if (base::iequals(name, "x-forwarded-for")) marks.forwarded = true;
    if (base::iequals(name, "connection") && names_guard(value)) marks.connection = true;
    if (base::iequals(name, "host") && !is_host_of(marks.hosts, value)) marks.host = true;
  });
  const auto refuse = [&](std::string_view message, std::string_view reason) {
    if (call == nullptr) return refuse_forward(response, header_not_allowed(message), reason);
    send_refusal(response, *call, header_not_allowed(message), reason);
    return Progress::answered;
  };
  if (marks.forwarded) return refuse(kForwardedNotAllowed, "forwarded");
  if (marks.connection) return refuse("the header Connection may not name Metadata or X-Forwarded-For", "connection");
  if (marks.host) return refuse("the header Host names another host than the metadata endpoint", "host");
  return Progress::open;
}

RequestHandler::Progress RequestHandler::refuse_forward(net::ServerResponse& response, const Answer& answer,
                                                        std::string_view reason) {
  send_answer(response, answer);
  refusals_.increment({reason});
  return Progress::answered;
}

RequestHandler::Progress RequestHandler::answer_token(net::ServerRequest& request, net::ServerResponse& response,
                                                      const Routed& routed) {
  TokenCall call;
  if (read_call(request, response, routed, call) == Progress::answered) return Progress::answered;
  const Verdict verdict = authorizer_.judge(call);
  if (verdict.kind == Verdict::Kind::granted &&
      answer_from_table(response, call, *verdict.credential) == Progress::answered) {
    return Progress::answered;
  }
  auto admitted = std::make_unique<Admitted>();
  admitted->call = std::move(call);
  admitted->scratch = std::exchange(scratch_, std::make_unique<std::string>());
  request.keep(std::move(admitted));
  return Progress::open;
}

base::Task<> RequestHandler::handle(net::ServerRequest& request, net::ServerResponse& response) {
  const std::unique_ptr<net::ServerRequest::Kept> kept = request.take_kept();
  auto* const admitted = static_cast<Admitted*>(kept.get());
  if (admitted == nullptr) co_return;  // try_handle() has not admitted it: no answer, which is a 500
  if (admitted->call) {
    co_await serve_token(response, *admitted->call);
  } else {
    co_await forward(request, response);
  }
}

base::Task<> RequestHandler::forward(net::ServerRequest& request, net::ServerResponse& response) {
  const base::SteadyTime start = clock_.steady_now();
  const boost::asio::ip::address peer = request.peer().address();
  const WaitingRoom::Place place = room_.enter(AddressKey::of(peer));
  if (!place) {
    limit_hits_.increment({"waiting_requests"});
    send_answer(response, at_limit(options_.authorizer.style, "too many requests at once"));
    co_return;
  }
  // Processes of the node reach the real endpoint anyway.
  while (!is_this_host(peer)) {
    const Verdict verdict = authorizer_.judge_forward(peer, start);
    if (verdict.kind == Verdict::Kind::granted) break;
    if (verdict.kind == Verdict::Kind::refused) {
      send_answer(response, verdict.answer);
      refusals_.increment({verdict.reason});
      co_return;
    }
    if (draining_) {
      send_answer(response, restarting(options_.authorizer.style));
      refusals_.increment({"draining"});
      co_return;
    }
    co_await changes_.wait_until(verdict.until);
  }
  co_await proxy_.forward(request, response);
}

RequestHandler::Progress RequestHandler::admit_forward(net::ServerRequest& request, net::ServerResponse& response,
                                                       const Routed& routed) {
  if (options_.metadata_header_required && !header_is_true(request)) {
    send_answer(response, metadata_header_missing());
    return Progress::answered;
  }
  if (refuse_tricked(request, response, routed, nullptr) == Progress::answered) return Progress::answered;
  const AnswerStyle& style = options_.authorizer.style;
  if (routed.route == Route::not_passed_on) return refuse_forward(response, not_passed_on(style), "proxy_path");
  if (routed.route == Route::identity_path) return refuse_forward(response, identity_path_refused(style), "proxy_path");
  const bool event_post = routed.route == Route::scheduled_events && request.method() == "POST";
  if (!is_get(request.method()) && !(event_post && options_.scheduled_event_posts)) {
    response.header("Allow", "GET, HEAD");
    return refuse_forward(response, event_post ? event_post_refused(style) : forward_method_refused(style), "method");
  }
  if (hold_to_rate(forwards_rate_, "forwards_per_pod", request, response) == Progress::answered) {
    return Progress::answered;
  }
  request.keep(std::make_unique<Admitted>());
  return Progress::open;
}

RequestHandler::Progress RequestHandler::read_call(net::ServerRequest& request, net::ServerResponse& response,
                                                   const Routed& routed, TokenCall& call) {
  const AnswerStyle& style = options_.authorizer.style;
  call.host = routed.route == Route::host_token;
  call.operation = operation_of(path_of(request, routed), call.host);
  call.method = request.method();
  call.peer = request.peer().address();
  call.start = clock_.steady_now();
  const bool query_too_long = routed.query.size() > kMaxTokenQueryBytes;
  if (!query_too_long) call.query = parse_token_query(routed.query, *scratch_);
  const auto refuse = [this, &response, &call](const Answer& answer, std::string_view reason) {
    send_refusal(response, call, answer, reason);
    return Progress::answered;
  };
  if (!style.legacy && !is_get(call.method)) {
    response.header("Allow", "GET, HEAD");
    return refuse(method_not_allowed(style), "method");
  }
  if (!call.host) {
    if (options_.metadata_header_required && !header_is_true(request)) {
      return refuse(metadata_header_missing(), "metadata_header");
    }
    if (refuse_tricked(request, response, routed, &call) == Progress::answered) return Progress::answered;
  } else {
    if (!options_.host_token) return refuse(error_answer(style, 404, "host tokens are switched off"), "host_token_off");
    const std::string_view pod_ns = request.header("podns").value_or("");
    const std::string_view pod_name = request.header("podname").value_or("");
    if (pod_ns.empty() || pod_name.empty()) {
      return refuse(error_answer(style, 400, "missing 'podname' and 'podns' from request header"), "host_headers");
    }
    if (!is_this_host(call.peer)) {
      return refuse(error_answer(style, 500, "request remote address is not from a host"), "not_from_host");
    }
    if (request.header("x-forwarded-for")) return refuse(header_not_allowed(kForwardedNotAllowed), "forwarded");
    call.pod_ns = pod_ns;
    call.pod_name = pod_name;
  }
  if (query_too_long) return refuse(error_answer(style, 400, "the query of the request is too long"), "query_size");
  if (call.query.resource.empty()) {
    return refuse(error_answer(style, 400, "parameter resource cannot be empty"), "resource");
  }
  return Progress::open;
}

RequestHandler::Progress RequestHandler::answer_from_table(net::ServerResponse& response, const TokenCall& call,
                                                           const Credential& credential) {
  if (!call.query.extra.empty()) return Progress::open;
  LocalTokens::Held* held = local_.find(credential.key, call.query.resource);
  if (held == nullptr || held->token->superseded()) return Progress::open;
  const base::WallTime now = clock_.wall_now();
  if (!held->token->fresh(now)) return Progress::open;
  if (held->token->wants_refresh(now) && call.start >= held->ask_again) {
    held->ask_again = call.start + kAskPause;
    return Progress::open;  // the control thread serves it as well, and refreshes it
  }
  held->token->mark_used();
  send_token(response, call, *held->token, "worker");
  return Progress::answered;
}

base::Task<> RequestHandler::serve_token(net::ServerResponse& response, TokenCall& call) {
  const WaitingRoom::Place place = room_.enter(AddressKey::of(call.peer));
  if (!place) {
    limit_hits_.increment({"waiting_requests"});
    send_refusal(response, call,
                 at_limit(options_.authorizer.style, "too many requests of this pod, or of all, wait already"),
                 "waiting");
    co_return;
  }
  for (;;) {
    // The first time, too: earlier answers have been written since, and who was judged then may not be who may now.
    Verdict verdict = authorizer_.judge(call);
    switch (verdict.kind) {
      case Verdict::Kind::granted:
        co_await serve_from_cache(response, call, std::move(verdict.credential));
        co_return;
      case Verdict::Kind::refused:
        if (verdict.contradicted != nullptr) {
          core::Decision about;
          about.identity = &verdict.contradicted->identity;
          if (!verdict.contradicted->binding.meta.name.empty()) about.binding = &verdict.contradicted->binding;
          note_mismatch(call.entry, about, verdict.mismatch);
        }
        if (verdict.record) {
          issuances_.refused(call.entry, call.decision);
          on_record_();
        }
        send_refusal(response, call, verdict.answer, verdict.reason);
        co_return;
      case Verdict::Kind::wait:
        if (draining_) {
          send_refusal(response, call, restarting(options_.authorizer.style), "draining");
          co_return;
        }
        co_await changes_.wait_until(verdict.until);
        break;
    }
  }
}

base::Task<> RequestHandler::serve_from_cache(net::ServerResponse& response, const TokenCall& call,
                                              CredentialPtr credential) {
  TokenWant want;
  want.request.credential = credential;
  want.request.resource = call.query.resource;
  want.request.extra = call.query.extra;
  if (credential->type != core::IdentityType::user_assigned) {
    if (const base::Result<std::string> claims = claims_for_directory(want.request); !claims) {
      send_refusal(response, call, error_answer(options_.authorizer.style, 400, claims.error().message), "claims");
      co_return;
    }
  }
  want.pod = call.entry->pod->uid;
  if (call.query.extra.empty()) {
    if (const LocalTokens::Held* held = local_.find(credential->key, call.query.resource)) want.held = held->token;
  }
  want.new_token = call.query.wants_new_token();
  want.cached_only = is_stale(*call.snapshot);
  const TokenResult result = co_await broker_.get(std::move(want));
  for (auto until = authorizer_.in_doubt_until(call); until && clock_.steady_now() < *until;
       until = authorizer_.in_doubt_until(call)) {
    co_await changes_.wait_until(*until);
  }
  if (const std::optional<Answer> gone = authorizer_.changed_hands(call)) {
    send_refusal(response, call, *gone, "pod_gone");
    co_return;
  }
  if (!result.token) {
    std::string_view reason = withheld_for(result.error);
    if (reason == kClientIdMismatch) {
      note_mismatch(call.entry, call.decision, withheld_text(call.decision.identity, result.error));
    }
    if (reason.empty()) reason = is_at_limit(result.error) ? "token_limit" : "token_error";
    send_refusal(response, call, token_error_answer(call, result.error), reason);
    co_return;
  }
  if (call.query.extra.empty()) local_.put(credential->key, call.query.resource, result.token);
  send_token(response, call, *result.token, result.origin == TokenOrigin::fetched ? "upstream" : "cache");
}

void RequestHandler::note_mismatch(const PodEntryPtr& entry, const core::Decision& about, std::string_view why) {
  mismatches_->increment();
  issuances_.mismatched(entry, about, why);
  on_record_();
}

void RequestHandler::send_token(net::ServerResponse& response, const TokenCall& call, const CachedToken& token,
                                std::string_view origin) {
  body_.clear();
  if (call.host) {
    core::ClientIdView client_id;
    if (call.decision.identity != nullptr) client_id = call.decision.identity->client_id;
    token.text.append_host_answer(body_, client_id, clock_.wall_now());
  } else {
    token.text.append_answer(body_, clock_.wall_now());
  }
  response.send(200, "application/json", body_);
  issued_.increment({origin});
  issuances_.issued(call.entry, call.decision, call.query.resource);
  on_record_();
  record(call, 200, {});
}

void RequestHandler::send_refusal(net::ServerResponse& response, const TokenCall& call, const Answer& answer,
                                  std::string_view reason) {
  send_answer(response, answer);
  refusals_.increment({reason});
  record(call, answer.status, reason);
}

Answer RequestHandler::token_error_answer(const TokenCall& call, const base::Error& error) const {
  const AnswerStyle& style = options_.authorizer.style;
  if (is_at_limit(error)) return at_limit(style, error.message);
  // A client gives up at the 403 that aad-pod-identity makes of the endpoint's 429.
  if (error.kind == base::ErrorKind::throttled && !style.legacy) {
    return too_many_requests(style, error.message,
                             std::max(kLimitRetryAfter, error.retry_after.value_or(kLimitRetryAfter)));
  }
  if (!withheld_for(error).empty()) return error_answer(style, 403, withheld_text(call.decision.identity, error));
  if (!call.host && call.decision.identity == nullptr) {
    return error_answer(style, 403, "failed to get service principal token, error: " + error.message);
  }
  if (azure::token_endpoint_answered(error)) return error_answer(style, 403, error.message);
  const bool permanent = error.kind == base::ErrorKind::invalid || error.kind == base::ErrorKind::denied ||
                         error.kind == base::ErrorKind::unsupported;
  if (permanent && options_.permanent_config_errors_403) return error_answer(style, 403, error.message);
  const std::chrono::seconds retry_after = error.retry_after.value_or(std::chrono::seconds(0));
  return unavailable(style, error.message, style.legacy ? std::chrono::seconds(0) : retry_after);
}

bool RequestHandler::is_stale(const Snapshot& snapshot) const {
  // Before the first word of the API server there is nothing that could have grown old.
  return snapshot.complete() && clock_.steady_now() - snapshots_.last_heard() > options_.max_snapshot_age;
}

void RequestHandler::record(const TokenCall& call, int status, std::string_view reason) {
  char digits[3] = {static_cast<char>('0' + status / 100 % 10), static_cast<char>('0' + status / 10 % 10),
                    static_cast<char>('0' + status % 10)};
  const std::string_view ns = call.entry ? std::string_view(call.entry->pod->ns) : call.pod_ns;
  const std::string_view pod = call.entry ? std::string_view(call.entry->pod->name) : call.pod_name;
  const base::Duration took = clock_.steady_now() - call.start;
  const std::string_view resource = resource_labels_.label_of(
      call.query.resource, status == 200 ? ResourceLabels::Answered::issued : ResourceLabels::Answered::refused);
  durations_.observe({call.operation, std::string_view(digits, 3), ns, resource}, base::in_seconds(took));
  if (call.decision.legacy_assignment && log_budget_.take(clock_.steady_now())) {
    base::log::warning("the AzureAssignedIdentity has no status: an old controller wrote it",
                       {{"namespace", ns}, {"pod", pod}, {"object", call.decision.assigned->meta.name}});
  }
  // What happens thousands of times a second, or before anybody knows who asks, is worth a line only to those who look
  // for it: system calls are most of a cached token's cost.
  const bool notable = status != 200 && call.entry;
  if (!notable && !base::log::debug_enabled()) return;
  if (!log_budget_.take(clock_.steady_now())) return;
  const auto log = notable ? base::log::info : base::log::debug;
  log(status == 200 ? "token issued" : "token refused", {{"status", status},
                                                         {"reason", reason},
                                                         {"namespace", ns},
                                                         {"pod", pod},
                                                         {"remote", call.peer.to_string()},
                                                         {"method", call.method},
                                                         {"path", call.operation},
                                                         {"took_ns", took.count()},
                                                         {"candidates", call.decision.candidates},
                                                         {"suppressed_before", log_budget_.take_suppressed()}});
}

}  // namespace podid::nmi
