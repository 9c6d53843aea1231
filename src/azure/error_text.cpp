// SPDX-License-Identifier: Apache-2.0
#include "azure/error_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <optional>

#include "azure/json_fields.hpp"
#include "base/json.hpp"

namespace podid::azure {
namespace {

constexpr std::size_t kMaxQuotedNumbers = 8;

// The value of a string member that begins after its name at `at`: its length up to the closing quote, or to
// the end.
std::size_t string_length(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  return std::min(end, text.size()) - at;
}

// Where the string value of the member whose name ends at `at` begins, if it is one.
std::optional<std::size_t> value_start(std::string_view text, std::size_t at) {
  const std::size_t colon = text.find_first_not_of(" \t\r\n", at);
  if (colon == std::string_view::npos || text[colon] != ':') return std::nullopt;
  const std::size_t quote = text.find_first_not_of(" \t\r\n", colon + 1);
  if (quote == std::string_view::npos || text[quote] != '"') return std::nullopt;
  return quote + 1;
}

bool is_token_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '+' || c == '/' || c == '=';
}

// C1 controls are two bytes in UTF-8: a terminal acts on them like on C0's.
bool is_c1(std::string_view text, std::size_t at) {
  return text[at] == '\xC2' && at + 1 < text.size() && (static_cast<unsigned char>(text[at + 1]) & 0xE0) == 0x80;
}

void quote_numbers(const boost::json::object& from, boost::json::object& to) {
  const boost::json::value* codes = from.if_contains("error_codes");
  if (codes == nullptr || !codes->is_array()) return;
  boost::json::array numbers;
  for (const boost::json::value& code : codes->get_array()) {
    if (code.is_int64() && numbers.size() < kMaxQuotedNumbers) numbers.push_back(code);
  }
  to["error_codes"] = std::move(numbers);
}

// Never inside a character of UTF-8.
std::string cut_short(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return std::string(text);
  std::string_view cut = text.substr(0, limit);
  while (!cut.empty() && (static_cast<unsigned char>(text[cut.size()]) & 0xC0) == 0x80) cut.remove_suffix(1);
  return std::string(cut) + "...";
}

void quote_text(const boost::json::object& from, const char* member, boost::json::object& to, const char* as,
                std::size_t limit) {
  const std::string_view text = base::text_at(from, {member});
  if (!text.empty()) to[as] = without_tokens(cut_short(text, limit), 2 * limit);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c < 0x20 || c == 0x7F) {
      out += fmt::format("\\u{:04x}", c);
    } else if (is_c1(text, at)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(text[++at]));
    } else {
      out += text[at];
    }
  }
  return out;
}

}  // namespace

std::string quotable(std::string_view text, std::size_t limit) {
  return escaped(without_tokens(cut_short(text, limit), 2 * limit));
}

std::string quoted_error(std::string_view body) {
  const auto object = parse_object(body);
  if (!object) return fmt::format("({} bytes that are no JSON object)", body.size());
  boost::json::object quoted;
  if (const boost::json::object* nested = base::find_object(*object, {"error"})) {
    quote_text(*nested, "code", quoted, "error", kMaxQuotedCode);
    quote_text(*nested, "message", quoted, "error_description", kMaxQuotedText);
  } else {
    quote_text(*object, "error", quoted, "error", kMaxQuotedCode);
    quote_text(*object, "error_description", quoted, "error_description", kMaxQuotedText);
  }
  quote_numbers(*object, quoted);
  quote_text(*object, "suberror", quoted, "suberror", kMaxQuotedCode);
  return escaped(boost::json::serialize(quoted));  // what JSON may hold, but a terminal must not
}

std::string without_tokens(std::string_view body, std::size_t limit) {
  constexpr std::string_view kBlank = "[removed]";
  constexpr std::array<std::string_view, 2> kTokenNames = {"\"access_token\"", "\"refresh_token\""};
  constexpr std::string_view kJwtStart = "eyJ";  // base64url of {"
  std::string out;
  std::size_t at = 0;
  while (at < body.size() && out.size() < limit) {
    const std::string_view rest = body.substr(at);
    if (rest.starts_with(kJwtStart)) {
      std::size_t end = at;
      while (end < body.size() && is_token_character(body[end])) ++end;
      out += kBlank;
      at = end;
      continue;
    }
    for (const std::string_view name : kTokenNames) {
      if (!rest.starts_with(name)) continue;
      if (const auto value = value_start(body, at + name.size())) {
        out += body.substr(at, *value - at);
        if (const std::size_t length = string_length(body, *value); length != 0) out += kBlank;
        at = *value + string_length(body, *value);
      }
      break;
    }
    if (at < body.size()) out += body[at++];
  }
  if (at < body.size()) out += "...";
  return out;
}

}  // namespace podid::azure
