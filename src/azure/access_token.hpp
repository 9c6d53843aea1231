// SPDX-License-Identifier: Apache-2.0
// An access token as IMDS or Entra ID hands it out, and how their errors are told from all others.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/secret.hpp"
#include "net/http.hpp"

namespace podid::azure {

// Fields as received; absent ones are empty. Times are seconds or Unix seconds, whatever form they came in.
struct AccessToken {
  base::Secret access_token;
  base::Secret refresh_token;  // usually ""
  std::optional<std::int64_t> expires_in;
  std::optional<std::int64_t> ext_expires_in;
  std::optional<std::int64_t> expires_on;
  std::optional<std::int64_t> not_before;
  std::optional<std::int64_t> refresh_in;
  std::string resource;
  std::string token_type;
  std::string client_id;  // IMDS: the identity that was used
  std::string object_id;
  std::string msi_res_id;
  base::WallTime received_at;  // by our clock

  // expires_on, else received_at + expires_in, else nothing.
  std::optional<base::WallTime> expiry() const;
};

// Whether the error is a token endpoint's own answer, which the NMI passes on as 403, or anything else
// (network, bad input, gave up waiting), which it answers with 503 (nmi.md §10.4). Holds for the errors of
// ImdsClient and EntraClient: they set http_status for the former only.
inline bool token_endpoint_answered(const base::Error& error) { return error.http_status != 0; }

inline constexpr std::size_t kMaxTokenAnswerBytes = 256 * 1024;

// The body of a 200 answer of either endpoint. Numbers may be JSON numbers or numeric strings; expires_on
// also one of the date forms of azure-wire.md §1.2. Errors have the texts of nmi.md §10.4, with http_status
// 200 unless the body was empty, and quote of the body what error_text.hpp lets.
base::Result<AccessToken> parse_token_answer(std::string_view body, base::WallTime received_at);

// Either endpoint's answer: a 200 is a token, everything else the legacy refresh error with the answer's
// status, `code` (the AADSTS number of its description, else its "error" member) and retry_after. `url` is
// the full URL asked.
base::Result<AccessToken> read_token_response(const net::Response& response, std::string_view url, base::WallTime now);

// An attempt that brought no answer, or none that HTTP knows, in aad-pod-identity's words: timeout, cancelled or
// unavailable.
base::Error refresh_not_executed(base::Error cause);

// expires_on's date forms and numbers, as Unix seconds; nothing for other text.
std::optional<std::int64_t> parse_expires_on(std::string_view text);

// The first "AADSTS" number in an error description, e.g. "AADSTS7000215", or "".
std::string aadsts_code(std::string_view description);

}  // namespace podid::azure
