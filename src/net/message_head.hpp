// SPDX-License-Identifier: Apache-2.0
// The head of an HTTP/1.x message: from bytes to views. No I/O. Strict where leniency lets two readers of the same bytes
// disagree about where a message ends (RFC 9112 §11.2): bare CR or LF, folded lines, NUL, a space before a colon,
// Content-Length beside Transfer-Encoding and the like are refused.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

namespace podid::net {

// How the body after a head is delimited (RFC 9112 §6.3).
enum class Framing { none, length, chunked, until_close };

struct FieldView {
  std::string_view name;
  std::string_view value;  // without surrounding white space
};

// All views point into the parsed bytes. One object can be used for many heads; its vector keeps its capacity.
struct MessageHead {
  std::string_view method;  // requests
  std::string_view target;
  int status = 0;  // responses
  bool http_1_0 = false;
  bool keep_alive = true;  // the peer's wish (RFC 9112 §9.3)
  bool expects_continue = false;
  Framing framing = Framing::none;
  std::uint64_t content_length = 0;  // with Framing::length
  std::vector<FieldView> fields;

  // The first field of that name, without case.
  std::optional<std::string_view> find(std::string_view name) const;
};

// What is wrong with a head and the status that a server answers it with.
struct HeadError {
  int status = 400;
  std::string_view problem;  // "has no Host field"
};

// The number of bytes of the head at the start of `bytes`, its blank line included; 0 while the blank line has not come.
// `scanned` is where to go on when more bytes have been added (start with 0).
std::size_t find_head_end(std::string_view bytes, std::size_t& scanned);

// `bytes` is exactly a head as find_head_end delimits it.
std::expected<void, HeadError> parse_request_head(std::string_view bytes, MessageHead& head);
// What a response answers. After one to HEAD no body follows, whatever its fields say.
enum class AnswerTo { head_request, other_request };
std::expected<void, HeadError> parse_response_head(std::string_view bytes, AnswerTo request, MessageHead& head);

// RFC 9110 §5.1 and §5.5: what may be sent as a field.
bool is_field_name(std::string_view name);
bool is_field_value(std::string_view value);

}  // namespace podid::net
