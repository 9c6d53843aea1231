// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.hpp"

#include <gtest/gtest.h>

#include "net/http_client.hpp"
#include "support/run_task.hpp"

namespace podid::net {
namespace {

class Hello final : public HttpHandler {
 public:
  bool try_handle(ServerRequest& request, ServerResponse& response) override {
    if (request.target() != "/fast") return false;
    response.send(200, "text/plain", "hello");
    return true;
  }
  base::Task<> handle(ServerRequest& request, ServerResponse& response) override {
    auto body = co_await request.read_body(deadline_in(std::chrono::seconds(10)));
    if (!body) {
      response.send(body.error().http_status, "text/plain", body.error().message);
      co_return;
    }
    response.send(200, "text/plain", *body);
  }
};

base::Task<base::Result<Response>> get(HttpClient& client, Url url, Request request) {
  auto response = co_await client.send(url, std::move(request), deadline_in(std::chrono::seconds(10)));
  co_return response;
}

TEST(HttpServer, answers) {
  boost::asio::io_context io;
  Hello handler;
  HttpServer server(io.get_executor(), handler, {});
  const auto endpoint = server.listen({});
  ASSERT_TRUE(endpoint);
  auto client = HttpClient::create(io.get_executor(), {});
  ASSERT_TRUE(client);
  Url url{.tls = false, .host = "127.0.0.1", .port = endpoint->port()};
  auto fast = test::run_task(io, get(**client, url, {.target = "/fast"}));
  ASSERT_TRUE(fast) << fast.error().message;
  EXPECT_EQ(fast->body, "hello");
  auto slow = test::run_task(io, get(**client, url, {.method = "POST", .target = "/slow", .body = "abc"}));
  ASSERT_TRUE(slow) << slow.error().message;
  EXPECT_EQ(slow->body, "abc");
  EXPECT_EQ(server.statistics().accepted, 1u);
  test::run_task(io, server.stop(deadline_in(std::chrono::seconds(1))));
}

}  // namespace
}  // namespace podid::net
