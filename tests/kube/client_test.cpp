// SPDX-License-Identifier: Apache-2.0
#include "kube/client.hpp"

#include "base/file.hpp"
#include "base/json.hpp"
#include "kube/kube_fixture.hpp"
#include "kube/status.hpp"
#include "kube/watch_decoder.hpp"
#include "support/memory_network.hpp"
#include "support/temporary_folder.hpp"

namespace podid::kube {
namespace {

using base::ErrorKind;
using test::soon;

net::Response refusal(int status, std::string_view reason, std::string_view retry_after = {}) {
  net::Response response;
  response.status = status;
  if (!retry_after.empty()) response.headers.set("Retry-After", retry_after);
  response.body =
      json::serialize(json::object{{"kind", "Status"}, {"code", status}, {"reason", reason}, {"message", "no"}});
  return response;
}

json::object pod(std::string_view name) { return {{"metadata", {{"name", name}, {"namespace", "a"}}}}; }

class ClientTest : public test::KubeFixture<test::FakeClock> {
 protected:
  // Awaits a task that sleeps on the fake clock, which is moved whenever somebody sleeps.
  template <class T>
  T await_sleeping(base::Task<T> task, std::vector<base::Duration>* slept = nullptr) {
    std::optional<T> result;
    base::asio::co_spawn(io.get_executor(), test::detail::store_result(std::move(task), result), base::asio::detached);
    until([&] {
      const auto before = clock.steady_now();
      while (!result && clock.sleepers() > 0) clock.advance(std::chrono::milliseconds(10));
      if (slept != nullptr && clock.steady_now() != before) slept->push_back(clock.steady_now() - before);
      return result.has_value();
    });
    return std::move(*result);
  }
  const net::Request& last_request() const { return server.requests.back(); }
};

TEST_F(ClientTest, CreatesGetsReplacesAndRemoves) {
  auto created = await(client->create(kPods, pod("x"), soon()));
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(base::text_at(*created, {"apiVersion"}), "v1");
  EXPECT_EQ(base::text_at(*created, {"kind"}), "Pod");
  EXPECT_EQ(last_request().target, "/api/v1/namespaces/a/pods");

  auto got = await(client->get(kPods, {"a", "x"}, soon()));
  ASSERT_TRUE(got);
  EXPECT_EQ(*got, *created);

  got->as_object()["spec"] = json::object{{"nodeName", "n"}};
  auto replaced = await(client->replace(kPods, *got, "", soon()));
  ASSERT_TRUE(replaced) << replaced.error().message;
  auto outdated = await(client->replace(kPods, *created, "", soon()));
  ASSERT_FALSE(outdated);
  EXPECT_EQ(outdated.error().kind, ErrorKind::conflict);

  auto again = await(client->create(kPods, pod("x"), soon()));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::already_exists);

  ASSERT_TRUE(await(client->remove(kPods, {"a", "x"}, {}, soon())));
  EXPECT_TRUE(last_request().body.empty());
  auto gone = await(client->get(kPods, {"a", "x"}, soon()));
  ASSERT_FALSE(gone);
  EXPECT_EQ(gone.error().kind, ErrorKind::not_found);
  EXPECT_EQ(gone.error().message, "pods \"x\" not found");
}

TEST_F(ClientTest, ObjectsWithoutNameOrNamespaceAreNotSent) {
  const auto nameless = await(client->create(kPods, json::object{}, soon()));
  ASSERT_FALSE(nameless);
  EXPECT_EQ(nameless.error().kind, ErrorKind::invalid);
  const auto homeless = await(client->create(kPods, json::object{{"metadata", {{"name", "x"}}}}, soon()));
  ASSERT_FALSE(homeless);
  EXPECT_EQ(homeless.error().message, "pods \"x\" has no metadata.namespace");
  EXPECT_TRUE(server.requests.empty());
}

TEST_F(ClientTest, ListsInPages) {
  for (const std::string name : {"p1", "p2", "p3"}) server.put("/api/v1/namespaces/a/pods/" + name, {});
  ListOptions options;
  options.limit = 2;
  options.label_selector = "a=b,c";
  options.field_selector = "spec.nodeName=n";
  auto page = await(client->list(kPods, options, soon()));
  ASSERT_TRUE(page);
  EXPECT_EQ(page->at("items").as_array().size(), 2u);
  EXPECT_EQ(last_request().target, "/api/v1/pods?labelSelector=a%3Db%2Cc&fieldSelector=spec.nodeName%3Dn&limit=2");
  options.continue_token = base::text_at(*page, {"metadata", "continue"});
  auto rest = await(client->list(kPods, options, soon()));
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->at("items").as_array().size(), 1u);
  auto expired = await(client->list(kPods, options, soon()));
  ASSERT_FALSE(expired);
  EXPECT_EQ(expired.error().kind, ErrorKind::gone);
}

TEST_F(ClientTest, PatchesSayWhatTheyAre) {
  server.put("/api/v1/namespaces/a/pods/x", {});
  Patch patch;
  patch.body = json::object{{"status", {{"phase", "Running"}}}};
  patch.subresource = "status";
  server.intercept = [](const net::Request&) {
    net::Response response;
    response.status = 200;
    response.body = "{}";
    return response;
  };
  const std::vector<std::pair<PatchType, std::string>> types = {
      {PatchType::json, "application/json-patch+json"},
      {PatchType::merge, "application/merge-patch+json"},
      {PatchType::strategic, "application/strategic-merge-patch+json"},
      {PatchType::apply, "application/apply-patch+yaml"}};
  for (const auto& [type, content_type] : types) {
    patch.type = type;
    ASSERT_TRUE(await(client->patch(kPods, {"a", "x"}, patch, soon())));
    EXPECT_EQ(last_request().headers.get_or_empty("Content-Type"), content_type);
    EXPECT_EQ(last_request().target, "/api/v1/namespaces/a/pods/x/status");
  }
  patch.field_manager = "mic";
  patch.force = true;
  ASSERT_TRUE(await(client->patch(kPods, {"a", "x"}, patch, soon())));
  EXPECT_EQ(last_request().target, "/api/v1/namespaces/a/pods/x/status?fieldManager=mic&force=true");
}

TEST_F(ClientTest, RemoveSendsItsConditions) {
  server.put("/api/v1/namespaces/a/pods/x", {});
  RemoveOptions options;
  options.uid = "u";
  options.resource_version = "5";
  options.propagation = "Background";
  options.grace_period_seconds = 0;
  ASSERT_TRUE(await(client->remove(kPods, {"a", "x"}, options, soon())));
  EXPECT_EQ(
      json::parse(last_request().body),
      json::parse(R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"u","resourceVersion":"5"},)"
                  R"("propagationPolicy":"Background","gracePeriodSeconds":0})"));
}

TEST_F(ClientTest, ThrottledRequestsAreRepeatedWhenTheServerSays) {
  int refusals = 2;
  server.intercept = [&](const net::Request&) -> std::optional<net::Response> {
    if (refusals-- > 0) return refusal(429, "TooManyRequests", "3");
    return std::nullopt;
  };
  std::vector<base::Duration> slept;
  const auto created = await_sleeping(client->create(kPods, pod("x"), soon()), &slept);
  ASSERT_TRUE(created) << created.error().message;
  EXPECT_EQ(server.requests.size(), 3u);
  ASSERT_EQ(slept.size(), 2u);
  for (const base::Duration delay : slept) {
    EXPECT_GE(delay, std::chrono::seconds(3));
    EXPECT_LE(delay, std::chrono::seconds(4));
  }
}

TEST_F(ClientTest, ServerErrorsAreRepeatedOnlyWhereThatIsSafe) {
  int refusals = 1;
  server.put("/api/v1/namespaces/a/pods/x", {});
  server.intercept = [&](const net::Request&) -> std::optional<net::Response> {
    if (refusals-- > 0) return refusal(503, "ServiceUnavailable", "1");
    return std::nullopt;
  };
  EXPECT_TRUE(await_sleeping(client->get(kPods, {"a", "x"}, soon())));
  EXPECT_EQ(server.requests.size(), 2u);
  refusals = 1;
  const auto created = await_sleeping(client->create(kPods, pod("y"), soon()));
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().kind, ErrorKind::unavailable);
  EXPECT_EQ(created.error().retry_after, std::chrono::seconds(1));
}

TEST_F(ClientTest, RepeatsNothingThatCannotEndBeforeTheDeadline) {
  server.intercept = [](const net::Request&) { return refusal(429, "TooManyRequests", "60"); };
  const auto refused = await(client->get(kPods, {"a", "x"}, net::Deadline::in(clock, std::chrono::seconds(20))));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::throttled);
  EXPECT_EQ(refused.error().retry_after, std::chrono::seconds(60));
  EXPECT_EQ(server.requests.size(), 1u);
}

TEST_F(ClientTest, RepeatsAreLimited) {
  server.intercept = [](const net::Request&) { return refusal(429, "TooManyRequests"); };
  const auto refused = await_sleeping(client->get(kPods, {"a", "x"}, net::Deadline::never()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(server.requests.size(), static_cast<std::size_t>(Client::kMaxRepeats) + 1);
}

TEST_F(ClientTest, RefusedTokenIsReadAgain) {
  const test::TemporaryFolder folder;
  ClusterConfig with_token = config();
  with_token.token_file = folder.file("token");
  ASSERT_TRUE(base::write_file(with_token.token_file, "old"));
  server.intercept = [](const net::Request& request) -> std::optional<net::Response> {
    if (request.headers.get_or_empty("Authorization") == "Bearer new") return std::nullopt;
    return refusal(401, "Unauthorized");
  };
  auto tokens = make_client(with_token);
  auto refused = await(tokens->get(kPods, {"a", "x"}, soon()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::unauthenticated);
  EXPECT_EQ(server.requests.size(), 1u);
  ASSERT_TRUE(base::write_file(with_token.token_file, "new"));
  auto found = await(tokens->get(kPods, {"a", "x"}, soon()));
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::not_found);
  auto watch = await(tokens->watch(kPods, {}, soon()));
  EXPECT_TRUE(watch.has_value());
}

TEST_F(ClientTest, SendsBasePathAndUserAgent) {
  ClusterConfig prefixed = config();
  prefixed.server.target = "/clusters/one";
  server.intercept = [](const net::Request&) { return refusal(404, "NotFound"); };
  auto other = make_client(prefixed, {.user_agent = "aad-pod-identity/MIC/1"});
  EXPECT_FALSE(await(other->get(kNodes, {"", "n"}, soon())));
  EXPECT_EQ(last_request().target, "/clusters/one/api/v1/nodes/n");
  EXPECT_EQ(last_request().headers.get_or_empty("User-Agent"), "aad-pod-identity/MIC/1");
}

TEST_F(ClientTest, AnswersThatAreNotJsonAreErrors) {
  server.intercept = [](const net::Request&) {
    net::Response response;
    response.status = 200;
    response.body = "<html>";
    return response;
  };
  const auto bad = await(client->get(kPods, {"a", "x"}, soon()));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().kind, ErrorKind::invalid);
  EXPECT_TRUE(bad.error().message.starts_with("the answer to GET /api/v1/namespaces/a/pods/x is not JSON"))
      << bad.error().message;
}

TEST_F(ClientTest, RefusedWatchIsItsStatus) {
  server.intercept = [](const net::Request&) { return refusal(410, "Expired"); };
  const auto watch = await(client->watch(kPods, {.resource_version = "5"}, soon()));
  ASSERT_FALSE(watch.has_value());
  EXPECT_EQ(watch.error().kind, ErrorKind::gone);
}

// The client over another transport than sockets, as in a simulated network.
class ClientWithoutSocketsTest : public ::testing::Test {
 protected:
  ClientWithoutSocketsTest() {
    network.attach("api.local:6443",
                   [this](const test::MemoryNetwork::Exchange& exchange) { asked.push_back(exchange); });
    ClusterConfig config;
    config.server = net::parse_url("http://api.local:6443").value();
    config.token = base::Secret("t");
    client = Client::make(io.get_executor(), network.transports(), config, {.user_agent = "podid-test"}, clock, random)
                 .value();
  }
  template <class T>
  void begin(base::Task<T> task, std::optional<T>& result) {
    base::asio::co_spawn(io, test::detail::store_result(std::move(task), result), base::asio::detached);
    run();
  }
  void run() {
    io.restart();
    io.poll();
  }
  void advance(base::Duration by) {
    clock.advance(by);
    run();
  }

  base::asio::io_context io{1};
  test::FakeClock clock;
  test::SeededRandom random;
  test::MemoryNetwork network{clock};
  std::vector<test::MemoryNetwork::Exchange> asked;
  std::unique_ptr<Client> client;
};

TEST_F(ClientWithoutSocketsTest, ListsAndWatches) {
  std::optional<base::Result<json::value>> list;
  begin(client->list(kPods, {.ns = "a"}, net::Deadline::in(clock, std::chrono::seconds(10))), list);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].request().target, "/api/v1/namespaces/a/pods");
  EXPECT_EQ(asked[0].request().headers.find("Authorization"), "Bearer t");
  asked[0].answer(200, R"({"metadata":{"resourceVersion":"7"},"items":[]})");
  run();
  ASSERT_TRUE(list && *list);
  EXPECT_EQ(base::text_at(**list, {"metadata", "resourceVersion"}), "7");

  std::optional<base::Result<net::ResponseStream>> stream;
  begin(client->watch(kPods, {.ns = "a", .resource_version = "7"}, net::Deadline::in(clock, std::chrono::seconds(10))),
        stream);
  ASSERT_EQ(asked.size(), 2u);
  asked[1].begin(200);
  run();
  ASSERT_TRUE(stream && *stream);
  std::optional<base::Result<std::string>> piece;
  begin((*stream)->read_some(net::Deadline::in(clock, std::chrono::minutes(5))), piece);
  advance(std::chrono::minutes(4));
  EXPECT_FALSE(piece) << "a watch may be silent";
  asked[1].write("{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"x\"}}}\n");
  run();
  ASSERT_TRUE(piece && *piece);
  std::vector<WatchEvent> events;
  ASSERT_TRUE(WatchDecoder().feed(**piece, events));
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(base::text_at(events[0].object, {"metadata", "name"}), "x");

  std::optional<base::Result<std::string>> silence;
  begin((*stream)->read_some(net::Deadline::in(clock, std::chrono::minutes(5))), silence);
  advance(std::chrono::minutes(5));
  ASSERT_TRUE(silence);
  EXPECT_EQ(silence->error().kind, ErrorKind::timeout);
  EXPECT_FALSE(asked[1].abandoned());
  stream.reset();
  EXPECT_TRUE(asked[1].abandoned());
}

TEST_F(ClientWithoutSocketsTest, ThrottlingADeadlineAndAServerThatIsAway) {
  std::optional<base::Result<json::value>> found;
  begin(client->get(kPods, {"a", "x"}, net::Deadline::in(clock, std::chrono::seconds(30))), found);
  asked[0].answer(429, "{}", {{"Retry-After", "3"}});
  run();
  EXPECT_EQ(asked.size(), 1u);
  advance(std::chrono::seconds(4));
  ASSERT_EQ(asked.size(), 2u) << "asked again when the server said";
  advance(std::chrono::seconds(26));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().kind, ErrorKind::timeout);
  EXPECT_TRUE(asked[1].abandoned());

  network.detach("api.local:6443");
  found.reset();
  begin(client->get(kPods, {"a", "x"}, net::Deadline::in(clock, std::chrono::seconds(30))), found);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->error().kind, ErrorKind::unavailable);
}

TEST_F(ClientTest, APageWhoseObjectsAreTooLargeForOneAnswerIsTakenInSmallerOnes) {
  const std::string padding(std::size_t{1400} << 10, 'x');
  for (int i = 0; i < 26; ++i) {
    server.put(fmt::format("/api/v1/namespaces/a/pods/p{}", i), {{"spec", {{"padding", padding}}}});
  }
  const net::Deadline deadline = net::Deadline::in(clock, std::chrono::seconds(30));
  for (const std::uint32_t asked : {0u, 500u}) {
    std::size_t found = 0;
    ListOptions page{.limit = asked};
    do {
      const auto answer = await(list_page(*client, kPods, page, deadline));
      ASSERT_TRUE(answer) << answer.error().message;
      found += answer->at("items").as_array().size();
      page.continue_token = base::text_at(*answer, {"metadata", "continue"});
    } while (!page.continue_token.empty());
    EXPECT_EQ(found, 26u);
    EXPECT_LT(page.limit, 26u);
    EXPECT_GT(page.limit, 0u);
  }
}

}  // namespace
}  // namespace podid::kube
