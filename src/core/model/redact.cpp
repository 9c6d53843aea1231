// SPDX-License-Identifier: Apache-2.0
#include "core/model/redact.hpp"

namespace podid::core {
namespace {

constexpr std::size_t kShown = 4;

bool continues_code_point(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// White space as \s of Go's regular expressions has it.
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r'; }

bool has_space(std::string_view text) {
  for (const char c : text) {
    if (is_space(c)) return true;
  }
  return false;
}

}  // namespace

std::string redact(std::string_view text) {
  std::string out;
  redact_into(out, text);
  return out;
}

void redact_into(std::string& out, std::string_view text) {
  std::size_t code_points = 0;
  std::size_t head_end = 0;  // bytes of the first kShown code points
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (continues_code_point(text[i])) continue;
    if (code_points == kShown) head_end = i;
    ++code_points;
  }
  if (code_points < 2 * kShown) {
    out.assign(text);
    return;
  }
  std::size_t tail_start = text.size();
  for (std::size_t seen = 0; seen < kShown;) {
    --tail_start;
    if (!continues_code_point(text[tail_start])) ++seen;
  }
  const std::string_view head = text.substr(0, head_end);
  const std::string_view tail = text.substr(tail_start);
  if (has_space(head) || has_space(tail)) {
    out.assign(text);
    return;
  }
  out.reserve(head.size() + tail.size() + 24);
  out.assign(head);
  out += "##### REDACTED #####";
  out += tail;
}

}  // namespace podid::core
