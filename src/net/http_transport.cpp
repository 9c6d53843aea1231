// SPDX-License-Identifier: Apache-2.0
#include "net/http_transport.hpp"

#include <fmt/format.h>

#include <utility>

namespace podid::net {

base::Task<base::Result<std::string>> ResponseStream::read_all(std::size_t max_bytes, Deadline deadline) {
  std::string body;
  while (true) {
    auto piece = co_await read_some(deadline);
    if (!piece) co_return std::unexpected(std::move(piece.error()));
    if (piece->empty()) co_return body;
    if (body.size() + piece->size() > max_bytes) {
      co_return base::fail(base::ErrorKind::invalid,
                           fmt::format("the answer's body is larger than {} bytes", max_bytes));
    }
    if (body.empty()) {
      body = std::move(*piece);
    } else {
      body += *piece;
    }
  }
}

base::Task<base::Result<Response>> HttpTransport::send(Url origin, Request request, Deadline deadline) {
  const std::size_t max_bytes = max_body_bytes();
  auto stream = co_await open(std::move(origin), std::move(request), deadline);
  if (!stream) co_return std::unexpected(std::move(stream.error()));
  auto body = co_await stream->read_all(max_bytes, deadline);
  if (!body) co_return std::unexpected(std::move(body.error()));
  co_return Response{.status = stream->status(), .headers = stream->headers(), .body = std::move(*body)};
}

}  // namespace podid::net
