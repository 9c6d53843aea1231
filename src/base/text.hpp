// SPDX-License-Identifier: Apache-2.0
// Text helpers that the standard library lacks. All pure and thread-safe.
#pragma once
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace podid::base {

// The whole text as a number, else nothing (no sign prefix '+', no spaces, no rest).
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

// ASCII only, as every protocol that we speak defines its case rules.
std::string to_lower(std::string_view text);
bool iequals(std::string_view a, std::string_view b);
bool istarts_with(std::string_view text, std::string_view prefix);
std::string_view trim(std::string_view text);
std::vector<std::string_view> split(std::string_view text, char separator);

// Standard alphabet with padding / URL alphabet without (RFC 4648). Decoders accept both forms of padding and refuse
// anything else that is not of the alphabet.
std::string base64(std::string_view bytes);
std::string base64url(std::string_view bytes);
std::optional<std::string> base64_decode(std::string_view text);
std::optional<std::string> base64url_decode(std::string_view text);
std::string hex(std::string_view bytes);

// RFC 3986 percent-encoding of everything but unreserved characters; form encoding writes a space as '+'.
std::string percent_encode(std::string_view text);
std::string form_encode(std::string_view text);
// Nothing for a bad escape.
std::optional<std::string> percent_decode(std::string_view text);
// percent_decode after '+' → ' '.
std::optional<std::string> form_decode(std::string_view text);

// As Go's %q prints a string: error texts of aad-pod-identity carry it.
std::string go_quote(std::string_view text);

}  // namespace podid::base
