// SPDX-License-Identifier: Apache-2.0
// Every answer of the NMI but a token, as a value (nmi.md §3.2 to §6, NMI-28). Pure.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

#include "core/decide.hpp"

namespace podid::nmi {

struct Answer {
  int status = 500;
  std::string_view content_type;  // static text; empty: none
  std::string body;
  std::chrono::seconds retry_after{0};  // 0: no such header
  bool nosniff = false;
  // A limit of ours was met: about so long nothing more is read from the peer. 0: no.
  std::chrono::milliseconds pause{0};
  std::string location;
  std::string_view allow;  // static text: the methods that there are
};

struct AnswerStyle {
  // aad-pod-identity's texts and statuses to the byte; else JSON with the same words where they say enough.
  bool legacy = false;
  // --set-retry-after-header
  bool retry_after_503 = false;
};

inline constexpr std::chrono::seconds kNotFoundRetryAfter{20};
inline constexpr std::chrono::seconds kLimitRetryAfter{1};

// §3.4 in the legacy style, else {"error":…,"error_description":…} with the code that goes with the status.
Answer error_answer(const AnswerStyle& style, int status, std::string_view message);
// A text answer in both styles.
Answer text_answer(int status, std::string_view message);

Answer metadata_header_missing();                      // §3.5
Answer header_not_allowed(std::string_view message);   // §3.5, in IMDS's form whatever the style (SEC-9)
Answer canonical_redirect(std::string_view location);  // §3.2
Answer invalid_token_path();                           // §3.3 route 2
Answer instance_blocked();                             // §3.3 route 4
Answer node_credential_refused();                      // 404, on which SDKs fall back to tokens
Answer malformed_target();                             // no path that could be decoded
Answer not_passed_on(const AnswerStyle& style);        // §3.3 route 6 (SEC-6)
Answer identity_path_refused(const AnswerStyle& style);
Answer forward_method_refused(const AnswerStyle& style);
Answer event_post_refused(const AnswerStyle& style);
Answer method_not_allowed(const AnswerStyle& style);  // identity paths take GET and HEAD alone
// The client may come back after `retry_after`.
Answer too_many_requests(const AnswerStyle& style, std::string_view message, std::chrono::seconds retry_after);
// The same at a limit of ours, for requests of a peer that is paused afterwards.
Answer at_limit(const AnswerStyle& style, std::string_view message);
Answer unavailable(const AnswerStyle& style, std::string_view message, std::chrono::seconds retry_after);
Answer restarting(const AnswerStyle& style);  // who waits is told so when the process ends

enum class Asker { pod, host };
// Identity selection failed (§4). `message` is the error text of §8 or §9 in the legacy style, else it begins with
// "Identity not found: ". Healing::waits: waiting may have helped and did not within the limit; else the refusal is final
// and told as the real endpoint tells it, with 400. Asker::host: the host handler, which knows 404 only.
Answer identity_not_found(const AnswerStyle& style, std::string_view message, core::Healing healing, Asker asker);

}  // namespace podid::nmi
