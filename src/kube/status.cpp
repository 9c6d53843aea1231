// SPDX-License-Identifier: Apache-2.0
#include "kube/status.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>

#include "base/json.hpp"
#include "base/text.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;

constexpr std::string_view kVersionTooLarge = "ResourceVersionTooLarge";
constexpr std::string_view kNamespaceTerminating = "NamespaceTerminating";
constexpr std::size_t kMaxQuotedBytes = 200;

// Reasons that mean more than, or something else than, their HTTP code.
constexpr std::array<std::pair<std::string_view, ErrorKind>, 12> kKindOfReason = {{
    {"AlreadyExists", ErrorKind::already_exists},
    {"Conflict", ErrorKind::conflict},
    {"NotFound", ErrorKind::not_found},
    {"Gone", ErrorKind::gone},
    {"Expired", ErrorKind::gone},
    {"Forbidden", ErrorKind::denied},
    {"Unauthorized", ErrorKind::unauthenticated},
    {"TooManyRequests", ErrorKind::throttled},
    {"Timeout", ErrorKind::unavailable},  // the server's own time limit, not ours
    {"ServerTimeout", ErrorKind::unavailable},
    {"Invalid", ErrorKind::invalid},
    {"BadRequest", ErrorKind::invalid},
}};

ErrorKind kind_of(std::string_view reason, int code) {
  for (const auto& [name, kind] : kKindOfReason) {
    if (name == reason) return kind;
  }
  return base::kind_of_http_status(code);
}

bool has_cause(const json::value& status, std::string_view reason) {
  const json::value* causes = base::find_path(status, {"details", "causes"});
  if (causes == nullptr || !causes->is_array()) return false;
  for (const json::value& cause : causes->get_array()) {
    if (base::text_at(cause, {"reason"}) == reason) return true;
  }
  return false;
}

bool is_status(const json::value& value) { return base::text_at(value, {"kind"}) == "Status"; }

std::string quoted_start(std::string_view body) {
  body = base::trim(body);
  const bool cut = body.size() > kMaxQuotedBytes;
  return base::go_quote(body.substr(0, kMaxQuotedBytes)) + (cut ? "..." : "");
}

}  // namespace

base::Error error_from_status(const json::value& status) {
  const std::int64_t code = base::integer_at(status, {"code"});
  base::Error error;
  error.http_status = code >= 100 && code <= 599 ? static_cast<int>(code) : 0;
  error.code = base::text_at(status, {"reason"});
  error.kind = kind_of(error.code, error.http_status);
  error.message = base::text_at(status, {"message"});
  if (error.message.empty()) {
    error.message =
        fmt::format("the API server refused without a message (code {}, reason {})", code, base::go_quote(error.code));
  }
  for (const std::string_view cause : {kVersionTooLarge, kNamespaceTerminating}) {
    if (has_cause(status, cause)) error.code = cause;
  }
  const std::int64_t seconds = base::integer_at(status, {"details", "retryAfterSeconds"});
  if (seconds > 0) error.retry_after = std::chrono::seconds(seconds);
  return error;
}

base::Error error_from_response(const net::Response& response, std::string_view request, base::WallTime now) {
  base::Error error;
  const base::Result<json::value> body = parse_json(response.body, "the answer");
  if (body && is_status(*body)) {
    error = error_from_status(*body);
    error.kind = kind_of(base::text_at(*body, {"reason"}), response.status);
  } else {
    error.kind = base::kind_of_http_status(response.status);
    error.message = fmt::format("{} was answered {} {}", request, response.status, quoted_start(response.body));
  }
  error.http_status = response.status;
  if (const auto delay = net::retry_after(response.headers, now)) error.retry_after = delay;
  return error;
}

bool is_version_too_large(const base::Error& error) { return error.code == kVersionTooLarge; }

bool is_namespace_terminating(const base::Error& error) { return error.code == kNamespaceTerminating; }

}  // namespace podid::kube
