// SPDX-License-Identifier: Apache-2.0
#include "azure/access_token.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "azure/error_text.hpp"
#include "azure/json_fields.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using base::ErrorKind;

// Any plausible time or duration in seconds: sums of two stay far from overflow.
constexpr std::int64_t kMaxSeconds = 1'000'000'000'000;
constexpr int kOk = 200;

base::Error answered(int status, ErrorKind kind, std::string message) {
  base::Error error;
  error.kind = kind;
  error.message = std::move(message);
  error.http_status = status;
  return error;
}

base::Error unreadable(std::string_view why, std::string_view body) {
  return answered(kOk, ErrorKind::invalid,
                  fmt::format("adal: Failed to unmarshal the service principal token during refresh. Error = '{}' "
                              "JSON = '{}'",
                              why, quoted_error(body)));
}

std::optional<std::int64_t> in_range(std::optional<std::int64_t> seconds) {
  if (!seconds || *seconds < -kMaxSeconds || *seconds > kMaxSeconds) return std::nullopt;
  return seconds;
}

std::optional<std::int64_t> number_of(const boost::json::value& value) {
  if (value.is_int64()) return in_range(value.get_int64());
  if (value.is_double()) {
    const double number = value.get_double();
    if (!(number > -static_cast<double>(kMaxSeconds) && number < static_cast<double>(kMaxSeconds))) return {};
    return static_cast<std::int64_t>(number);
  }
  if (value.is_string()) return in_range(base::parse_number<std::int64_t>(std::string_view(value.get_string())));
  return std::nullopt;
}

bool is_absent(const boost::json::value* value) {
  return value == nullptr || value->is_null() || (value->is_string() && value->get_string().empty());
}

// "M/D/YYYY h:mm:ss [AM|PM] [+00:00]", the App Service forms.
std::optional<std::int64_t> parse_slash_date(std::string_view text) {
  std::vector<std::string_view> words = base::split(text, ' ');
  if (words.size() > 2 && words.back() == "+00:00") words.pop_back();
  const bool twelve_hours = words.size() == 3;
  if (words.size() != 2 && !twelve_hours) return std::nullopt;
  if (twelve_hours && words[2] != "AM" && words[2] != "PM") return std::nullopt;
  const auto date = base::split(words[0], '/');
  const auto time = base::split(words[1], ':');
  if (date.size() != 3 || time.size() != 3 || date[2].size() != 4) return std::nullopt;
  std::array<int, 6> parts{};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto day_part = base::parse_number<int>(date[i]);
    const auto time_part = base::parse_number<int>(time[i]);
    if (!day_part || !time_part || *time_part < 0) return std::nullopt;
    parts[i] = *day_part;
    parts[3 + i] = *time_part;
  }
  auto [month, day, year, hour, minute, second] = parts;
  if (twelve_hours) {
    if (hour < 1 || hour > 12) return std::nullopt;
    hour = hour % 12 + (words[2] == "PM" ? 12 : 0);
  }
  if (hour > 23 || minute > 59 || second > 59 || month < 1 || day < 1) return std::nullopt;
  const auto parsed =
      base::parse_rfc3339(fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", year, month, day, hour, minute, second));
  if (!parsed) return std::nullopt;
  return base::unix_seconds(*parsed);
}

}  // namespace

std::optional<base::WallTime> AccessToken::expiry() const {
  constexpr auto kLatest = base::WallTime::max() - std::chrono::hours(24);
  if (expires_on) {
    if (*expires_on >= base::unix_seconds(kLatest)) return kLatest;
    return base::from_unix_seconds(std::max<std::int64_t>(*expires_on, 0));
  }
  if (!expires_in) return std::nullopt;
  if (*expires_in >= base::unix_seconds(kLatest) - base::unix_seconds(received_at)) return kLatest;
  return received_at + std::chrono::seconds(std::max<std::int64_t>(*expires_in, 0));
}

std::optional<std::int64_t> parse_expires_on(std::string_view text) {
  if (const auto number = base::parse_number<std::int64_t>(text)) return in_range(number);
  if (const auto seconds = parse_slash_date(text)) return seconds;
  std::string rfc3339(text);
  if (rfc3339.size() == 19 && rfc3339[10] == ' ') {  // "yyyy-MM-dd HH:mm:ss"
    rfc3339[10] = 'T';
    rfc3339 += 'Z';
  }
  auto time = base::parse_rfc3339(rfc3339);
  if (!time) time = base::parse_http_date(text);
  if (!time) return std::nullopt;
  return base::unix_seconds(*time);
}

base::Result<AccessToken> parse_token_answer(std::string_view body, base::WallTime received_at) {
  if (base::trim(body).empty()) {
    return base::fail(ErrorKind::unavailable, "adal: Empty service principal token received during refresh");
  }
  if (body.size() > kMaxTokenAnswerBytes) return std::unexpected(unreadable("answer too large", body));
  const auto object = parse_object(body);
  if (!object) return std::unexpected(unreadable(object.error().message, body));

  AccessToken token;
  token.received_at = received_at;
  token.access_token = base::Secret(std::string(base::text_at(*object, {"access_token"})));
  if (token.access_token.empty()) return std::unexpected(unreadable("access_token is missing", body));
  token.refresh_token = base::Secret(std::string(base::text_at(*object, {"refresh_token"})));
  token.resource = base::text_at(*object, {"resource"});
  token.token_type = base::text_at(*object, {"token_type"});
  token.client_id = base::text_at(*object, {"client_id"});
  token.object_id = base::text_at(*object, {"object_id"});
  token.msi_res_id = base::text_at(*object, {"msi_res_id"});

  struct Field {
    std::string_view name;
    std::optional<std::int64_t>& target;
  };
  const std::array<Field, 4> fields = {{{"expires_in", token.expires_in},
                                        {"ext_expires_in", token.ext_expires_in},
                                        {"not_before", token.not_before},
                                        {"refresh_in", token.refresh_in}}};
  for (const Field& field : fields) {
    const boost::json::value* value = object->if_contains(field.name);
    if (is_absent(value)) continue;
    field.target = number_of(*value);
    if (!field.target) return std::unexpected(unreadable(fmt::format("{} is not a number", field.name), body));
  }
  const boost::json::value* expires_on = object->if_contains("expires_on");
  if (!is_absent(expires_on)) {
    token.expires_on = expires_on->is_string() ? parse_expires_on(expires_on->get_string()) : number_of(*expires_on);
    if (!token.expires_on) {
      return std::unexpected(answered(kOk, ErrorKind::invalid,
                                      "adal: failed to parse expires_on: neither a number nor a known date form"));
    }
  }
  return token;
}

base::Result<AccessToken> read_token_response(const net::Response& response, std::string_view url, base::WallTime now) {
  if (response.status == kOk) return parse_token_answer(response.body, now);
  base::Error error =
      answered(response.status, base::kind_of_http_status(response.status),
               fmt::format("adal: Refresh request failed. Status Code = '{}'. Response body: {} Endpoint {}",
                           response.status, quoted_error(response.body), url));
  error.retry_after = net::retry_after(response.headers, now);
  if (const auto object = parse_object(response.body)) {
    error.code = aadsts_code(base::text_at(*object, {"error_description"}));
    if (error.code.empty()) error.code = quotable(base::text_at(*object, {"error"}), kMaxQuotedCode);
  }
  return std::unexpected(std::move(error));
}

base::Error refresh_not_executed(base::Error cause) {
  cause.message = fmt::format("adal: Failed to execute the refresh request. Error = '{}'", cause.message);
  if (cause.kind != ErrorKind::timeout && cause.kind != ErrorKind::cancelled) cause.kind = ErrorKind::unavailable;
  return cause;
}

std::string aadsts_code(std::string_view description) {
  constexpr std::string_view kPrefix = "AADSTS";
  const std::size_t start = description.find(kPrefix);
  if (start == std::string_view::npos) return {};
  const std::size_t end = description.find_first_not_of("0123456789", start + kPrefix.size());
  const std::string_view code =
      description.substr(start, std::min(kMaxQuotedCode, end == std::string_view::npos ? end : end - start));
  return code.size() > kPrefix.size() ? std::string(code) : std::string();
}

}  // namespace podid::azure
