// SPDX-License-Identifier: Apache-2.0
#include "azure/arm_token_provider.hpp"

#include <gmock/gmock.h>

#include <boost/asio/bind_cancellation_slot.hpp>

#include "azure/arm_fixture.hpp"

namespace podid::azure {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ArmTokenProviderTest : public test::ArmTest {
 protected:
  std::string ask() {
    const auto token = test::run_task(io_, tokens_->token(clock_.in(60s)));
    return token ? std::string(token->reveal()) : "error: " + token.error().message;
  }
};

TEST_F(ArmTokenProviderTest, RemembersUntilFiveMinutesAreLeft) {
  EXPECT_EQ(ask(), "token-1");
  EXPECT_THAT(imds_server_->requests.at(0).target, HasSubstr("resource=https%3A%2F%2Fmanagement.azure.com%2F"));
  EXPECT_EQ(ask(), "token-1");
  EXPECT_THAT(imds_server_->requests, SizeIs(1));
  clock_.advance(24h - 5min);
  EXPECT_EQ(ask(), "token-1");
  clock_.advance(1s);
  give_token("token-2");
  EXPECT_EQ(ask(), "token-2");
}

TEST_F(ArmTokenProviderTest, ARejectedTokenIsForgottenANewerOneStays) {
  EXPECT_EQ(ask(), "token-1");
  tokens_->reject(base::Secret("token-1"));
  give_token("token-2");
  EXPECT_EQ(ask(), "token-2");
  tokens_->reject(base::Secret("token-1"));
  EXPECT_EQ(ask(), "token-2");
  EXPECT_THAT(imds_server_->requests, SizeIs(2));
}

TEST_F(ArmTokenProviderTest, ConcurrentCallersShareOneRequest) {
  std::vector<std::string> received;
  const auto note = [&received](std::exception_ptr, base::Result<base::Secret> token) {
    received.emplace_back(token ? token->reveal() : token.error().message);
  };
  for (int i = 0; i < 5; ++i) base::asio::co_spawn(io_, tokens_->token(clock_.in(60s)), note);
  ASSERT_TRUE(test::run_until(io_, [&] { return received.size() == 5; }));
  EXPECT_THAT(received, ::testing::Each("token-1"));
  EXPECT_THAT(imds_server_->requests, SizeIs(1));
}

TEST_F(ArmTokenProviderTest, ConcurrentCallersShareAFailureTheNextOneTriesAgain) {
  EXPECT_EQ(ask(), "token-1");
  tokens_->reject(base::Secret("token-1"));
  imds_server_->answer(400, "{}");
  int failures = 0;
  const auto note = [&failures](std::exception_ptr, const base::Result<base::Secret>& token) {
    if (!token) ++failures;
  };
  for (int i = 0; i < 3; ++i) base::asio::co_spawn(io_, tokens_->token(clock_.in(60s)), note);
  ASSERT_TRUE(test::run_until(io_, [&] { return failures == 3; }));
  EXPECT_THAT(imds_server_->requests, SizeIs(2));
  give_token("token-2");
  EXPECT_EQ(ask(), "token-2");
}

TEST_F(ArmTokenProviderTest, ACancelledLeaderIsReplaced) {
  give_token("token-2");
  base::asio::cancellation_signal cancel;
  bool leader_ended = false;
  std::string received;
  base::asio::co_spawn(io_, tokens_->token(clock_.in(60s)),
                       base::asio::bind_cancellation_slot(
                           cancel.slot(), [&](std::exception_ptr error, const base::Result<base::Secret>& token) {
                             EXPECT_TRUE(error != nullptr || !token.has_value());
                             leader_ended = true;
                           }));
  base::asio::co_spawn(io_, tokens_->token(clock_.in(60s)),
                       [&](std::exception_ptr, const base::Result<base::Secret>& token) {
                         received = token ? token->reveal() : token.error().message;
                       });
  io_.poll_one();  // both have begun: the first asks, the second waits for it
  io_.poll_one();
  cancel.emit(base::asio::cancellation_type::terminal);
  ASSERT_TRUE(test::run_until(io_, [&] { return leader_ended && !received.empty(); }));
  EXPECT_THAT(received, ::testing::StartsWith("token-"));
}

TEST_F(ArmTokenProviderTest, ACancelledWaiterEndsAlone) {
  base::asio::cancellation_signal cancel;
  bool waiter_ended = false;
  std::string received;
  base::asio::co_spawn(io_, tokens_->token(clock_.in(60s)),
                       [&](std::exception_ptr, const base::Result<base::Secret>& token) {
                         received = token ? token->reveal() : token.error().message;
                       });
  base::asio::co_spawn(io_, tokens_->token(clock_.in(60s)),
                       base::asio::bind_cancellation_slot(
                           cancel.slot(), [&](std::exception_ptr error, const base::Result<base::Secret>&) {
                             EXPECT_NE(error, nullptr);
                             waiter_ended = true;
                           }));
  io_.poll_one();
  io_.poll_one();
  cancel.emit(base::asio::cancellation_type::terminal);
  ASSERT_TRUE(test::run_until(io_, [&] { return waiter_ended && !received.empty(); }));
  EXPECT_EQ(received, "token-1");
}

TEST_F(ArmTokenProviderTest, AServicePrincipalAsksTheCloudsDirectory) {
  CloudConfig config;
  config.tenant_id = "t";
  config.client_id = "c";
  config.client_secret = base::Secret("s");
  Cloud cloud;
  cloud.active_directory_endpoint = "https://directory.invalid/";
  cloud.token_audience = "https://management.azure.com/";
  ArmTokenProvider provider(config, cloud, *imds_, *entra_, clock_);
  const auto token = test::run_task(io_, provider.token(clock_.in(60s)));
  ASSERT_FALSE(token.has_value());
  EXPECT_THAT(token.error().message, HasSubstr("https://directory.invalid/"));  // not among the allowed ones
  EXPECT_THAT(imds_server_->requests, IsEmpty());
}

}  // namespace
}  // namespace podid::azure
