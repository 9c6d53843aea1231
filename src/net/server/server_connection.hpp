// SPDX-License-Identifier: Apache-2.0
// One connection of the server: reads requests, has them answered, writes the answers.
#pragma once
#include <boost/asio/cancellation_signal.hpp>
#include <list>
#include <memory>
#include <optional>
#include <string>

#include "base/async.hpp"
#include "base/event.hpp"
#include "net/byte_buffer.hpp"
#include "net/server/peer_watch.hpp"
#include "net/server/server_core.hpp"
#include "net/server/server_messages.hpp"
#include "net/transport.hpp"

namespace podid::net {

// Lives as long as its coroutine. A request that try_handle() answers costs no coroutine and no allocation: all such
// requests that have arrived are answered into the server's shared buffer and written at once. Otherwise handle() runs
// inside the connection's coroutine; the head's bytes stay in `buffer_` untouched, and what came after them or arrives
// meanwhile is collected in IncomingRequest::received() until the request is done with.
class ServerConnection final : public ServerConnectionIo,
                               public PeerWatch::Listener,
                               public std::enable_shared_from_this<ServerConnection> {
 public:
  struct Peer {
    boost::asio::ip::tcp::endpoint endpoint;
    std::optional<std::uint32_t> uid{};  // of a Unix socket: `endpoint` is then the loopback's
  };
  static void start(std::shared_ptr<ServerCore> core, Socket socket, const Peer& peer, TlsContext tls);
  ServerConnection(std::shared_ptr<ServerCore> core, Socket socket, const Peer& peer, TlsContext tls);
  ~ServerConnection() override;

  // Called by the tick.
  void check_deadline(Deadline now);
  void close_if_idle();
  // Cancels the handler and ends the connection.
  void abort();

  // Of the core.
  std::list<ServerConnection*>::iterator position;  // in its list
  PeerTable::Seat seat;

  const boost::asio::ip::tcp::endpoint& peer() const override { return peer_.endpoint; }
  const boost::asio::ip::tcp::endpoint& local() const override;
  std::optional<std::uint32_t> peer_uid() const override { return peer_.uid; }
  base::Task<base::Result<>> receive(Deadline deadline) override;
  base::Task<base::Result<>> flush() override;
  base::Task<base::Result<>> send_continue() override;
  void body_complete() override;
  std::string_view date() override { return core_->date(); }

 private:
  enum class Next { read, write, handle, discard_body, pause, close };
  enum class State {
    arrived,    // no request was looked for yet
    idle,       // waits for the first byte of a request; may be closed at any time
    head,       // waits for the rest of a head
    answering,  // what has arrived
    handling,   // handle() works on the request
    finishing,  // before and after that: sends the answer, drops the rest of the request's body
    paused,     // reads nothing for a while; may be closed at any time
  };
  enum class Interruption {
    none,
    expired,  // the tick, or close_if_idle(), ended the current wait
    aborted,  // for good
  };

  base::Task<> run();
  base::Task<> serve();
  base::Task<> say_goodbye();
  Next answer_buffered();
  bool answer_one();
  OutgoingResponse& begin_refusal();
  void refuse(const HeadError& error);
  base::Task<bool> handle();
  base::Task<bool> discard_body();
  void expire();
  void begin_pause();
  base::Task<bool> wait_out(std::chrono::milliseconds pause);
  // What arrives goes to IncomingRequest::received(), else to buffer_.
  bool is_collecting() const { return state_ == State::handling || state_ == State::finishing; }
  void begin_collecting();
  void end_collecting();
  base::Task<bool> write_output();
  base::Task<boost::system::error_code> wait_for_watch();
  base::Task<boost::system::error_code> read_into(ByteBuffer& buffer);
  void start_watch();
  void peer_heard(std::string_view bytes, boost::system::error_code error) override;
  void prepare_to_read();
  void release_idle_memory();
  bool account_memory();

  std::shared_ptr<ServerCore> core_;
  Transport transport_;
  const Peer peer_;
  mutable std::optional<boost::asio::ip::tcp::endpoint> local_;
  TlsContext tls_;
  base::asio::cancellation_signal cancel_;

  ByteBuffer buffer_;
  std::size_t scanned_ = 0;    // of buffer_, for find_head_end
  std::size_t head_size_ = 0;  // of the request in work, at the start of buffer_
  std::unique_ptr<Exchange> exchange_;
  std::unique_ptr<PeerWatch> watch_;
  std::string output_;  // of handle(), and what the kernel did not take at once
  std::size_t written_ = 0;

  std::chrono::milliseconds pause_{0};  // after the last answer
  base::Event* pausing_ = nullptr;      // while wait_out() waits for it
  Deadline expires_ = Deadline::never();
  State state_ = State::arrived;
  Interruption interruption_ = Interruption::none;
  bool lingering_ = false;  // the peer may still be sending what we will not read
};

}  // namespace podid::net
