// SPDX-License-Identifier: Apache-2.0
// The server's side of one request and its answer. Recycled: nothing is allocated once their buffers have grown.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "net/body_decoder.hpp"
#include "net/byte_buffer.hpp"
#include "net/message_head.hpp"
#include "net/server/http_server.hpp"

namespace podid::net {

// What a request and its answer need of their connection.
class ServerConnectionIo {
 public:
  virtual ~ServerConnectionIo() = default;
  virtual const boost::asio::ip::tcp::endpoint& peer() const = 0;
  virtual const boost::asio::ip::tcp::endpoint& local() const = 0;
  virtual std::optional<std::uint32_t> peer_uid() const { return std::nullopt; }
  // More bytes into IncomingRequest::received; `unavailable` when the peer has ended, `throttled` when there is no room.
  virtual base::Task<base::Result<>> receive(Deadline deadline) = 0;
  // Writes what the answer has rendered so far.
  virtual base::Task<base::Result<>> flush() = 0;
  // "100 Continue", at once.
  virtual base::Task<base::Result<>> send_continue() = 0;
  // The last byte of the request's body has come.
  virtual void body_complete() = 0;
  // The value of the Date field; valid until the next call.
  virtual std::string_view date() = 0;
};

// Of each buffer while a connection is idle.
inline constexpr std::size_t kIdleBufferBytes = 2048;
// In seconds, of BusyAnswer.
inline constexpr std::string_view kBusyRetryAfter = "1";

class IncomingRequest final : public ServerRequest {
 public:
  // `head` has been parsed into head(); its views are valid until the answer is complete.
  void begin(ServerConnectionIo& connection, std::size_t max_body_bytes);
  MessageHead& parsed_head() { return head_; }
  const MessageHead& head() const { return head_; }
  // What came after the head while a handler runs: first the body, then pipelined requests.
  ByteBuffer& received() { return received_; }
  // Memory of received(), and of the body that read_body() gave to the handler.
  std::size_t buffered_bytes() const { return received_.capacity() + body_bytes_; }
  bool body_complete() const { return body_.complete(); }
  // The peer waits for "100 Continue" before it sends the body, and has not been told.
  bool continue_pending() const { return continue_pending_; }
  // Drops received bytes of the body. An error means that its framing is broken.
  std::expected<std::size_t, std::string_view> discard_received();

  std::string_view method() const override { return head_.method; }
  std::string_view target() const override { return head_.target; }
  std::optional<std::string_view> header(std::string_view name) const override { return head_.find(name); }
  void each_header(const std::function<void(std::string_view name, std::string_view value)>& visit) const override;
  bool http_1_0() const override { return head_.http_1_0; }
  const boost::asio::ip::tcp::endpoint& peer() const override { return connection_->peer(); }
  const boost::asio::ip::tcp::endpoint& local() const override { return connection_->local(); }
  std::optional<std::uint32_t> peer_uid() const override { return connection_->peer_uid(); }
  bool has_body() const override { return head_.framing != Framing::none; }
  base::Task<base::Result<std::string>> read_body(Deadline deadline) override;
  base::Task<base::Result<std::string>> read_body_some(Deadline deadline) override;

 private:
  MessageHead head_;
  BodyDecoder body_;
  ByteBuffer received_;
  ServerConnectionIo* connection_ = nullptr;
  std::size_t max_body_bytes_ = 0;
  std::size_t body_bytes_ = 0;
  bool continue_pending_ = false;
};

class OutgoingResponse final : public ServerResponse {
 public:
  // The answer is appended to `out`.
  void begin(ServerConnectionIo& connection, const IncomingRequest& request, std::string& out);
  // From now on into another buffer; before anything was rendered.
  void redirect(std::string& out) { output_ = &out; }
  // Forgets the fields of an answer that was not begun.
  void reset_fields() { fields_.clear(); }
  bool complete() const { return state_ == State::complete; }
  bool keeps_alive() const { return !closing_; }

  void header(std::string_view name, std::string_view value) override;
  void send(int status, std::string_view content_type, std::string_view body) override;
  base::Task<base::Result<>> start(int status) override;
  base::Task<base::Result<>> write(std::string_view piece) override;
  base::Task<base::Result<>> finish() override;
  bool answered() const override { return state_ != State::open; }
  // The answer of a server that has no room, and the end of the connection.
  void send_busy(const BusyAnswer& busy);
  void pause_after(std::chrono::milliseconds pause) override { pause_ = pause; }
  std::chrono::milliseconds pause() const { return pause_; }
  void close_after() override { closing_ = true; }
  void drop() override { state_ = State::streaming; }  // never finished, so the connection is cut off

 private:
  enum class State { open, streaming, complete };
  enum class BodyFraming { none, length, chunked, until_close };
  void render_head(int status, BodyFraming framing, std::string_view content_type, std::size_t length);
  void append_field(std::string& out, std::string_view name, std::string_view value) const;

  ServerConnectionIo* connection_ = nullptr;
  const IncomingRequest* request_ = nullptr;
  std::string* output_ = nullptr;
  std::string fields_;  // rendered
  std::chrono::milliseconds pause_{0};
  State state_ = State::open;
  bool closing_ = false;
  bool head_only_ = false;
  bool chunked_ = false;
};

// One request at a time of a connection.
struct Exchange {
  IncomingRequest request;
  OutgoingResponse response;
};

}  // namespace podid::net
