// SPDX-License-Identifier: Apache-2.0
#include "net/transport.hpp"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cerrno>
#include <utility>

namespace podid::net {

namespace asio = base::asio;
using base::ErrorKind;
using boost::system::error_code;

class Transport::Tls {
 public:
  Tls(Socket& socket, asio::ssl::context& context) : stream(socket, context) {}
  asio::ssl::stream<Socket&> stream;
};

namespace {

// A peer that ends the connection without TLS's own goodbye is common; whether a message was cut off shows in its framing.
IoResult read_outcome(error_code error, std::size_t bytes) {
  if (error == asio::ssl::error::stream_truncated) error = asio::error::eof;
  return {error, bytes};
}

bool is_ip_literal(const std::string& host) {
  error_code error;
  asio::ip::make_address(host, error);
  return !error;
}

base::Result<> expect_peer(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* parameters = SSL_get0_param(ssl);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool set = is_ip_literal(host) ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str()) == 1
                                       : X509_VERIFY_PARAM_set1_host(parameters, host.data(), host.size()) == 1;
  if (!set) return base::fail(ErrorKind::invalid, fmt::format("{} is no name that a certificate can be for", host));
  return {};
}

base::Result<> handshake_failure(SSL* ssl, const std::string& host, const std::string& authority, error_code error) {
  if (error == asio::error::operation_aborted) return base::fail(ErrorKind::cancelled, "cancelled");
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict == X509_V_ERR_HOSTNAME_MISMATCH || verdict == X509_V_ERR_IP_ADDRESS_MISMATCH) {
    return base::fail(ErrorKind::invalid, fmt::format("certificate of {} is not for {}: {}", authority, host,
                                                      X509_verify_cert_error_string(verdict)));
  }
  if (verdict != X509_V_OK) {
    return base::fail(ErrorKind::invalid, fmt::format("certificate of {} is not trusted: {}", authority,
                                                      X509_verify_cert_error_string(verdict)));
  }
  const bool broke_off = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
  return base::fail(ErrorKind::unavailable,
                    fmt::format("TLS handshake with {} failed: {}", authority,
                                broke_off ? "the peer closed the connection" : error.message()));
}

}  // namespace

Transport::Transport(Socket socket) : socket_(std::move(socket)) {}
Transport::~Transport() = default;

base::Task<error_code> Transport::accept_tls(TlsContext context) {
  context_ = std::move(context);
  tls_ = std::make_unique<Tls>(socket_, *context_);
  const auto [error] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::server, base::as_result);
  co_return error;
}

base::Task<base::Result<>> Transport::connect_tls(TlsContext context, std::string host, std::string authority,
                                                  PeerCheck check) {
  context_ = std::move(context);
  tls_ = std::make_unique<Tls>(socket_, *context_);
  SSL* const ssl = tls_->stream.native_handle();
  if (!is_ip_literal(host)) SSL_set_tlsext_host_name(ssl, host.c_str());  // RFC 6066 §3: names only
  if (check == PeerCheck::on) {
    auto expected = expect_peer(ssl, host);
    if (!expected) co_return expected;
  }
  const auto [error] = co_await tls_->stream.async_handshake(asio::ssl::stream_base::client, base::as_result);
  if (error) co_return handshake_failure(ssl, host, authority, error);
  co_return base::Result<>{};
}

base::Task<IoResult> Transport::read_some(asio::mutable_buffer buffer) {
  if (tls_) {
    const auto [error, bytes] = co_await tls_->stream.async_read_some(buffer, base::as_result);
    co_return read_outcome(error, bytes);
  }
  const auto [error, bytes] = co_await socket_.async_read_some(buffer, base::as_result);
  co_return read_outcome(error, bytes);
}

base::Task<IoResult> Transport::write_some(asio::const_buffer buffer) {
  if (tls_) {
    const auto [error, bytes] = co_await tls_->stream.async_write_some(buffer, base::as_result);
    co_return IoResult{error, bytes};
  }
  const auto [error, bytes] = co_await socket_.async_write_some(buffer, base::as_result);
  co_return IoResult{error, bytes};
}

void Transport::start_read(asio::mutable_buffer buffer, std::function<void(IoResult)> done) {
  auto handler = [done = std::move(done)](error_code error, std::size_t bytes) { done(read_outcome(error, bytes)); };
  if (tls_) {
    tls_->stream.async_read_some(buffer, std::move(handler));
  } else {
    socket_.async_read_some(buffer, std::move(handler));
  }
}

IoResult Transport::write_now(std::string_view bytes) {
  const ssize_t n = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n >= 0) return {error_code{}, static_cast<std::size_t>(n)};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {asio::error::would_block, 0};
  return {error_code(errno, boost::system::system_category()), 0};
}

base::Task<> Transport::shutdown_tls() {
  if (!tls_) co_return;
  const auto [error] = co_await tls_->stream.async_shutdown(base::as_result);
  static_cast<void>(error);  // there is nothing left to do about it
}

void Transport::cancel() {
  error_code ignored;
  socket_.cancel(ignored);
}

void Transport::close() {
  error_code ignored;
  socket_.close(ignored);
}

}  // namespace podid::net
