// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_text.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <iterator>

namespace podid::nmi {
namespace {

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string_view(text)); }

std::string digits(const std::optional<std::int64_t>& number) { return number ? std::to_string(*number) : ""; }

}  // namespace

TokenText::TokenText(const std::vector<azure::AccessToken>& tokens) : received_at_(tokens.front().received_at) {
  for (const azure::AccessToken& token : tokens) {
    Piece piece;
    piece.before = base::Secret(fmt::format("{{\"access_token\":{},\"refresh_token\":{},\"expires_in\":\"",
                                            quoted(token.access_token.reveal()), quoted(token.refresh_token.reveal())));
    piece.after = fmt::format("\",\"expires_on\":\"{}\",\"not_before\":\"{}\",\"resource\":{},\"token_type\":{}}}",
                              digits(token.expires_on), digits(token.not_before), quoted(token.resource),
                              quoted(token.token_type));
    if (token.expires_in) piece.expires = token.received_at + std::chrono::seconds(*token.expires_in);
    pieces_.push_back(std::move(piece));
    if (const auto expiry = token.expiry()) expiry_ = std::min(expiry_, *expiry);
    if (token.refresh_in) {
      const base::WallTime wanted = token.received_at + std::chrono::seconds(*token.refresh_in);
      refresh_wanted_ = refresh_wanted_ ? std::min(*refresh_wanted_, wanted) : wanted;
    }
  }
}

void TokenText::append_piece(const Piece& piece, std::string& out, base::WallTime now) {
  out += piece.before.reveal();
  if (piece.expires) {
    // Rounded up: an answer given in the second of its receipt repeats the number that was received.
    const auto left = std::chrono::ceil<std::chrono::seconds>(*piece.expires - now).count();
    fmt::format_to(std::back_inserter(out), "{}", left < 0 ? 0 : left);
  }
  out += piece.after;
}

void TokenText::append_answer(std::string& out, base::WallTime now) const {
  if (pieces_.size() == 1) return append_piece(pieces_.front(), out, now);
  char separator = '[';
  for (const Piece& piece : pieces_) {
    out += separator;
    append_piece(piece, out, now);
    separator = ',';
  }
  out += ']';
}

void TokenText::append_host_answer(std::string& out, core::ClientIdView client_id, base::WallTime now) const {
  out += "{\"token\":";
  append_piece(pieces_.front(), out, now);
  out += ",\"clientid\":" + quoted(client_id.text()) + "}";
}

}  // namespace podid::nmi
