// SPDX-License-Identifier: Apache-2.0
// Tokens as they are answered (nmi.md §5.4, §6), rendered once and completed per answer.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "azure/access_token.hpp"
#include "base/clock.hpp"
#include "base/secret.hpp"
#include "core/model/ids.hpp"

namespace podid::nmi {

// One or more tokens that are handed out together: the primary tenant's first. Immutable, so shared by all threads.
class TokenText {
 public:
  // `tokens` is not empty.
  explicit TokenText(const std::vector<azure::AccessToken>& tokens);

  // Appends the body of a token answer: an object, or an array where there is more than one token. Of a token that may not be
  // used from `end` on no later expiry is told; the token itself stays as it is.
  void append_answer(std::string& out, base::WallTime now, base::WallTime end = base::WallTime::max()) const;
  // Appends the body of a host token answer, with the first token alone.
  void append_host_answer(std::string& out, core::ClientIdView client_id, base::WallTime now,
                          base::WallTime end = base::WallTime::max()) const;

  base::WallTime received_at() const { return received_at_; }
  // The earliest expiry; the largest time where no token says when it expires.
  base::WallTime expiry() const { return expiry_; }
  // The latest one; the largest time where a token does not say when it expires.
  base::WallTime last_expiry() const { return last_expiry_; }
  // The earliest time at which an endpoint wants its token refreshed, where one said so.
  std::optional<base::WallTime> refresh_wanted() const { return refresh_wanted_; }

 private:
  struct Piece {
    base::Secret before;                     // up to the digits of expires_in
    std::optional<base::WallTime> expires;   // what expires_in counts down to; nothing: it stays empty
    std::optional<std::int64_t> expires_on;  // Unix time; nothing: it stays empty
    std::string expires_on_text;             // from the digits of expires_in to the end of those of expires_on
    std::string after;
  };
  static void append_piece(const Piece& piece, std::string& out, base::WallTime now, base::WallTime end);

  std::vector<Piece> pieces_;
  base::WallTime received_at_;
  base::WallTime expiry_ = base::WallTime::max();
  base::WallTime last_expiry_ = base::WallTime::min();
  std::optional<base::WallTime> refresh_wanted_;
};

}  // namespace podid::nmi
