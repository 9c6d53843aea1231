// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/token_handler.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "nmi/request/read_token_call.hpp"
#include "nmi/request/send_answer.hpp"
#include "nmi/token/azure_token_source.hpp"
#include "nmi/token/token_owner.hpp"

namespace podid::nmi {
namespace {

constexpr std::chrono::milliseconds kAskPause{200};
// An answer whose record has no room (D19): how often that is looked at, how long it waits, when the client may come again.
constexpr std::chrono::milliseconds kAuditPause{10};
constexpr std::chrono::seconds kAuditPatience{2};
constexpr std::chrono::seconds kAuditRetryAfter{5};

// A limit of ours, not the endpoint's.
bool is_at_limit(const base::Error& error) {
  return error.kind == base::ErrorKind::throttled && !azure::token_endpoint_answered(error);
}

// When the token may not be used any more, whatever its own expiry.
base::WallTime end_of(const core::Decision& decision) {
  return decision.access ? decision.access->until.value_or(base::WallTime::max()) : base::WallTime::max();
}

// The binding wants it refused because it could be used after the end.
bool is_beyond_window(const core::Decision& decision, const CachedToken& token) {
  return decision.access && decision.access->token_beyond_window == core::TokenBeyondWindow::deny &&
         token.text.last_expiry() > end_of(decision);
}

}  // namespace

TokenHandler::TokenHandler(HandlerState& state, const RequestHandlerContext& context, std::function<void()> on_record)
    : state_(state),
      broker_(context.broker),
      snapshots_(context.snapshots),
      clock_(context.clock),
      audit_(context.audit),
      on_record_(std::move(on_record)),
      look_(context.look),
      issued_(context.metrics.counter(base::metric::kNmiTokensIssued)),
      mismatches_(context.metrics.counter(base::metric::kNmiClientIdMismatches).find_or_add()),
      window_denied_(context.metrics.counter(base::metric::kNmiWindowDenied)),
      log_(context.clock, context.metrics) {}

Progress TokenHandler::try_answer(const net::ServerRequest& request, net::ServerResponse& response,
                                  const Routed& routed, std::string& scratch, TokenCall& call) {
  const auto refusal = read_token_call(request, routed, state_.options, clock_.steady_now(), scratch, call);
  if (refusal) {
    send_refusal(response, call, refusal->answer, refusal->reason);
    return Progress::answered;
  }
  const Verdict verdict = state_.authorizer.judge(call);
  if (verdict.kind != Verdict::Kind::granted) return Progress::open;
  return answer_from_table(response, call, *verdict.credential);
}

Progress TokenHandler::answer_from_table(net::ServerResponse& response, const TokenCall& call,
                                         const Credential& credential) {
  if (!call.query.extra.empty()) return Progress::open;
  LocalTokens::Entry* entry = local_.find(credential.key, call.query.resource);
  if (entry == nullptr || entry->token->superseded()) return Progress::open;
  const base::WallTime now = clock_.wall_now();
  if (!entry->token->fresh(now)) return Progress::open;
  if (entry->token->wants_refresh(now) && call.start >= entry->ask_again) {
    entry->ask_again = call.start + kAskPause;
    return Progress::open;  // the control thread serves it as well, and refreshes it
  }
  entry->token->mark_used();
  if (is_beyond_window(call.decision, *entry->token)) return Progress::open;
  return send_token(response, call, *entry->token, "worker");
}

base::Task<> TokenHandler::serve(net::ServerResponse& response, TokenCall& call) {
  const WaitingRoom::Slot slot = state_.room.enter(AddressKey::of(call.peer));
  if (!slot) {
    state_.limit_hits.increment({"waiting_requests"});
    send_refusal(response, call, at_limit(state_.style(), "too many requests of this pod, or of all, wait already"),
                 "waiting");
    co_return;
  }
  for (;;) {
    // The first time, too: earlier answers have been written since, and who was judged then may not be who may now.
    Verdict verdict = state_.authorizer.judge(call);
    switch (verdict.kind) {
      case Verdict::Kind::granted:
        co_await serve_from_cache(response, call, std::move(verdict.credential));
        co_return;
      case Verdict::Kind::refused:
        send_verdict(response, call, verdict);
        co_return;
      case Verdict::Kind::wait:
        if (state_.draining) {
          send_refusal(response, call, restarting(state_.style()), "draining");
          co_return;
        }
        if (verdict.look && look_) look_({call.entry->pod->ns, std::string(call.entry->pod->binding_label())});
        co_await state_.changes.wait_until(verdict.until);
        break;
    }
  }
}

Progress TokenHandler::refuse_if_closed(net::ServerResponse& response, TokenCall& call, const Credential& credential,
                                        const CachedToken* token) {
  if (!call.decision.access && !state_.authorizer.is_limited_now(call)) return Progress::open;
  Verdict verdict = state_.authorizer.judge(call);
  if (verdict.kind == Verdict::Kind::granted && verdict.credential->key == credential.key) {
    if (token == nullptr || !is_beyond_window(call.decision, *token)) return Progress::open;
    verdict = state_.authorizer.refuse_beyond_window(call);
  }
  if (verdict.kind == Verdict::Kind::refused) {
    send_verdict(response, call, verdict);
  } else {
    send_refusal(response, call,
                 unavailable(state_.style(), "what the pod may use has changed meanwhile", kLimitRetryAfter),
                 "changed");
  }
  return Progress::answered;
}

base::Task<> TokenHandler::serve_from_cache(net::ServerResponse& response, TokenCall& call, CredentialPtr credential) {
  TokenWant want;
  want.request.credential = credential;
  want.request.resource = call.query.resource;
  want.request.extra = call.query.extra;
  if (credential->type != core::IdentityType::user_assigned) {
    if (const base::Result<std::string> claims = claims_for_directory(want.request); !claims) {
      send_refusal(response, call, error_answer(state_.style(), 400, claims.error().message), "claims");
      co_return;
    }
  }
  want.pod = call.entry->pod->uid;
  if (call.query.extra.empty()) {
    if (const LocalTokens::Entry* entry = local_.find(credential->key, call.query.resource)) want.known = entry->token;
  }
  want.new_token = call.query.wants_new_token();
  want.cached_only = is_stale(*call.snapshot);
  const TokenResult result = co_await broker_.get(std::move(want));
  for (auto until = state_.authorizer.in_doubt_until(call); until && clock_.steady_now() < *until;
       until = state_.authorizer.in_doubt_until(call)) {
    co_await state_.changes.wait_until(*until);
  }
  if (const std::optional<Answer> gone = state_.authorizer.changed_hands(call)) {
    send_refusal(response, call, *gone, "pod_gone");
    co_return;
  }
  if (result.token && call.query.extra.empty()) local_.put(credential->key, call.query.resource, result.token);
  if (refuse_if_closed(response, call, *credential, result.token.get()) == Progress::answered) co_return;
  if (!result.token) {
    send_token_error(response, call, result.error);
    co_return;
  }
  const std::string_view origin = result.origin == TokenOrigin::fetched ? "upstream" : "cache";
  if (send_token(response, call, *result.token, origin) == Progress::answered) co_return;
  co_await send_recorded(response, call, *credential, result.token, origin);
}

base::Task<> TokenHandler::send_recorded(net::ServerResponse& response, TokenCall& call, const Credential& credential,
                                         CachedTokenPtr token, std::string_view origin) {
  const base::SteadyTime begin = clock_.steady_now();
  for (;;) {
    co_await clock_.sleep_for(kAuditPause);
    const base::Duration waited = clock_.steady_now() - begin;
    // The pod's address may have another owner by now.
    if (const std::optional<Answer> gone = state_.authorizer.changed_hands(call)) {
      send_refusal(response, call, *gone, "pod_gone");
      co_return;
    }
    if (refuse_if_closed(response, call, credential, token.get()) == Progress::answered) co_return;
    if (send_token(response, call, *token, origin) == Progress::answered) {
      audit_->trail().waited(waited);
      co_return;
    }
    if (waited < kAuditPatience) continue;
    audit_->trail().waited(waited);
    audit_->trail().refused();
    send_refusal(
        response, call,
        unavailable(state_.style(),
                    "the audit log of this node cannot be written, and no token is handed out without a record",
                    kAuditRetryAfter),
        "audit_log", AuditedAnswer::Outcome::failed);
    co_return;
  }
}

void TokenHandler::send_verdict(net::ServerResponse& response, const TokenCall& call, const Verdict& verdict) {
  if (verdict.contradicted != nullptr) {
    core::Decision about;
    about.identity = &verdict.contradicted->identity;
    if (!verdict.contradicted->binding.meta.name.empty()) about.binding = &verdict.contradicted->binding;
    note_mismatch(call.entry, about, verdict.mismatch);
  }
  if (verdict.record) {
    const core::RefusalReason reason = call.decision.reason;
    if (core::is_about_access(reason)) window_denied_.increment({core::to_string(reason)});
    issuances_.refused(call.entry, call.decision, verdict.missing);
    on_record_();
  }
  send_refusal(response, call, verdict.answer, verdict.reason);
}

void TokenHandler::send_token_error(net::ServerResponse& response, const TokenCall& call, const base::Error& error) {
  std::string_view reason = withheld_for(error);
  if (reason == kClientIdMismatch) {
    note_mismatch(call.entry, call.decision, withheld_text(call.decision.identity, error));
  }
  if (reason.empty()) reason = is_at_limit(error) ? "token_limit" : "token_error";
  send_refusal(response, call, token_error_answer(call, error), reason, AuditedAnswer::Outcome::failed);
}

void TokenHandler::note_mismatch(const PodEntryPtr& entry, const core::Decision& about, std::string_view why) {
  mismatches_->increment();
  issuances_.mismatched(entry, about, why);
  on_record_();
}

AuditedAnswer TokenHandler::audited(const TokenCall& call) const {
  AuditedAnswer answer;
  answer.entry = call.entry.get();
  answer.decision = &call.decision;
  answer.peer = &call.peer;
  answer.resource = call.query.resource;
  answer.latency = clock_.steady_now() - call.start;
  return answer;
}

Progress TokenHandler::send_token(net::ServerResponse& response, const TokenCall& call, const CachedToken& token,
                                  std::string_view origin) {
  if (audit_ != nullptr) {
    AuditedAnswer answer = audited(call);
    if (call.decision.identity == nullptr) answer.outcome = AuditedAnswer::Outcome::passed_through;
    answer.cached = origin != "upstream";
    answer.token = &token;
    answer.expires = std::min(token.text.expiry(), end_of(call.decision));  // as it is told
    answer.uti = token.uti;
    answer.oid = token.oid;
    if (!audit_->put(answer)) return Progress::open;
  }
  body_.clear();
  if (call.host) {
    core::ClientIdView client_id;
    if (call.decision.identity != nullptr) client_id = call.decision.identity->client_id;
    token.text.append_host_answer(body_, client_id, clock_.wall_now(), end_of(call.decision));
  } else {
    token.text.append_answer(body_, clock_.wall_now(), end_of(call.decision));
  }
  response.send(200, "application/json", body_);
  issued_.increment({origin});
  issuances_.issued(call.entry, call.decision, call.query.resource);
  on_record_();
  log_.record(call, 200, {});
  return Progress::answered;
}

void TokenHandler::send_refusal(net::ServerResponse& response, const TokenCall& call, const Answer& answer,
                                std::string_view reason, AuditedAnswer::Outcome outcome) {
  if (audit_ != nullptr && call.entry) {
    AuditedAnswer record = audited(call);
    record.outcome = outcome;
    record.status = answer.status;
    record.check = reason;
    audit_->note(record);
  }
  send_answer(response, answer);
  state_.refusals.increment({reason});
  log_.record(call, answer.status, reason);
}

Answer TokenHandler::token_error_answer(const TokenCall& call, const base::Error& error) const {
  const AnswerStyle& style = state_.style();
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
  if (permanent && state_.options.permanent_config_errors_403) return error_answer(style, 403, error.message);
  const std::chrono::seconds retry_after = error.retry_after.value_or(std::chrono::seconds(0));
  return unavailable(style, error.message, style.legacy ? std::chrono::seconds(0) : retry_after);
}

bool TokenHandler::is_stale(const Snapshot& snapshot) const {
  // Before the first word of the API server there is nothing that could have grown old.
  return snapshot.complete() && clock_.steady_now() - snapshots_.last_heard() > state_.options.max_snapshot_age;
}

}  // namespace podid::nmi
