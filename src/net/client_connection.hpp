// SPDX-License-Identifier: Apache-2.0
// One connection of the client: connects, sends a request, reads the answer's head and body.
#pragma once
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/body_decoder.hpp"
#include "net/byte_buffer.hpp"
#include "net/deadline.hpp"
#include "net/http.hpp"
#include "net/http_transport.hpp"
#include "net/message_head.hpp"
#include "net/tls.hpp"
#include "net/transport.hpp"

namespace podid::net {

class Expiry;

struct ConnectOptions {
  TlsContext tls;  // used for https only
  std::string server_name;
  PeerCheck peer_check = PeerCheck::on;
  std::chrono::milliseconds connect_timeout{};
  KeepAlive keep_alive{};
};

// Not thread-safe. Errors name the origin ("imds.local:80: ...").
class ClientConnection {
 public:
  // Tries all addresses of the host.
  static base::Task<base::Result<std::unique_ptr<ClientConnection>>> connect(base::Executor executor,
                                                                             base::Clock& clock, Url origin,
                                                                             ConnectOptions options, Deadline deadline);
  ClientConnection(Socket socket, base::Clock& clock, Url origin, TlsContext tls);

  // Whether the peer has closed, or said something unasked, while nobody waited.
  bool is_stale();
  // Sends `bytes` whole. After a failure the answer may still come: the peer refused the rest.
  base::Task<base::Result<>> write(std::string_view bytes, Deadline deadline);
  // Reads to the end of a final (not 1xx) head. head() is valid until the next read_head().
  base::Task<base::Result<>> read_head(AnswerTo request, std::size_t max_bytes, Deadline deadline);
  const MessageHead& head() const { return head_; }
  // Whether any byte of the answer has come.
  bool got_some() const { return got_some_; }
  // The next bytes of the body; empty at its end.
  base::Task<base::Result<std::string>> read_body_some(Deadline deadline);
  bool body_complete() const { return body_.complete(); }
  // Whether another request can follow: the answer was read to its end and neither side wants to close.
  bool is_reusable() const;

  const Url& origin() const { return origin_; }
  const TlsContext& tls() const { return tls_; }
  base::SteadyTime idle_since{};  // of a pooled connection

 private:
  base::Task<base::Result<>> read_more(Deadline deadline, std::string_view during);
  base::Error broken(boost::system::error_code error, const Expiry& expiry, std::string_view during) const;

  std::unique_ptr<base::Timer> timer_;  // for the deadline of the current wait
  Transport transport_;
  Url origin_;
  TlsContext tls_;
  ByteBuffer buffer_;
  MessageHead head_;
  std::string head_bytes_;  // what head_'s views point into
  BodyDecoder body_;
  bool got_some_ = false;
  bool failed_ = false;
};

}  // namespace podid::net
