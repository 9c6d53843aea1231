// SPDX-License-Identifier: Apache-2.0
#include "azure/imds_client.hpp"

#include <gmock/gmock.h>

#include "azure/azure_fixture.hpp"
#include "support/memory_network.hpp"

namespace podid::azure {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::string_view kNotFound = R"({"error":"invalid_request","error_description":"Identity not found"})";

class ImdsClientTest : public test::AzureTest {
 protected:
  base::Result<AccessToken> ask(const std::string& endpoint, base::Duration time_limit) {
    auto client = ImdsClient::create({.endpoint = endpoint}, *http_, clock_, random_);
    EXPECT_TRUE(client.has_value());
    ImdsTokenRequest request;
    request.resource = "https://vault.azure.net";
    request.client_id = "c1";
    return test::run_task(io_, client->token(std::move(request), clock_.in(time_limit)));
  }
};

TEST_F(ImdsClientTest, AsksAndReads) {
  test::ScriptedEndpoint imds(io_);
  imds.answer(200, std::string(test::kImdsToken));
  const auto token = ask(imds.url(), 20s);
  ASSERT_TRUE(token.has_value()) << token.error().message;
  EXPECT_EQ(token->received_at, clock_.wall_now());
  ASSERT_THAT(imds.requests, SizeIs(1));
  EXPECT_EQ(imds.requests[0].method, "GET");
  EXPECT_EQ(
      imds.requests[0].target,
      "/metadata/identity/oauth2/token?api-version=2018-02-01&client_id=c1&resource=https%3A%2F%2Fvault.azure.net");
  EXPECT_EQ(imds.requests[0].headers.get_or_empty("metadata"), "true");
  EXPECT_EQ(imds.requests[0].headers.get_or_empty("user-agent"), "podid-test");
}

TEST_F(ImdsClientTest, ARefusalIsNotRepeated) {
  test::ScriptedEndpoint imds(io_);
  imds.answer(400, std::string(kNotFound));
  const auto token = ask(imds.url(), 20s);
  ASSERT_FALSE(token.has_value());
  EXPECT_THAT(imds.requests, SizeIs(1));
  EXPECT_TRUE(token_endpoint_answered(token.error()));
  EXPECT_EQ(token.error().message, "adal: Refresh request failed. Status Code = '400'. Response body: " +
                                       std::string(kNotFound) + " Endpoint " + imds.url(imds.requests[0].target));
}

TEST_F(ImdsClientTest, WaitsBetweenAttemptsAndNotAfterTheLast) {
  test::ScriptedEndpoint imds(io_);
  for (const int status : {404, 410, 429, 500, 503}) imds.answer(status, "busy");
  const auto token = ask(imds.url(), 300s);
  ASSERT_FALSE(token.has_value());
  EXPECT_THAT(clock_.waits, ElementsAre(2s, 6s, 14s, 30s));
  EXPECT_EQ(token.error().http_status, 503);
  EXPECT_TRUE(token_endpoint_answered(token.error()));
}

TEST_F(ImdsClientTest, RecoversAfterAnUpdateOfTheService) {
  test::ScriptedEndpoint imds(io_);
  imds.answer(410, "");
  imds.answer(200, std::string(test::kImdsToken));
  EXPECT_TRUE(ask(imds.url(), 20s).has_value());
  EXPECT_THAT(clock_.waits, ElementsAre(2s));
}

TEST_F(ImdsClientTest, HonoursRetryAfter) {
  test::ScriptedEndpoint imds(io_);
  imds.answer(429, "", {{"Retry-After", "5"}});
  imds.answer(200, std::string(test::kImdsToken));
  EXPECT_TRUE(ask(imds.url(), 20s).has_value());
  EXPECT_THAT(clock_.waits, ElementsAre(5s));
}

TEST_F(ImdsClientTest, TheDeadlineEndsTheWaiting) {
  test::ScriptedEndpoint imds(io_);
  for (int i = 0; i < 5; ++i) imds.answer(500, "broken");
  const auto token = ask(imds.url(), 20s);  // attempts at 0, 2 and 8 s; the next would be at 22 s
  ASSERT_FALSE(token.has_value());
  EXPECT_THAT(clock_.waits, ElementsAre(2s, 6s));
  EXPECT_EQ(token.error().kind, base::ErrorKind::timeout);
  EXPECT_FALSE(token_endpoint_answered(token.error()));
  EXPECT_THAT(token.error().message, StartsWith("no token before the deadline, 3 attempts made, the last one failed: "
                                                "adal: Refresh request failed. Status Code = '500'."));
}

TEST_F(ImdsClientTest, ARetryAfterBeyondTheDeadlineIsPassedOn) {
  test::ScriptedEndpoint imds(io_);
  imds.answer(429, "", {{"Retry-After", "600"}});
  const auto token = ask(imds.url(), 20s);
  ASSERT_FALSE(token.has_value());
  EXPECT_THAT(clock_.waits, IsEmpty());
  EXPECT_EQ(token.error().retry_after, 600s);
  EXPECT_FALSE(token_endpoint_answered(token.error()));
}

TEST_F(ImdsClientTest, TransportFailuresAreRepeated) {
  const auto token = ask(test::refused_url(), 300s);
  ASSERT_FALSE(token.has_value());
  EXPECT_THAT(clock_.waits, SizeIs(4));
  EXPECT_FALSE(token_endpoint_answered(token.error()));
  EXPECT_EQ(token.error().kind, base::ErrorKind::unavailable);
  EXPECT_THAT(token.error().message, StartsWith("adal: Failed to execute the refresh request. Error = '"));
}

TEST_F(ImdsClientTest, AnUnreadableAnswerIsTheEndpointsOwn) {
  test::ScriptedEndpoint imds(io_);
  imds.answer(200, "<html>");
  const auto token = ask(imds.url(), 20s);
  ASSERT_FALSE(token.has_value());
  EXPECT_TRUE(token_endpoint_answered(token.error()));
  EXPECT_THAT(imds.requests, SizeIs(1));
}

TEST_F(ImdsClientTest, ABadEndpointIsRefusedAtOnce) {
  const auto client = ImdsClient::create({.endpoint = "169.254.169.254"}, *http_, clock_, random_);
  ASSERT_FALSE(client.has_value());
  EXPECT_THAT(client.error().message, HasSubstr("metadata endpoint 169.254.169.254"));
}

TEST(ImdsClientWithoutSockets, AsksUntilTheEndpointAnswers) {
  base::asio::io_context io{1};
  test::FakeClock clock;
  test::PlainRandom random;
  test::MemoryNetwork network(clock);
  std::vector<test::MemoryNetwork::Exchange> asked;
  network.attach("169.254.169.254:80",
                 [&asked](const test::MemoryNetwork::Exchange& exchange) { asked.push_back(exchange); });
  const auto http = network.connect(io.get_executor(), http_client_options("podid-test"));
  auto client = ImdsClient::create({}, *http, clock, random).value();
  ImdsTokenRequest wanted;
  wanted.resource = "https://vault.azure.net";
  std::optional<base::Result<AccessToken>> token;
  base::asio::co_spawn(io, test::detail::store_result(client.token(wanted, clock.steady_now() + 60s), token),
                       base::asio::detached);
  const auto run = [&io] {
    io.restart();
    io.poll();
  };
  run();
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].request().headers.find("Metadata"), "true");
  EXPECT_EQ(asked[0].request().headers.find("User-Agent"), "podid-test");
  asked[0].break_off();
  run();
  ASSERT_THAT(asked, SizeIs(1)) << "waits before it asks again";
  clock.advance(2s);
  run();
  ASSERT_THAT(asked, SizeIs(2));
  asked[1].answer(200, std::string(test::kImdsToken));
  run();
  ASSERT_TRUE(token && *token) << (token ? token->error().message : "no answer");
  EXPECT_EQ((*token)->received_at, clock.wall_now());
}

// One client on a network without sockets.
class ImdsOnMemoryTest : public ::testing::Test {
 protected:
  ImdsOnMemoryTest() {
    network.attach("169.254.169.254:80",
                   [this](const test::MemoryNetwork::Exchange& exchange) { asked.push_back(exchange); });
    http = network.connect(io.get_executor(), http_client_options("podid-test"));
  }
  void ask(ImdsOptions options, base::Duration time_limit) {
    client.emplace(ImdsClient::create(std::move(options), *http, clock, random).value());
    ImdsTokenRequest wanted;
    wanted.resource = "https://vault.azure.net";
    wanted.asker = "pod-1";
    base::asio::co_spawn(
        io, test::detail::store_result(client->token(std::move(wanted), clock.steady_now() + time_limit), token),
        base::asio::detached);
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
  test::PlainRandom random;
  test::MemoryNetwork network{clock};
  std::vector<test::MemoryNetwork::Exchange> asked;
  std::unique_ptr<net::HttpTransport> http;
  std::optional<ImdsClient> client;
  std::optional<base::Result<AccessToken>> token;
};

// A request that hangs shall not use up the time for the one that would be answered.
TEST_F(ImdsOnMemoryTest, ARequestThatHangsLeavesTimeForAnother) {
  ask({}, 20s);
  ASSERT_THAT(asked, SizeIs(1));
  advance(9s);
  EXPECT_THAT(asked, SizeIs(1));
  advance(2s);
  ASSERT_THAT(asked, SizeIs(2));
  EXPECT_FALSE(token);
  asked[1].answer(200, std::string(test::kImdsToken));
  run();
  ASSERT_TRUE(token);
  EXPECT_TRUE(*token) << token->error().message;
}

TEST_F(ImdsOnMemoryTest, WhereThereIsNoTimeForTwoOneHasItAll) {
  ask({}, 5s);
  advance(4900ms);
  EXPECT_FALSE(token) << "still waits for the answer";
  asked[0].answer(200, std::string(test::kImdsToken));
  run();
  ASSERT_TRUE(token);
  EXPECT_TRUE(*token) << token->error().message;
}

struct FakeGate final : ImdsGate {
  base::Task<bool> enter(std::string asker, base::SteadyTime) override {
    entered.push_back(std::move(asker));
    co_return entered.size() <= lets_in;
  }
  std::vector<std::string> entered;
  std::size_t lets_in = 0;
};

TEST_F(ImdsOnMemoryTest, EachAttemptPassesTheGate) {
  FakeGate gate;
  gate.lets_in = 1;
  ask({.gate = &gate}, 60s);
  ASSERT_THAT(asked, SizeIs(1));
  asked[0].answer(500, "");
  run();
  advance(2s);
  EXPECT_THAT(gate.entered, ElementsAre("pod-1", "pod-1"));
  EXPECT_THAT(asked, SizeIs(1));
  ASSERT_TRUE(token);
  ASSERT_FALSE(*token);
  EXPECT_THAT(token->error().message, StartsWith("no token before the deadline, 1 attempt made"));
}

TEST_F(ImdsOnMemoryTest, WhomTheGateLetsNotThroughIsToldToComeAgain) {
  FakeGate gate;
  ask({.gate = &gate}, 60s);
  EXPECT_THAT(asked, IsEmpty());
  ASSERT_TRUE(token);
  ASSERT_FALSE(*token);
  EXPECT_EQ(token->error().kind, base::ErrorKind::throttled);
  EXPECT_EQ(token->error().retry_after, 1s);
  EXPECT_FALSE(token_endpoint_answered(token->error()));
}

}  // namespace
}  // namespace podid::azure
