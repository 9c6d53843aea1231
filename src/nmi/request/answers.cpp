// SPDX-License-Identifier: Apache-2.0
#include "nmi/request/answers.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

namespace podid::nmi {
namespace {

constexpr std::chrono::milliseconds kLimitPause{500};
constexpr std::string_view kText = "text/plain; charset=utf-8";
constexpr std::string_view kJson = "application/json; charset=utf-8";

std::string_view error_code(int status) {
  switch (status) {
    case 400:
      return "invalid_request";
    case 403:
      return "forbidden";
    case 404:
      return "not_found";
    case 405:
      return "method_not_allowed";
    case 429:
      return "too_many_requests";
    case 503:
      return "service_unavailable";
    default:
      return "server_error";
  }
}

Answer json_answer(int status, std::string_view description) {
  Answer answer;
  answer.status = status;
  answer.content_type = kJson;
  answer.body = fmt::format("{{\"error\":{},\"error_description\":{}}}",
                            boost::json::serialize(boost::json::string_view(error_code(status))),
                            boost::json::serialize(boost::json::string_view(description)));
  return answer;
}

// The methods that there are go with it.
Answer only_reads(const AnswerStyle& style, std::string_view message) {
  Answer answer = error_answer(style, 405, message);
  answer.allow = "GET, HEAD";
  return answer;
}

}  // namespace

Answer text_answer(int status, std::string_view message) {
  Answer answer;
  answer.status = status;
  answer.content_type = kText;
  answer.body = std::string(message) + "\n";
  answer.nosniff = true;
  return answer;
}

Answer error_answer(const AnswerStyle& style, int status, std::string_view message) {
  return style.legacy ? text_answer(status, message) : json_answer(status, message);
}

Answer metadata_header_missing() {
  Answer answer = json_answer(400, "Required metadata header not specified");
  answer.body += "\n";
  return answer;
}

Answer header_not_allowed(std::string_view message) { return json_answer(400, message); }

Answer canonical_redirect(std::string_view location) {
  Answer answer;
  answer.status = 301;
  answer.location = location;
  return answer;
}

Answer invalid_token_path() { return text_answer(400, "Invalid request"); }

Answer instance_blocked() { return text_answer(403, "Request blocked by AAD Pod Identity NMI"); }

Answer node_credential_refused() {
  return json_answer(404, "certificates of the node's identities are not for pods: ask for a token");
}

Answer malformed_target() { return text_answer(400, "Invalid request"); }

Answer not_passed_on(const AnswerStyle& style) {
  return error_answer(style, 403,
                      "the NMI does not pass this path on to the metadata endpoint: its flag --proxy-paths "
                      "allows more paths");
}

Answer identity_path_refused(const AnswerStyle& style) {
  return error_answer(style, 403, "of /metadata/identity pods may ask for oauth2/token and info alone");
}

Answer forward_method_refused(const AnswerStyle& style) {
  return only_reads(style, "only GET and HEAD are passed on to the metadata endpoint");
}

Answer event_post_refused(const AnswerStyle& style) {
  return only_reads(style,
                    "to acknowledge a scheduled event starts a reboot of the node: only with the NMI's flag "
                    "--allow-scheduled-event-posts POST is passed on");
}

Answer method_not_allowed(const AnswerStyle& style) {
  return only_reads(style, "only GET and HEAD are supported for identity paths");
}

Answer too_many_requests(const AnswerStyle& style, std::string_view message, std::chrono::seconds retry_after) {
  Answer answer = error_answer(style, 429, message);
  answer.retry_after = retry_after;
  return answer;
}

Answer at_limit(const AnswerStyle& style, std::string_view message) {
  Answer answer = too_many_requests(style, message, kLimitRetryAfter);
  answer.pause = kLimitPause;
  return answer;
}

Answer unavailable(const AnswerStyle& style, std::string_view message, std::chrono::seconds retry_after) {
  Answer answer = error_answer(style, 503, message);
  answer.retry_after = retry_after;
  return answer;
}

Answer restarting(const AnswerStyle& style) {
  return unavailable(style, "the NMI of this node is being restarted", kLimitRetryAfter);
}

Answer identity_not_found(const AnswerStyle& style, std::string_view message, core::Healing healing, Asker asker) {
  const bool host = asker == Asker::host;
  if (!style.legacy && healing != core::Healing::waits && !host) return json_answer(400, message);
  Answer answer = error_answer(style, style.retry_after_503 && !host ? 503 : 404, message);
  if (!host && (style.retry_after_503 || !style.legacy)) answer.retry_after = kNotFoundRetryAfter;
  return answer;
}

}  // namespace podid::nmi
