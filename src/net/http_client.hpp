// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 client with keep-alive pools. Never uses a proxy, never follows a redirect, never decompresses.
#pragma once
#include <cstddef>
#include <memory>

#include "base/async.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "net/http_transport.hpp"

namespace podid::net {

// The transport over sockets. A stream closed early closes its connection; after its regular end the connection goes back
// to the pool. A request on a pooled connection that the peer had closed is sent once more on a new one if no byte of the
// answer had come and the method is idempotent; one with a BodySource gets a connection of its own and is never sent twice.
// Belongs to one executor, as its streams do.
class HttpClient final : public HttpTransport {
 public:
  // `clock` outlives the client and its streams.
  static base::Result<std::unique_ptr<HttpClient>> create(base::Executor executor, base::Clock& clock,
                                                          HttpClientOptions options);
  ~HttpClient() override;

  base::Task<base::Result<ResponseStream>> open(Url origin, Request request, Deadline deadline) override;
  base::Task<base::Result<ResponseStream>> open(Url origin, Request request, BodySource& body,
                                                Deadline deadline) override;
  std::size_t max_body_bytes() const override;
  // New TLS settings (a re-read client certificate or CA) for connections made from now on; idle ones are closed.
  base::Result<> replace_tls(const TlsClientOptions& tls);
  void close_idle();

 private:
  class Impl;
  class Body;
  explicit HttpClient(std::shared_ptr<Impl> impl);
  static ResponseStream stream(std::shared_ptr<Impl> impl, std::unique_ptr<class ClientConnection> answering);
  std::shared_ptr<Impl> impl_;  // shared with open streams, which may outlive a call but not the client
};

// Gives out HttpClients on `clock`, which outlives them.
HttpTransportFactory http_over_sockets(base::Clock& clock);

}  // namespace podid::net
