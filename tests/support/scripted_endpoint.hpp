// SPDX-License-Identifier: Apache-2.0
// An HTTP endpoint that answers from a list (the faults of a TCP peer: scripted_peer.hpp).
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "net/http.hpp"
#include "net/server/http_server.hpp"
#include "support/run_task.hpp"

namespace podid::test {

struct RecordedRequest {
  std::string method;
  std::string target;
  net::Headers headers;
  std::string body;
};

// A server on a port of its own that gives prepared answers in order, and 599 when none is left.
class ScriptedEndpoint final : public net::HttpHandler {
 public:
  explicit ScriptedEndpoint(base::asio::io_context& io, net::TlsContext tls = {})
      : io_(io), server_(io.get_executor(), clock_, *this, net::ServerLimits{}), scheme_(tls ? "https" : "http") {
    port_ = server_.listen(net::ListenOptions{.tls = std::move(tls)}).value().port();
  }
  ~ScriptedEndpoint() override { run_task(io_, server_.stop(net::Deadline::passed())); }

  void answer(int status, std::string body, net::Headers headers = {}) {
    answers_.push_back({.status = status, .headers = std::move(headers), .body = std::move(body)});
  }
  std::string url(std::string_view path = "") const {
    return scheme_ + "://127.0.0.1:" + std::to_string(port_) + std::string(path);
  }
  std::size_t left() const { return answers_.size(); }

  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override {
    RecordedRequest& record = requests.emplace_back();
    record.method = request.method();
    record.target = request.target();
    request.each_header([&record](std::string_view name, std::string_view value) { record.headers.add(name, value); });
    const auto body = co_await request.read_body(net::Deadline::never());
    if (body) record.body = *body;
    if (answers_.empty()) {
      response.send(599, "text/plain", "not in the script");
      co_return;
    }
    const net::Response next = std::move(answers_.front());
    answers_.pop_front();
    for (const net::Header& header : next.headers) response.header(header.name, header.value);
    response.send(next.status, "application/json", next.body);
  }

  std::vector<RecordedRequest> requests;

 private:
  base::asio::io_context& io_;
  base::RealClock clock_;
  net::HttpServer server_;
  std::string scheme_;
  std::uint16_t port_ = 0;
  std::deque<net::Response> answers_;
};

}  // namespace podid::test
