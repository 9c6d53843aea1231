// SPDX-License-Identifier: Apache-2.0
#include "net/server/server_messages.hpp"

#include <fmt/compile.h>
#include <fmt/format.h>

#include <array>
#include <iterator>

#include "base/text.hpp"

namespace podid::net {
namespace {

using base::ErrorKind;

// The server decides about these itself.
constexpr std::array<std::string_view, 4> kOwnFields = {"Content-Length", "Transfer-Encoding", "Connection", "Date"};
// A body that nobody read is discarded up to this size, so that the connection can be kept; beyond, it is closed.
constexpr std::uint64_t kMaxDiscardedBody = 256 * 1024;

base::Error body_error(std::string_view problem) {
  return {.kind = ErrorKind::invalid,
          .message = fmt::format("request body {}", problem),
          .http_status = 400,
          .code = {},
          .retry_after = {}};
}

base::Error too_large(std::size_t limit) {
  return {.kind = ErrorKind::invalid,
          .message = fmt::format("request body is larger than {} bytes", limit),
          .http_status = 413,
          .code = {},
          .retry_after = {}};
}

// RFC 9110 §6.4.1: these answers never have a body.
bool is_bodiless(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

void IncomingRequest::begin(ServerConnectionIo& connection, std::size_t max_body_bytes) {
  connection_ = &connection;
  set_handler_data(nullptr);
  max_body_bytes_ = max_body_bytes;
  body_bytes_ = 0;
  continue_pending_ = head_.expects_continue;
  body_.start(head_.framing, head_.content_length);
}

std::expected<std::size_t, std::string_view> IncomingRequest::discard_received() {
  std::string dropped;
  auto used = body_.decode(received_.data(), dropped);
  if (used) received_.consume(*used);
  return used;
}

void IncomingRequest::each_header(
    const std::function<void(std::string_view name, std::string_view value)>& visit) const {
  for (const FieldView& field : head_.fields) visit(field.name, field.value);
}

base::Task<base::Result<std::string>> IncomingRequest::read_body_some(Deadline deadline) {
  std::string piece;
  while (!body_.complete()) {
    const auto used = body_.decode(received_.data(), piece);
    if (!used) co_return std::unexpected(body_error(used.error()));
    received_.consume(*used);
    if (*used > 0) continue_pending_ = false;  // it did not wait
    if (body_.complete()) connection_->body_complete();
    if (!piece.empty() || body_.complete()) break;
    if (continue_pending_) {
      continue_pending_ = false;
      auto told = co_await connection_->send_continue();
      if (!told) co_return std::unexpected(told.error());
    }
    auto more = co_await connection_->receive(deadline);
    if (!more) co_return std::unexpected(more.error());
  }
  co_return piece;
}

base::Task<base::Result<std::string>> IncomingRequest::read_body(Deadline deadline) {
  if (head_.framing == Framing::length && head_.content_length > max_body_bytes_) {
    co_return std::unexpected(too_large(max_body_bytes_));
  }
  std::string body;
  while (true) {
    auto piece = co_await read_body_some(deadline);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > max_body_bytes_) co_return std::unexpected(too_large(max_body_bytes_));
    body += *piece;
    body_bytes_ = body.capacity();
  }
}

void OutgoingResponse::begin(ServerConnectionIo& connection, const IncomingRequest& request, std::string& out) {
  connection_ = &connection;
  request_ = &request;
  output_ = &out;
  fields_.clear();
  pause_ = std::chrono::milliseconds(0);
  state_ = State::open;
  closing_ = !request.head().keep_alive;
  head_only_ = request.head().method == "HEAD";
  chunked_ = false;
}

void OutgoingResponse::append_field(std::string& out, std::string_view name, std::string_view value) const {
  out.append(name).append(": ").append(value).append("\r\n");
}

void OutgoingResponse::header(std::string_view name, std::string_view value) {
  for (const std::string_view own : kOwnFields) {
    if (base::iequals(own, name)) return;
  }
  if (!is_field_name(name)) return;
  if (is_field_value(value)) {
    append_field(fields_, name, value);
    return;
  }
  // A line break would begin another field or another answer.
  std::string clean(value);
  for (char& c : clean) {
    if (!is_field_value(std::string_view(&c, 1))) c = ' ';
  }
  append_field(fields_, name, clean);
}

void OutgoingResponse::render_head(int status, BodyFraming framing, std::string_view content_type, std::size_t length) {
  std::string& out = *output_;
  // Where the rest of the request's body will not be read, the peer learns that this answer is the last one.
  const bool unread_body = !request_->body_complete();
  if (unread_body && (request_->continue_pending() || (request_->head().framing == Framing::length &&
                                                       request_->head().content_length > kMaxDiscardedBody))) {
    closing_ = true;
  }
  if (framing == BodyFraming::until_close) closing_ = true;

  out.append("HTTP/1.1 ")
      .append(fmt::format_int(status).c_str())
      .append(" ")
      .append(reason_phrase(status))
      .append("\r\n");
  out.append(fields_);
  if (!content_type.empty()) append_field(out, "Content-Type", content_type);
  if (framing == BodyFraming::length) append_field(out, "Content-Length", fmt::format_int(length).c_str());
  if (framing == BodyFraming::chunked) append_field(out, "Transfer-Encoding", "chunked");
  append_field(out, "Date", connection_->date());
  if (closing_) {
    append_field(out, "Connection", "close");
  } else if (request_->head().http_1_0) {
    append_field(out, "Connection", "keep-alive");
  }
  out.append("\r\n");
}

void OutgoingResponse::send(int status, std::string_view content_type, std::string_view body) {
  if (answered()) return;
  const bool bodiless = is_bodiless(status);
  render_head(status, bodiless ? BodyFraming::none : BodyFraming::length, content_type, body.size());
  if (!bodiless && !head_only_) output_->append(body);
  state_ = State::complete;
}

void OutgoingResponse::send_busy(const BusyAnswer& busy) {
  close_after();
  header("Retry-After", kBusyRetryAfter);
  send(429, busy.content_type, busy.body);
}

base::Task<base::Result<>> OutgoingResponse::start(int status) {
  if (answered()) co_return base::fail(ErrorKind::internal, "an answer was begun twice");
  const bool bodiless = is_bodiless(status);
  chunked_ = !bodiless && !request_->head().http_1_0;
  head_only_ |= bodiless;
  render_head(status, bodiless ? BodyFraming::none : chunked_ ? BodyFraming::chunked : BodyFraming::until_close, {}, 0);
  state_ = State::streaming;
  auto written = co_await connection_->flush();
  co_return written;
}

base::Task<base::Result<>> OutgoingResponse::write(std::string_view piece) {
  if (state_ != State::streaming) co_return base::fail(ErrorKind::internal, "write() outside of start() and finish()");
  if (piece.empty() || head_only_) co_return base::Result<>{};
  if (chunked_) fmt::format_to(std::back_inserter(*output_), FMT_COMPILE("{:x}\r\n"), piece.size());
  output_->append(piece);
  if (chunked_) output_->append("\r\n");
  auto written = co_await connection_->flush();
  co_return written;
}

base::Task<base::Result<>> OutgoingResponse::finish() {
  if (state_ != State::streaming) co_return base::fail(ErrorKind::internal, "finish() without start()");
  if (chunked_ && !head_only_) output_->append("0\r\n\r\n");
  state_ = State::complete;
  auto written = co_await connection_->flush();
  co_return written;
}

}  // namespace podid::net
