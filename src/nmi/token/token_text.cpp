// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_text.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <iterator>

namespace podid::nmi {
namespace {

constexpr std::string_view kExpiresOn = "\",\"expires_on\":\"";

std::string quoted(std::string_view text) { return boost::json::serialize(boost::json::string_view(text)); }

std::string digits(const std::optional<std::int64_t>& number) { return number ? std::to_string(*number) : ""; }

}  // namespace

TokenText::TokenText(const std::vector<azure::AccessToken>& tokens) : received_at_(tokens.front().received_at) {
  for (const azure::AccessToken& token : tokens) {
    Piece piece;
    piece.before = base::Secret(fmt::format("{{\"access_token\":{},\"refresh_token\":{},\"expires_in\":\"",
                                            quoted(token.access_token.reveal()), quoted(token.refresh_token.reveal())));
    piece.expires_on = token.expires_on;
    piece.expires_on_text = fmt::format("{}{}", kExpiresOn, digits(token.expires_on));
    piece.after = fmt::format("\",\"not_before\":\"{}\",\"resource\":{},\"token_type\":{}}}", digits(token.not_before),
                              quoted(token.resource), quoted(token.token_type));
    if (token.expires_in) piece.expires = token.received_at + std::chrono::seconds(*token.expires_in);
    pieces_.push_back(std::move(piece));
    const base::WallTime expiry = token.expiry().value_or(base::WallTime::max());
    expiry_ = std::min(expiry_, expiry);
    last_expiry_ = std::max(last_expiry_, expiry);
    if (token.refresh_in) {
      const base::WallTime wanted = token.received_at + std::chrono::seconds(*token.refresh_in);
      refresh_wanted_ = refresh_wanted_ ? std::min(*refresh_wanted_, wanted) : wanted;
    }
  }
}

void TokenText::append_piece(const Piece& piece, std::string& out, base::WallTime now, base::WallTime end) {
  out += piece.before.reveal();
  const bool ends_before = end < piece.expires.value_or(base::WallTime::max());
  if (ends_before) {
    // Rounded down: nobody is told to come back after the end.
    const auto left = std::chrono::floor<std::chrono::seconds>(end - now).count();
    fmt::format_to(std::back_inserter(out), "{}", left < 0 ? 0 : left);
  } else if (piece.expires) {
    // Rounded up: an answer given in the second of its receipt repeats the number that was received.
    const auto left = std::chrono::ceil<std::chrono::seconds>(*piece.expires - now).count();
    fmt::format_to(std::back_inserter(out), "{}", left < 0 ? 0 : left);
  }
  const std::int64_t end_second = std::chrono::floor<std::chrono::seconds>(end.time_since_epoch()).count();
  if (end != base::WallTime::max() && end_second < piece.expires_on.value_or(end_second + 1)) {
    out += kExpiresOn;
    fmt::format_to(std::back_inserter(out), "{}", end_second);
  } else {
    out += piece.expires_on_text;
  }
  out += piece.after;
}

void TokenText::append_answer(std::string& out, base::WallTime now, base::WallTime end) const {
  if (pieces_.size() == 1) return append_piece(pieces_.front(), out, now, end);
  char separator = '[';
  for (const Piece& piece : pieces_) {
    out += separator;
    append_piece(piece, out, now, end);
    separator = ',';
  }
  out += ']';
}

void TokenText::append_host_answer(std::string& out, core::ClientIdView client_id, base::WallTime now,
                                   base::WallTime end) const {
  out += "{\"token\":";
  append_piece(pieces_.front(), out, now, end);
  out += ",\"clientid\":" + quoted(client_id.text()) + "}";
}

}  // namespace podid::nmi
