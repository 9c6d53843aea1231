// SPDX-License-Identifier: Apache-2.0
// Takes the framing off a message body, piece by piece. No I/O.
#pragma once
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "net/message_head.hpp"

namespace podid::net {

// One message's body. After an error the object must not be used until start() is called again.
class BodyDecoder {
 public:
  void start(Framing framing, std::uint64_t content_length);

  // Reads from the front of `input`, appends the content to `out`, and returns how many bytes were used: all of them
  // until the body is complete, then none. The error text says what is wrong with the chunk framing.
  std::expected<std::size_t, std::string_view> decode(std::string_view input, std::string& out);
  bool complete() const { return state_ == State::complete; }
  // The peer has closed: whether that is a regular end of this body.
  bool complete_at_close();

 private:
  enum class State {
    counted,      // bytes of a known length
    until_close,  // everything
    size_start,   // first digit of a chunk size
    size,
    extension,
    size_end,  // LF after the size line
    data,
    data_cr,
    data_end,
    trailer_start,  // first byte of a trailer line
    trailer,
    trailer_end,
    last_end,  // LF of the blank line
    complete,
  };
  std::expected<void, std::string_view> decode_framing_byte(char c);

  State state_ = State::complete;
  std::uint64_t remaining_ = 0;  // of the counted body or of the chunk
  std::size_t ignored_ = 0;      // bytes of extensions and trailers so far
};

}  // namespace podid::net
