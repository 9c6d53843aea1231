// SPDX-License-Identifier: Apache-2.0
#include "net/server/server_connection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>
#include <exception>
#include <utility>

#include "base/log.hpp"

namespace podid::net {

namespace asio = base::asio;
using asio::ip::tcp;
using base::ErrorKind;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 1024;  // a request for a token fits
constexpr std::size_t kBodyReadBytes = 16 * 1024;
constexpr std::size_t kFreeBytes = 4096;  // that a connection may buffer whatever the others do
constexpr std::size_t kMaxBatchedOutput = 256 * 1024;
constexpr std::size_t kMaxDiscardedBytes = 256 * 1024;
// Read ahead while a handler waits, so that the peer's departure is noticed behind it. Not accounted for: it is little.
constexpr std::size_t kMaxPipelinedBytes = 4096;
constexpr std::chrono::seconds kGoodbye{1};

std::string describe(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "not a std::exception";
  }
}

}  // namespace

void ServerConnection::start(std::shared_ptr<ServerCore> core, Socket socket, const Peer& peer, TlsContext tls) {
  const base::Executor executor = core->executor();
  auto self = std::make_shared<ServerConnection>(std::move(core), std::move(socket), peer, std::move(tls));
  ServerConnection& connection = *self;
  asio::co_spawn(executor, connection.run(),
                 asio::bind_cancellation_slot(connection.cancel_.slot(), [self = std::move(self)](std::exception_ptr) {
                   // Cancelled: abort() did it. The socket closes with the object.
                   self->transport_.close();
                 }));
}

ServerConnection::ServerConnection(std::shared_ptr<ServerCore> core, Socket socket, const Peer& peer, TlsContext tls)
    : core_(std::move(core)), transport_(std::move(socket)), peer_(peer), tls_(std::move(tls)) {
  if (peer_.uid) local_ = peer_.endpoint;
  core_->add(*this);
}

ServerConnection::~ServerConnection() { core_->remove(*this); }

const tcp::endpoint& ServerConnection::local() const {
  if (!local_) {
    error_code error;
    // Transport gives no const access to its socket, which asking for its name does not change.
    local_ = const_cast<Transport&>(transport_).socket().local_endpoint(error);
  }
  return *local_;
}

void ServerConnection::check_deadline(Deadline now) {
  if (now < expires_) return;
  expires_ = Deadline::never();
  expire();
  transport_.cancel();
}

void ServerConnection::close_if_idle() {
  if (state_ != State::idle && state_ != State::paused) return;
  expire();
  if (pausing_ != nullptr) pausing_->notify();
  transport_.cancel();
}

void ServerConnection::expire() {
  if (interruption_ == Interruption::none) interruption_ = Interruption::expired;
}

void ServerConnection::abort() {
  if (std::exchange(interruption_, Interruption::aborted) == Interruption::aborted) return;
  cancel_.emit(asio::cancellation_type::terminal);
}

base::Task<> ServerConnection::run() {
  if (const std::chrono::milliseconds pause = core_->pause_of_new(*this); pause.count() > 0) {
    const bool resumed = co_await wait_out(pause);
    if (!resumed) co_return;
  }
  if (tls_) {
    expires_ = core_->after(core_->limits().header_timeout);
    const error_code error = co_await transport_.accept_tls(std::move(tls_));
    expires_ = Deadline::never();
    if (error) co_return;
  }
  co_await serve();
  co_await say_goodbye();
}

base::Task<> ServerConnection::serve() {
  while (true) {
    const Next next = answer_buffered();
    if (!core_->output().empty()) {
      const bool written = co_await write_output();
      if (!written) co_return;
    }
    switch (next) {
      case Next::write:
        continue;
      case Next::close:
        co_return;
      case Next::handle: {
        const bool go_on = co_await handle();
        if (!go_on) co_return;
        break;
      }
      case Next::discard_body: {
        const bool go_on = co_await discard_body();
        if (!go_on) co_return;
        break;
      }
      case Next::pause:
      case Next::read:
        break;
    }
    if (next != Next::read) {
      if (pause_.count() == 0) continue;
      const bool resumed = co_await wait_out(pause_);
      if (!resumed) co_return;
      continue;
    }
    if (core_->draining() && buffer_.empty()) co_return;
    prepare_to_read();
    const auto room = buffer_.prepare(kReadBytes);
    if (!account_memory()) {
      begin_refusal().send_busy(core_->limits().busy);
      const bool written = co_await write_output();
      static_cast<void>(written);
      co_return;
    }
    error_code error;
    if (watch_) {
      error = co_await wait_for_watch();
    } else if (transport_.is_tls()) {
      error = co_await read_into(buffer_);
    } else {  // here and not in read_into(): the path of most requests makes no coroutine more than it must
      const auto [failure, n] = co_await transport_.socket().async_read_some(room, base::as_result);
      buffer_.commit(n);
      error = failure;
    }
    if (state_ == State::idle) state_ = State::answering;
    if (!error) continue;
    if (interruption_ == Interruption::expired && state_ == State::head) {
      refuse({.status = 408, .problem = "took too long to arrive"});
      const bool written = co_await write_output();
      static_cast<void>(written);
    }
    co_return;
  }
}

void ServerConnection::prepare_to_read() {
  if (buffer_.empty()) {
    release_idle_memory();
    state_ = State::idle;
    expires_ = core_->after(core_->limits().idle_timeout);
  } else if (state_ != State::head) {  // later bytes of the same head do not prolong its time
    state_ = State::head;
    expires_ = core_->after(core_->limits().header_timeout);
  }
}

void ServerConnection::release_idle_memory() {
  if (exchange_) core_->give_back(std::move(exchange_));
  buffer_.release_above(kIdleBufferBytes);
  if (output_.capacity() > kIdleBufferBytes) output_ = std::string();
  if (watch_ && !watch_->reading() && !watch_->error()) watch_.reset();
}

ServerConnection::Next ServerConnection::answer_buffered() {
  while (true) {
    while (buffer_.data().starts_with("\r\n")) {  // RFC 9112 §2.2: some clients send one too many
      buffer_.consume(2);
      scanned_ = 0;
    }
    if (buffer_.empty() || buffer_.data() == "\r") return Next::read;
    if (core_->output().size() >= kMaxBatchedOutput) return Next::write;
    head_size_ = find_head_end(buffer_.data(), scanned_);
    const std::size_t limit = core_->limits().max_header_bytes;
    if (head_size_ > limit || (head_size_ == 0 && buffer_.size() >= limit)) {
      refuse({.status = 431, .problem = "has a head that is too large"});
      return Next::close;
    }
    if (head_size_ == 0) {
      // A TLS client at a plain port learns at once what it could otherwise only time out on.
      if (is_field_name(buffer_.data().substr(0, 1))) return Next::read;
      refuse({.status = 400, .problem = "is not HTTP"});
      return Next::close;
    }
    scanned_ = 0;
    state_ = State::answering;
    expires_ = Deadline::never();
    if (!exchange_) exchange_ = core_->take_exchange();
    IncomingRequest& request = exchange_->request;
    const auto parsed = parse_request_head(buffer_.data().substr(0, head_size_), request.parsed_head());
    if (!parsed) {
      refuse(parsed.error());
      return Next::close;
    }
    ++core_->statistics.requests;
    if (!answer_one()) {
      // From here on its head stays where it is: what the peer sends while earlier answers are written goes elsewhere.
      begin_collecting();
      return Next::handle;
    }
    if (!exchange_->response.complete()) return Next::close;  // dropped
    if (!request.body_complete()) {
      begin_collecting();
      return Next::discard_body;
    }
    buffer_.consume(head_size_);
    if (!exchange_->response.keeps_alive()) return Next::close;
    if (pause_.count() > 0) return Next::pause;
  }
}

bool ServerConnection::answer_one() {
  IncomingRequest& request = exchange_->request;
  OutgoingResponse& response = exchange_->response;
  request.begin(*this, core_->limits().max_body_bytes);
  response.begin(*this, request, core_->output());
  if (core_->draining()) response.close_after();
  try {
    if (!core_->handler().try_handle(request, response)) return false;
  } catch (...) {
    base::log::error("request handler failed", {{"error", describe(std::current_exception())}});
    response.reset_fields();
  }
  if (!response.answered()) response.send(500, "text/plain; charset=utf-8", "internal error\n");
  begin_pause();
  return true;
}

// False when there is no room for what this connection buffers.
bool ServerConnection::account_memory() {
  std::size_t bytes = buffer_.capacity() + output_.capacity();
  if (exchange_) bytes += exchange_->request.buffered_bytes();
  bytes -= std::min(bytes, kFreeBytes);
  return bytes == seat.reserved() || core_->reserve(*this, bytes);
}

// The answer to what is no request, or one that there is no room for.
OutgoingResponse& ServerConnection::begin_refusal() {
  if (!exchange_) exchange_ = core_->take_exchange();
  exchange_->request.parsed_head() = MessageHead{};
  exchange_->request.begin(*this, 0);
  OutgoingResponse& response = exchange_->response;
  response.begin(*this, exchange_->request, core_->output());
  response.close_after();
  lingering_ = true;
  return response;
}

void ServerConnection::refuse(const HeadError& error) {
  ++core_->statistics.malformed_requests;
  begin_refusal().send(error.status, "text/plain; charset=utf-8", fmt::format("bad request: it {}\n", error.problem));
}

base::Task<bool> ServerConnection::handle() {
  IncomingRequest& request = exchange_->request;
  OutgoingResponse& response = exchange_->response;
  if (watch_ && watch_->error() && request.body_complete()) co_return false;  // the peer has left meanwhile
  response.redirect(output_);
  if (!account_memory()) {
    lingering_ = true;
    response.send_busy(core_->limits().busy);
    auto flushed = co_await flush();
    static_cast<void>(flushed);  // the connection ends either way
    co_return false;
  }
  state_ = State::handling;
  if (request.body_complete()) start_watch();
  std::exception_ptr failure;
  try {
    co_await core_->handler().handle(request, response);
  } catch (...) {
    failure = std::current_exception();
  }
  state_ = State::finishing;
  if (interruption_ != Interruption::none) co_return false;
  if (failure) base::log::error("request handler failed", {{"error", describe(failure)}});
  if (!response.answered()) {
    response.reset_fields();
    response.send(500, "text/plain; charset=utf-8", "internal error\n");
  }
  begin_pause();
  if (!response.complete()) co_return false;  // cut off, so that the peer does not take it for the whole
  auto flushed = co_await flush();
  if (!flushed) co_return false;
  if (!request.body_complete()) {
    const bool discarded = co_await discard_body();
    co_return discarded;
  }
  end_collecting();
  co_return response.keeps_alive();
}

base::Task<bool> ServerConnection::discard_body() {
  IncomingRequest& request = exchange_->request;
  lingering_ = true;
  if (!exchange_->response.keeps_alive()) co_return false;
  std::size_t discarded = 0;
  const Deadline deadline = core_->after(core_->limits().header_timeout);
  while (true) {
    const auto used = request.discard_received();
    if (!used) co_return false;
    discarded += *used;
    if (request.body_complete()) break;
    if (discarded > kMaxDiscardedBytes) co_return false;
    auto more = co_await receive(deadline);
    if (!more) co_return false;
  }
  lingering_ = false;
  end_collecting();
  co_return true;
}

// Also where the connection closes now: the peer's next one pauses instead.
void ServerConnection::begin_pause() {
  const std::chrono::milliseconds asked = exchange_->response.pause();
  pause_ = asked.count() > 0 ? core_->begin_pause(*this, asked) : asked;
}

// False when the server stops meanwhile.
base::Task<bool> ServerConnection::wait_out(std::chrono::milliseconds pause) {
  base::Event ended(core_->executor());
  const std::unique_ptr<base::Timer> timer = core_->clock().make_timer(core_->executor());
  timer->set(core_->clock().steady_now() + pause, [&ended] { ended.notify(); });
  release_idle_memory();
  pausing_ = &ended;
  state_ = State::paused;
  try {
    co_await ended.wait();
  } catch (const boost::system::system_error&) {
    // Aborted, which the interruption tells.
  }
  pausing_ = nullptr;
  state_ = State::answering;
  co_return interruption_ == Interruption::none;
}

void ServerConnection::begin_collecting() {
  ByteBuffer& received = exchange_->request.received();
  received.clear();
  received.append(buffer_.data().substr(head_size_));
  state_ = State::finishing;
}

void ServerConnection::end_collecting() {
  ByteBuffer& received = exchange_->request.received();
  buffer_.clear();
  buffer_.append(received.data());
  received.clear();
  state_ = State::answering;
}

base::Task<error_code> ServerConnection::read_into(ByteBuffer& buffer) {
  const IoResult result = co_await transport_.read_some(buffer.prepare(kReadBytes));
  buffer.commit(result.bytes);
  co_return result.error;
}

base::Task<base::Result<>> ServerConnection::receive(Deadline deadline) {
  if (!watch_) exchange_->request.received().prepare(kBodyReadBytes);
  if (!account_memory()) {
    exchange_->response.close_after();
    co_return std::unexpected(base::Error{.kind = ErrorKind::throttled,
                                          .message = "too much is held for this peer, or for all",
                                          .http_status = 429,
                                          .code = {},
                                          .retry_after = {}});
  }
  expires_ = deadline;
  error_code error;
  if (watch_) {
    error = co_await wait_for_watch();
  } else {
    ByteBuffer& received = exchange_->request.received();
    const IoResult result = co_await transport_.read_some(received.prepare(kBodyReadBytes));
    received.commit(result.bytes);
    error = result.error;
  }
  expires_ = Deadline::never();
  if (!error) co_return base::Result<>{};
  exchange_->response.close_after();  // the handler may still answer, but nothing can follow
  if (interruption_ == Interruption::expired) {
    interruption_ = Interruption::none;  // the handler may still answer
    co_return base::fail(ErrorKind::timeout, "the request's body did not arrive in time");
  }
  co_return base::fail(ErrorKind::unavailable, "the peer left before the request's body was complete");
}

base::Task<bool> ServerConnection::write_output() {
  std::string& shared = core_->output();
  if (!transport_.is_tls()) {
    const IoResult result = transport_.write_now(shared);
    if (result.bytes == shared.size()) {
      shared.clear();
      co_return true;
    }
    if (result.error && result.error != asio::error::would_block) {
      shared.clear();
      co_return false;
    }
    output_.assign(shared, result.bytes);
  } else {
    output_ = shared;
  }
  shared.clear();
  auto flushed = co_await flush();
  co_return flushed.has_value();
}

base::Task<base::Result<>> ServerConnection::flush() {
  while (written_ < output_.size()) {
    const std::string_view rest = std::string_view(output_).substr(written_);
    IoResult result;
    if (!transport_.is_tls()) result = transport_.write_now(rest);
    if (transport_.is_tls() || result.error == asio::error::would_block) {
      if (!account_memory()) co_return base::fail(ErrorKind::throttled, "the peer leaves too much unread");
      expires_ = core_->after(core_->limits().write_timeout);
      result = co_await transport_.write_some(asio::buffer(rest));
      expires_ = Deadline::never();
    }
    written_ += result.bytes;
    if (result.error) {
      const bool timed_out = interruption_ == Interruption::expired;
      co_return base::fail(timed_out ? ErrorKind::timeout : ErrorKind::unavailable,
                           timed_out ? "the peer does not read the answer" : "the peer has left");
    }
  }
  output_.clear();
  written_ = 0;
  co_return base::Result<>{};
}

base::Task<base::Result<>> ServerConnection::send_continue() {
  output_.append("HTTP/1.1 100 Continue\r\n\r\n");
  auto flushed = co_await flush();
  co_return flushed;
}

void ServerConnection::body_complete() {
  if (state_ == State::handling) start_watch();
}

void ServerConnection::start_watch() {
  if (exchange_->request.received().size() >= kMaxPipelinedBytes) return;
  if (!watch_) watch_ = std::make_unique<PeerWatch>(core_->executor());
  watch_->start(transport_, shared_from_this());
}

void ServerConnection::peer_heard(std::string_view bytes, error_code error) {
  ByteBuffer& received = is_collecting() ? exchange_->request.received() : buffer_;
  received.append(bytes);
  if (state_ != State::handling || !exchange_->request.body_complete()) return;
  if (!error) {
    start_watch();
  } else if (interruption_ == Interruption::none) {  // a timed-out write reports itself
    abort();
  }
}

// Until the watch's read brings bytes or an error.
base::Task<error_code> ServerConnection::wait_for_watch() {
  const error_code error = co_await watch_->wait();
  if (!watch_->reading()) watch_.reset();  // a cancelled wait leaves its read under way
  co_return error;
}

base::Task<> ServerConnection::say_goodbye() {
  if (interruption_ != Interruption::none) co_return;
  expires_ = core_->after(kGoodbye);
  if (transport_.is_tls()) {
    if (!watch_ || !watch_->reading()) co_await transport_.shutdown_tls();
    co_return;
  }
  if (!lingering_ || watch_) co_return;
  // Closing with unread bytes would reset the connection, and the peer might lose the answer (RFC 9112 §9.6).
  error_code error;
  transport_.socket().shutdown(tcp::socket::shutdown_send, error);
  buffer_.clear();
  release_idle_memory();
  account_memory();
  for (std::size_t discarded = 0; !error && discarded < kMaxDiscardedBytes;) {
    buffer_.clear();
    const IoResult result = co_await transport_.read_some(buffer_.prepare(kReadBytes));
    discarded += result.bytes;
    error = result.error;
  }
}

}  // namespace podid::net
