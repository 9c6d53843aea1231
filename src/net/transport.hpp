// SPDX-License-Identifier: Apache-2.0
// One connection's bytes, plain or through TLS.
#pragma once
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/async.hpp"
#include "base/error.hpp"
#include "net/tls.hpp"

namespace podid::net {

using Socket = base::asio::basic_stream_socket<base::asio::ip::tcp, base::Executor>;

// Whether a server must show a certificate that is trusted and its own.
enum class PeerCheck { on, off };

struct IoResult {
  boost::system::error_code error;
  std::size_t bytes = 0;
};

// Owns the socket. At most one read and one write at a time, which may overlap. Belongs to the socket's executor.
class Transport {
 public:
  explicit Transport(Socket socket);
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  ~Transport();

  Socket& socket() { return socket_; }
  bool is_tls() const { return tls_ != nullptr; }

  // Turn the connection into a TLS one; nothing was read or written before.
  base::Task<boost::system::error_code> accept_tls(TlsContext context);
  // `host` is what the certificate must be for (a name or an IP literal), which `check` can leave out. Errors are in
  // words: whose certificate is not trusted and why.
  base::Task<base::Result<>> connect_tls(TlsContext context, std::string host, std::string authority, PeerCheck check);

  // Errors are values; the end of the stream is asio::error::eof, also where the peer ended TLS without saying so.
  base::Task<IoResult> read_some(base::asio::mutable_buffer buffer);
  base::Task<IoResult> write_some(base::asio::const_buffer buffer);
  // Without a coroutine: `done` is called later on the executor, also after cancel() and close().
  void start_read(base::asio::mutable_buffer buffer, std::function<void(IoResult)> done);
  // Plain only, and only what the kernel takes at once: would_block when that is nothing.
  IoResult write_now(std::string_view bytes);
  // Says goodbye to a TLS peer and waits for its answer (cancel() ends that); nothing for a plain connection.
  base::Task<> shutdown_tls();

  // Ends the waiting operations with operation_aborted.
  void cancel();
  void close();

 private:
  class Tls;
  Socket socket_;
  TlsContext context_;  // outlives tls_
  std::unique_ptr<Tls> tls_;
};

}  // namespace podid::net
