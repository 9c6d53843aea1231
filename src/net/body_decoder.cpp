// SPDX-License-Identifier: Apache-2.0
#include "net/body_decoder.hpp"

#include <algorithm>

namespace podid::net {
namespace {

// Extensions and trailers are read and dropped; a peer has no use for more of them than this in one body.
constexpr std::size_t kMaxIgnoredBytes = 16 * 1024;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

}  // namespace

void BodyDecoder::start(Framing framing, std::uint64_t content_length) {
  remaining_ = content_length;
  ignored_ = 0;
  switch (framing) {
    case Framing::none:
      state_ = State::complete;
      break;
    case Framing::length:
      state_ = content_length == 0 ? State::complete : State::counted;
      break;
    case Framing::chunked:
      state_ = State::size_start;
      break;
    case Framing::until_close:
      state_ = State::until_close;
      break;
  }
}

bool BodyDecoder::complete_at_close() {
  if (state_ == State::until_close) state_ = State::complete;
  return complete();
}

std::expected<std::size_t, std::string_view> BodyDecoder::decode(std::string_view input, std::string& out) {
  std::size_t used = 0;
  while (used < input.size() && state_ != State::complete) {
    const std::string_view rest = input.substr(used);
    if (state_ == State::until_close) {
      out.append(rest);
      return input.size();
    }
    if (state_ == State::counted || state_ == State::data) {
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, rest.size()));
      out.append(rest.substr(0, n));
      used += n;
      remaining_ -= n;
      if (remaining_ == 0) state_ = state_ == State::counted ? State::complete : State::data_cr;
      continue;
    }
    if (auto step = decode_framing_byte(rest.front()); !step) return std::unexpected(step.error());
    ++used;
  }
  return used;
}

std::expected<void, std::string_view> BodyDecoder::decode_framing_byte(char c) {
  const auto expect = [this, c](char wanted, State next) -> std::expected<void, std::string_view> {
    if (c != wanted) return std::unexpected("has a chunk without its line end");
    state_ = next;
    return {};
  };
  switch (state_) {
    case State::size_start:
      if (hex_digit(c) < 0) return std::unexpected("has a bad chunk size");
      remaining_ = static_cast<std::uint64_t>(hex_digit(c));
      state_ = State::size;
      return {};
    case State::size:
      if (const int digit = hex_digit(c); digit >= 0) {
        if (remaining_ > (INT64_MAX >> 4)) return std::unexpected("has a chunk size that is too large");
        remaining_ = remaining_ << 4 | static_cast<std::uint64_t>(digit);
        return {};
      }
      if (c != '\r' && c != ';') return std::unexpected("has a bad chunk size");
      state_ = c == '\r' ? State::size_end : State::extension;
      return {};
    case State::size_end:
      return expect('\n', remaining_ == 0 ? State::trailer_start : State::data);
    case State::data_cr:
      return expect('\r', State::data_end);
    case State::data_end:
      return expect('\n', State::size_start);
    case State::trailer_end:
      return expect('\n', State::trailer_start);
    case State::last_end:
      return expect('\n', State::complete);
    case State::extension:
    case State::trailer_start:
    case State::trailer:
      if (c == '\r') {
        state_ = state_ == State::extension ? State::size_end
                 : state_ == State::trailer ? State::trailer_end
                                            : State::last_end;
        return {};
      }
      if (is_control(c)) return std::unexpected("has a control character in a chunk extension or trailer");
      if (++ignored_ > kMaxIgnoredBytes) return std::unexpected("has too long chunk extensions or trailers");
      if (state_ == State::trailer_start) state_ = State::trailer;
      return {};
    case State::counted:
    case State::until_close:
    case State::data:
    case State::complete:
      break;  // decode() handles these
  }
  return {};
}

}  // namespace podid::net
