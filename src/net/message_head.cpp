// SPDX-License-Identifier: Apache-2.0
#include "net/message_head.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.hpp"

namespace podid::net {
namespace {

using Outcome = std::expected<void, HeadError>;

std::unexpected<HeadError> bad(std::string_view problem, int status = 400) {
  return std::unexpected(HeadError{.status = status, .problem = problem});
}

// tchar of RFC 9110 §5.6.2.
constexpr std::array<bool, 256> kTokenChars = [] {
  std::array<bool, 256> table{};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = table[c - 'a' + 'A'] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) table[static_cast<unsigned char>(c)] = true;
  return table;
}();

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return kTokenChars[static_cast<unsigned char>(c)]; });
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Printable, or part of a multi-byte character. What else a target may hold is the handler's business.
bool is_target(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7f; });
}

std::string_view trim_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Cuts the next line off `bytes`. Nothing when it does not end with CR LF.
std::optional<std::string_view> take_line(std::string_view& bytes) {
  const auto newline = bytes.find('\n');
  if (newline == std::string_view::npos || newline == 0 || bytes[newline - 1] != '\r') return std::nullopt;
  const std::string_view line = bytes.substr(0, newline - 1);
  bytes.remove_prefix(newline + 1);
  return line;
}

// "HTTP/1.1" or "HTTP/1.0".
Outcome parse_version(std::string_view text, MessageHead& head) {
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7])) {
    return bad("has no valid HTTP version");
  }
  if (text[5] != '1') return bad("has an HTTP version other than 1.x", 505);
  head.http_1_0 = text[7] == '0';
  return {};
}

// What the fields together say about the message; each may appear more than once.
struct Facts {
  std::optional<std::uint64_t> content_length;
  int transfer_encodings = 0;
  bool chunked = false;  // the only coding is "chunked"
  int hosts = 0;
  bool close = false;
  bool keep_alive = false;
  bool expects_continue = false;
  bool expects_other = false;
};

Outcome note_content_length(std::string_view value, Facts& facts) {
  const auto length = base::parse_number<std::uint64_t>(value);
  if (!length || *length > INT64_MAX) return bad("has a bad Content-Length");
  if (facts.content_length && *facts.content_length != *length) return bad("has two different Content-Length fields");
  facts.content_length = length;
  return {};
}

void note_connection(std::string_view value, Facts& facts) {
  for (const std::string_view option : base::split(value, ',')) {
    const std::string_view token = trim_blanks(option);
    if (base::iequals(token, "close")) facts.close = true;
    if (base::iequals(token, "keep-alive")) facts.keep_alive = true;
  }
}

Outcome note_field(const FieldView& field, Facts& facts) {
  // Most fields are none of these: the length tells them apart without a comparison.
  switch (field.name.size()) {
    case 4:
      if (base::iequals(field.name, "Host")) ++facts.hosts;
      break;
    case 6:
      if (base::iequals(field.name, "Expect")) {
        (base::iequals(field.value, "100-continue") ? facts.expects_continue : facts.expects_other) = true;
      }
      break;
    case 10:
      if (base::iequals(field.name, "Connection")) note_connection(field.value, facts);
      break;
    case 14:
      if (base::iequals(field.name, "Content-Length")) return note_content_length(field.value, facts);
      break;
    case 17:
      if (base::iequals(field.name, "Transfer-Encoding")) {
        ++facts.transfer_encodings;
        facts.chunked = facts.transfer_encodings == 1 && base::iequals(field.value, "chunked");
      }
      break;
    default:
      break;
  }
  return {};
}

Outcome parse_fields(std::string_view bytes, MessageHead& head, Facts& facts) {
  while (true) {
    const auto line = take_line(bytes);
    if (!line) return bad("has a line that does not end with CR LF");
    if (line->empty()) break;
    if (line->front() == ' ' || line->front() == '\t') return bad("has a folded line");
    const auto colon = line->find(':');
    if (colon == std::string_view::npos) return bad("has a field without a colon");
    const FieldView field{line->substr(0, colon), trim_blanks(line->substr(colon + 1))};
    if (!is_token(field.name)) return bad("has a bad field name");
    if (!is_field_value(field.value)) return bad("has a control character in a field");
    if (auto noted = note_field(field, facts); !noted) return noted;
    head.fields.push_back(field);
  }
  return {};
}

// Shared by both directions; `none` is left where no field says that there is a body.
Outcome decide_framing(const Facts& facts, MessageHead& head) {
  head.framing = Framing::none;
  head.content_length = 0;
  if (facts.transfer_encodings > 0) {
    if (facts.content_length) return bad("has both Content-Length and Transfer-Encoding");
    if (head.http_1_0) return bad("has Transfer-Encoding in HTTP/1.0");
    if (!facts.chunked) return bad("has a Transfer-Encoding other than chunked", 501);
    head.framing = Framing::chunked;
  } else if (facts.content_length) {
    head.framing = Framing::length;
    head.content_length = *facts.content_length;
  }
  return {};
}

}  // namespace

std::optional<std::string_view> MessageHead::find(std::string_view name) const {
  for (const FieldView& field : fields) {
    if (base::iequals(field.name, name)) return field.value;
  }
  return std::nullopt;
}

bool is_field_name(std::string_view name) { return is_token(name); }

bool is_field_value(std::string_view value) {
  // Without an early exit, so that the compiler can look at many bytes at once.
  bool control = false;
  for (const char c : value) control |= (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  return !control;
}

std::size_t find_head_end(std::string_view bytes, std::size_t& scanned) {
  while (true) {
    const auto newline = bytes.find('\n', scanned);
    if (newline == std::string_view::npos) {
      scanned = bytes.size();
      return 0;
    }
    scanned = newline;  // looked at again when the bytes after it are there
    const std::string_view after = bytes.substr(newline + 1);
    if (after.empty() || after == "\r") return 0;
    if (after.front() == '\n') return newline + 2;  // bare LF: parsed only to be refused with a reason
    if (after.starts_with("\r\n")) return newline + 3;
    scanned = newline + 1;
  }
}

Outcome parse_request_head(std::string_view bytes, MessageHead& head) {
  head.fields.clear();
  const auto line = take_line(bytes);
  if (!line) return bad("has a line that does not end with CR LF");
  const auto first_space = line->find(' ');
  const auto last_space = line->rfind(' ');
  if (first_space == std::string_view::npos || first_space == last_space) return bad("has a bad request line");
  head.method = line->substr(0, first_space);
  head.target = line->substr(first_space + 1, last_space - first_space - 1);
  if (!is_token(head.method)) return bad("has a bad method");
  if (!is_target(head.target)) return bad("has a bad target");
  if (auto version = parse_version(line->substr(last_space + 1), head); !version) return version;

  Facts facts;
  if (auto fields = parse_fields(bytes, head, facts); !fields) return fields;
  if (auto framing = decide_framing(facts, head); !framing) return framing;
  if (facts.hosts > 1) return bad("has more than one Host field");
  if (facts.hosts == 0 && !head.http_1_0) return bad("has no Host field");
  if (facts.expects_other) return bad("has an unknown expectation", 417);
  head.keep_alive = head.http_1_0 ? facts.keep_alive && !facts.close : !facts.close;
  head.expects_continue = facts.expects_continue && !head.http_1_0 && head.framing != Framing::none;
  return {};
}

Outcome parse_response_head(std::string_view bytes, AnswerTo request, MessageHead& head) {
  head.fields.clear();
  const auto line = take_line(bytes);
  if (!line) return bad("has a line that does not end with CR LF");
  if (auto version = parse_version(line->substr(0, 8), head); !version) return version;
  // "HTTP/1.1 200 OK"; the reason, and the space before it, may be absent.
  const std::string_view status = line->size() >= 12 && (*line)[8] == ' ' ? line->substr(9, 3) : std::string_view{};
  const auto code = base::parse_number<int>(status);
  if (!code || *code < 100 || (line->size() > 12 && (*line)[12] != ' ') || !is_field_value(*line)) {
    return bad("has a bad status line");
  }
  head.status = *code;

  Facts facts;
  if (auto fields = parse_fields(bytes, head, facts); !fields) return fields;
  const bool never_has_body =
      request == AnswerTo::head_request || head.status < 200 || head.status == 204 || head.status == 304;
  if (never_has_body) {
    head.framing = Framing::none;
    head.content_length = 0;
  } else {
    if (auto framing = decide_framing(facts, head); !framing) return framing;
    if (head.framing == Framing::none) head.framing = Framing::until_close;
  }
  head.keep_alive =
      (head.http_1_0 ? facts.keep_alive && !facts.close : !facts.close) && head.framing != Framing::until_close;
  return {};
}

}  // namespace podid::net
