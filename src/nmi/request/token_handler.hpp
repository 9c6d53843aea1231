// SPDX-License-Identifier: Apache-2.0
// Answers token requests: from the worker's own table at once, else when there is an assignment and a token.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "nmi/record/issuance_log.hpp"
#include "nmi/request/handler_state.hpp"
#include "nmi/request/path.hpp"
#include "nmi/request/request_log.hpp"
#include "nmi/request/token_call.hpp"
#include "nmi/token/local_tokens.hpp"
#include "nmi/token/token_broker.hpp"

namespace podid::nmi {

// One worker's. The state and everything in the context outlive it.
class TokenHandler {
 public:
  // `on_record` is called when there is something new in issuances().
  TokenHandler(HandlerState& state, const RequestHandlerContext& context, std::function<void()> on_record);

  // Reads into `call` what is asked, with views of the request and of `scratch`. A malformed request and a pod whose
  // token is in the table are answered; else serve() follows.
  Progress try_answer(const net::ServerRequest& request, net::ServerResponse& response, const Routed& routed,
                      std::string& scratch, TokenCall& call);
  // Waits for what is missing.
  base::Task<> serve(net::ServerResponse& response, TokenCall& call);

  IssuanceLog& issuances() { return issuances_; }

 private:
  Progress answer_from_table(net::ServerResponse& response, const TokenCall& call, const Credential& credential);
  base::Task<> serve_from_cache(net::ServerResponse& response, TokenCall& call, CredentialPtr credential);
  // While the token (null: there is none) was fetched the time may have come to its end, a grant been revoked, or the binding
  // been limited; and the token may live longer than it may be used.
  Progress refuse_if_closed(net::ServerResponse& response, TokenCall& call, const Credential& credential,
                            const CachedToken* token);
  // Open: the audit log has no room for the record, without which it must not leave.
  Progress send_token(net::ServerResponse& response, const TokenCall& call, const CachedToken& token,
                      std::string_view origin);
  // Waits for room.
  base::Task<> send_recorded(net::ServerResponse& response, TokenCall& call, const Credential& credential,
                             CachedTokenPtr token, std::string_view origin);
  void send_refusal(net::ServerResponse& response, const TokenCall& call, const Answer& answer, std::string_view reason,
                    AuditedAnswer::Outcome outcome = AuditedAnswer::Outcome::denied);
  AuditedAnswer audited(const TokenCall& call) const;
  // Of the authorizer: with its event.
  void send_verdict(net::ServerResponse& response, const TokenCall& call, const Verdict& verdict);
  void send_token_error(net::ServerResponse& response, const TokenCall& call, const base::Error& error);
  Answer token_error_answer(const TokenCall& call, const base::Error& error) const;
  void note_mismatch(const PodEntryPtr& entry, const core::Decision& about, std::string_view why);
  bool is_stale(const Snapshot& snapshot) const;

  HandlerState& state_;
  TokenBroker& broker_;
  const SnapshotSource& snapshots_;
  base::Clock& clock_;
  AuditRecorder* const audit_;
  std::function<void()> on_record_;
  const std::function<void(LookKey)> look_;
  base::Family<base::Counter>& issued_;
  base::Counter* const mismatches_;
  base::Family<base::Counter>& window_denied_;

  LocalTokens local_;
  IssuanceLog issuances_;
  RequestLog log_;
  std::string body_;  // of send_token: the answer
};

}  // namespace podid::nmi
