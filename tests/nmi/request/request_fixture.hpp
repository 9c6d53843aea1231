// SPDX-License-Identifier: Apache-2.0
// The request path behind a real socket, on one thread and a clock that the test moves; the snapshot is fed directly.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <source_location>
#include <string>

#include "net/http_client.hpp"
#include "nmi/fake_token_source.hpp"
#include "nmi/pods/snapshot_builder.hpp"
#include "nmi/request/request_handler.hpp"
#include "support/fake_clock.hpp"
#include "support/raw_client.hpp"
#include "support/run_task.hpp"
#include "support/seeded_random.hpp"

namespace podid::test {

// An answer in its parts.
struct Got {
  int status = 0;
  std::string head;
  std::string body;
  bool has_header(const std::string& line) const { return head.contains("\r\n" + line + "\r\n"); }
};

inline Got parse_answer(const std::string& text) {
  Got got;
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || text.size() < 12) return got;
  got.status = std::stoi(text.substr(9, 3));
  got.head = text.substr(0, end + 2);
  got.body = text.substr(end + 4);
  return got;
}

// A real endpoint that says what it was asked.
class FakeImds final : public net::HttpHandler {
 public:
  base::Task<> handle(net::ServerRequest& request, net::ServerResponse& response) override {
    std::string seen = std::string(request.method()) + " " + std::string(request.target()) + "\n";
    request.each_header([&seen](std::string_view name, std::string_view value) {
      seen.append(name).append(": ").append(value).append("\n");
    });
    if (request.has_body()) {
      const base::Result<std::string> body = co_await request.read_body(net::Deadline::never());
      seen += body.value_or("(no body)");
    }
    requests.push_back(seen);
    response.header("Server", "IMDS/1.2.3.4");
    if (reply) {
      const net::Response chosen = reply(std::string(request.target()));
      for (const net::Header& header : chosen.headers) response.header(header.name, header.value);
      response.send(chosen.status, "application/json", chosen.body);
      co_return;
    }
    if (reply_status == 302) response.header("Location", "/elsewhere");
    response.send(reply_status, "application/json", reply_body);
  }
  int reply_status = 200;
  std::string reply_body = "{}";
  std::function<net::Response(const std::string& target)> reply;  // instead of the two above
  std::vector<std::string> requests;
};

class RequestFixture : public ::testing::Test {
 protected:
  explicit RequestFixture(const nmi::TokenCacheOptions& cache_options = {}) {
    cache = std::make_unique<nmi::TokenCache>(io.get_executor(), cache_options, tokens, clock, random, metrics);
    broker = std::make_unique<nmi::TokenBroker>(io.get_executor(), *cache);
    imds_server = std::make_unique<net::HttpServer>(io.get_executor(), clock, imds, net::ServerLimits{});
    const auto imds_at = imds_server->listen({});
    client = net::HttpClient::create(io.get_executor(), clock, {}).value();
    proxy_options.endpoint.host = "127.0.0.1";
    proxy_options.endpoint.port = imds_at->port();
    options.authorizer.node_name = "node-a";
    source.heard(clock.steady_now());
    start();
  }
  ~RequestFixture() override {
    tokens.open();
    run_task(io, server->stop(net::Deadline::passed()));
    run_task(io, imds_server->stop(net::Deadline::passed()));
    run_task(io, cache->stop());
  }

  // Anew, with the options as they are now.
  void start() {
    if (server) run_task(io, server->stop(net::Deadline::passed()));
    server.reset();
    proxy = std::make_unique<nmi::Proxy>(proxy_options, *client, clock, metrics);
    const nmi::RequestHandlerContext context{.snapshots = source,
                                             .broker = *broker,
                                             .clock = clock,
                                             .metrics = metrics,
                                             .proof = &proof,
                                             .audit = &audit,
                                             .look = [this](const nmi::LookKey& key) {
                                               if (on_look) on_look(key);
                                             }};
    handler = std::make_unique<nmi::RequestHandler>(io.get_executor(), options, context, *proxy, [] {});
    server = std::make_unique<net::HttpServer>(io.get_executor(), clock, *handler, net::ServerLimits{});
    endpoint = *server->listen({});
  }

  void publish() {
    source.publish(builder.build());
    handler->snapshot_changed();
  }
  void put(core::Pod pod) { builder.put(std::make_shared<const core::Pod>(std::move(pod))); }
  // With the identity that it is about and the binding that it was made by.
  void put(core::AzureAssignedIdentity assigned) {
    builder.put(std::make_shared<const core::AzureIdentity>(assigned.identity));
    builder.put(std::make_shared<const core::AzureIdentityBinding>(assigned.binding));
    builder.put(std::make_shared<const core::AzureAssignedIdentity>(std::move(assigned)));
  }
  // Pod shop/web-0 at 127.0.0.5 with the Assigned identity shop/reader, everything known.
  void publish_usual() {
    put(usual_pod());
    put(assigned("reader"));
    builder.set_complete();
    publish();
  }
  // The same of a pod in its grace period.
  void publish_terminating(const std::string& until) {
    core::Pod pod = usual_pod();
    pod.deletion_timestamp = until;
    put(pod);
    put(assigned("reader"));
    builder.set_complete();
    publish();
  }
  static core::Pod usual_pod() {
    core::Pod pod = make_pod("shop", "web-0");
    pod.pod_ips = {"127.0.0.5"};
    return pod;
  }
  static core::AzureAssignedIdentity assigned(const std::string& identity, std::string_view status = core::kAssigned) {
    core::AzureIdentityBinding binding = make_binding("shop", identity + "-binding", identity);
    binding.meta.uid = "uid-binding";
    return make_assigned(usual_pod(), make_identity("shop", identity), binding, status);
  }

  RawClient connect_from(const std::string& address) {
    RawClient raw(io.get_executor());
    run_task(io, raw.connect_from(address, endpoint));
    return raw;
  }
  // One request on a connection of its own; the answer once it is complete.
  Got ask(const std::string& target, const std::string& headers = "Metadata: true\r\n",
          const std::string& from = "127.0.0.5", const std::string& method = "GET") {
    RawClient raw = connect_from(from);
    run_task(io, raw.write(method + " " + target + " HTTP/1.1\r\n" + host_line + "Connection: close\r\n" + headers +
                           "\r\n"));
    return parse_answer(run_task(io, raw.read_to_end()));
  }
  // One whose answer is a while in coming.
  struct Pending {
    std::shared_ptr<RawClient> client;
    std::shared_ptr<std::optional<std::string>> text = std::make_shared<std::optional<std::string>>();
    bool done() const { return text->has_value(); }
    Got got() const { return parse_answer(**text); }
  };
  Pending begin(const std::string& target, const std::string& from = "127.0.0.5",
                const std::string& headers = "Metadata: true\r\n") {
    Pending pending{std::make_shared<RawClient>(connect_from(from))};
    const std::size_t before = handler->waiting();
    run_task(io, pending.client->write("GET " + target + " HTTP/1.1\r\n" + host_line + "Connection: close\r\n" +
                                       headers + "\r\n"));
    base::asio::co_spawn(io, read_answer(pending.client, pending.text), base::asio::detached);
    run_until(io, [&] { return pending.done() || handler->waiting() > before; });
    return pending;
  }
  static base::Task<> read_answer(std::shared_ptr<RawClient> raw, std::shared_ptr<std::optional<std::string>> text) {
    std::string all = co_await raw->read_to_end();
    *text = std::move(all);
  }
  Got finish(const Pending& pending, const std::source_location& where = std::source_location::current()) {
    const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
    EXPECT_TRUE(run_until(io, [&] { return pending.done(); }));
    return pending.got();
  }
  void advance(base::Duration by) {
    io.restart();
    io.poll();  // whoever is about to wait does
    clock.advance(by);
    io.restart();
    io.poll();
  }

  base::asio::io_context io{1};
  FakeClock clock;
  base::MetricsRegistry metrics;
  SeededRandom random;
  FakeTokenSource tokens{io.get_executor(), clock};
  std::unique_ptr<nmi::TokenCache> cache;
  std::unique_ptr<nmi::TokenBroker> broker;
  nmi::SnapshotBuilder builder{{}};
  nmi::SnapshotSource source;
  nmi::RedirectProof proof{"podid-system", "key"};
  nmi::AuditRecorder audit{clock};  // records nothing until it is attached
  FakeImds imds;
  std::unique_ptr<net::HttpServer> imds_server;
  std::unique_ptr<net::HttpClient> client;
  std::string host_line = "Host: 169.254.169.254\r\n";  // of ask() and begin()
  std::function<void(const nmi::LookKey&)> on_look;
  nmi::ProxyOptions proxy_options;
  std::unique_ptr<nmi::Proxy> proxy;
  nmi::RequestHandlerOptions options;
  std::unique_ptr<nmi::RequestHandler> handler;
  std::unique_ptr<net::HttpServer> server;
  boost::asio::ip::tcp::endpoint endpoint;
};

inline const std::string kTokenPath =
    "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net";

}  // namespace podid::test
