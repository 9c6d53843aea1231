// SPDX-License-Identifier: Apache-2.0
#include "azure/arm_client.hpp"

#include <gmock/gmock.h>

#include "azure/arm_fixture.hpp"

namespace podid::azure {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ArmClientTest : public test::ArmTest {
 protected:
  base::Result<std::string> get(base::Duration limit = 1h) {
    return test::run_task(io_, arm_->get(vm_, clock_.in(limit)));
  }
  base::Result<> patch(base::Duration limit = 1h) {
    const base::SteadyTime deadline = clock_.in(limit);
    const auto operation = test::run_task(io_, arm_->patch(vm_, "{\"identity\":{}}", deadline));
    if (!operation) return std::unexpected(operation.error());
    return test::run_task(io_, arm_->follow(vm_, *operation, deadline));
  }
};

TEST_F(ArmClientTest, GetSendsTheToken) {
  arm_server_->answer(200, "{}");
  EXPECT_EQ(get().value(), "{}");
  const auto& sent = arm_server_->requests.at(0);
  EXPECT_EQ(
      sent.target,
      "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm1?api-version=2019-12-01");
  EXPECT_EQ(sent.headers.get_or_empty("Authorization"), "Bearer token-1");
  EXPECT_FALSE(sent.headers.get_or_empty("x-ms-client-request-id").empty());
}

TEST_F(ArmClientTest, AnEndpointMayHaveAPath) {
  auto arm = ArmClient::create({}, arm_server_->url("/arm/"), *http_, *tokens_, clock_, random_);
  ASSERT_TRUE(arm.has_value());
  arm_server_->answer(200, "{}");
  EXPECT_TRUE(test::run_task(io_, (*arm)->get(vm_, clock_.in(1h))).has_value());
  EXPECT_THAT(arm_server_->requests.at(0).target, ::testing::StartsWith("/arm/subscriptions/sub/"));
  EXPECT_FALSE(ArmClient::create({}, "management", *http_, *tokens_, clock_, random_).has_value());
}

TEST_F(ArmClientTest, OnlyA200IsAResource) {
  arm_server_->answer(204, "");
  EXPECT_EQ(get().error().http_status, 204);
}

TEST_F(ArmClientTest, ARefusalIsAnError) {
  arm_server_->answer(404, test::error_body("ResourceNotFound", "no vm1"));
  const auto body = get();
  ASSERT_FALSE(body.has_value());
  EXPECT_EQ(body.error().kind, base::ErrorKind::not_found);
  EXPECT_EQ(body.error().code, "ResourceNotFound");
  EXPECT_THAT(clock_.waits, IsEmpty());
}

TEST_F(ArmClientTest, A401IsTriedOnceMoreWithANewToken) {
  arm_server_->answer(401, test::error_body("ExpiredAuthenticationToken", "old"));
  arm_server_->answer(200, "{}");
  give_token("token-2");
  EXPECT_TRUE(get().has_value());
  EXPECT_EQ(arm_server_->requests.at(1).headers.get_or_empty("Authorization"), "Bearer token-2");

  arm_server_->answer(401, "{}");
  arm_server_->answer(401, "{}");
  give_token("token-3");
  EXPECT_EQ(get().error().kind, base::ErrorKind::unauthenticated);
  EXPECT_THAT(clock_.waits, IsEmpty());
}

TEST_F(ArmClientTest, TransientStatusesAreRepeatedWithGrowingWaits) {
  for (const int status : {408, 500, 502, 503}) arm_server_->answer(status, "{}");
  const auto body = get();
  ASSERT_FALSE(body.has_value());
  EXPECT_EQ(body.error().http_status, 503);
  EXPECT_THAT(clock_.waits, ElementsAre(30s, 60s, 120s));
  EXPECT_THAT(arm_server_->requests, SizeIs(4));
}

TEST_F(ArmClientTest, APatchIsSentOnce) {
  arm_server_->answer(503, "{}", {{"Retry-After", "3"}});
  const auto done = patch();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().http_status, 503);
  EXPECT_EQ(arm_->pause_after(done.error(), 1), 3s);
  EXPECT_THAT(calls(), ElementsAre("PATCH vm1"));
  EXPECT_THAT(clock_.waits, IsEmpty());
}

TEST_F(ArmClientTest, RetryAfterWins) {
  arm_server_->answer(503, "{}", {{"Retry-After", "3"}});
  arm_server_->answer(200, "{}");
  EXPECT_TRUE(get().has_value());
  EXPECT_THAT(clock_.waits, ElementsAre(3s));
}

TEST_F(ArmClientTest, TheDeadlineEndsTheRetries) {
  arm_server_->answer(500, "{}");
  EXPECT_FALSE(get(20s).has_value());
  EXPECT_THAT(clock_.waits, IsEmpty());
}

TEST_F(ArmClientTest, ATransportFailureIsRepeated) {
  auto arm = ArmClient::create({}, test::refused_url(), *http_, *tokens_, clock_, random_);
  ASSERT_TRUE(arm.has_value());
  const auto body = test::run_task(io_, (*arm)->get(vm_, clock_.in(1h)));
  ASSERT_FALSE(body.has_value());
  EXPECT_EQ(body.error().kind, base::ErrorKind::unavailable);
  EXPECT_THAT(clock_.waits, SizeIs(3));
}

TEST_F(ArmClientTest, WithoutATokenNothingIsSent) {
  arm_server_->answer(200, "{}");
  EXPECT_TRUE(get().has_value());
  tokens_->reject(base::Secret("token-1"));
  imds_server_->answer(400, "{}");
  const auto body = get();
  ASSERT_FALSE(body.has_value());
  EXPECT_THAT(body.error().message, HasSubstr("no token for the resource manager: adal: Refresh request failed."));
  EXPECT_THAT(arm_server_->requests, SizeIs(1));
}

TEST_F(ArmClientTest, ThrottlingIsRememberedForTheResource) {
  arm_server_->answer(429, test::error_body("OperationNotAllowed", "too many"), {{"Retry-After", "60"}});
  EXPECT_EQ(get().error().http_status, 429);
  const auto held_back = get();
  ASSERT_FALSE(held_back.has_value());
  EXPECT_EQ(held_back.error().kind, base::ErrorKind::throttled);
  EXPECT_EQ(held_back.error().message, "VMGet client throttled, retry after: 2027-01-15T08:01:00Z");
  EXPECT_EQ(held_back.error().retry_after, 60s);
  EXPECT_THAT(arm_server_->requests, SizeIs(1));

  AzureResource other = vm_;
  other.name = "vm2";
  arm_server_->answer(200, "{}");
  EXPECT_TRUE(test::run_task(io_, arm_->get(other, clock_.in(1h))).has_value());
  arm_server_->answer(204, "");
  EXPECT_TRUE(patch().has_value());  // the other direction

  clock_.advance(60s);
  arm_server_->answer(200, "{}");
  EXPECT_TRUE(get().has_value());
}

TEST_F(ArmClientTest, ThrottlingOfASubscriptionConcernsAllItsResources) {
  arm_server_->answer(429, test::error_body("SubscriptionRequestsThrottled", "too many"), {{"Retry-After", "60"}});
  EXPECT_FALSE(get().has_value());
  AzureResource other{.subscription_id = "SUB", .resource_group = "rg2", .kind = ResourceKind::vmss, .name = "set1"};
  const auto held_back = test::run_task(io_, arm_->get(other, clock_.in(1h)));
  ASSERT_FALSE(held_back.has_value());
  EXPECT_EQ(held_back.error().message, "VMSSGet client throttled, retry after: 2027-01-15T08:01:00Z");
  EXPECT_THAT(arm_server_->requests, SizeIs(1));
}

TEST_F(ArmClientTest, AnEmptiedBucketIsGivenTimeToRefill) {
  arm_server_->answer(200, "{}", {{"x-ms-ratelimit-remaining-subscription-reads", "0"}});
  EXPECT_TRUE(get().has_value());
  EXPECT_EQ(get().error().kind, base::ErrorKind::throttled);
  clock_.advance(1s);
  arm_server_->answer(200, "{}", {{"x-ms-ratelimit-remaining-subscription-reads", "25"}});
  EXPECT_TRUE(get().has_value());
}

TEST_F(ArmClientTest, APatchIsFollowedToItsEnd) {
  const std::string operation = arm_server_->url("/subscriptions/sub/operations/op1?t=1");
  arm_server_->answer(200, test::resource_body("UserAssigned", {"a"}, "Updating"),
                      {{"Azure-AsyncOperation", operation}});
  arm_server_->answer(200, R"({"status":"InProgress"})", {{"Retry-After", "7"}});
  arm_server_->answer(200, R"({"status":"InProgress"})");
  arm_server_->answer(200, R"({"status":"Succeeded"})");
  EXPECT_TRUE(patch().has_value());
  EXPECT_THAT(calls(), ElementsAre("PATCH vm1", "GET op1", "GET op1", "GET op1"));
  EXPECT_THAT(clock_.waits, ElementsAre(1s, 7s, 4s));
  EXPECT_EQ(arm_server_->requests.at(1).target, "/subscriptions/sub/operations/op1?t=1");
  EXPECT_EQ(arm_server_->requests.at(1).headers.get_or_empty("Authorization"), "Bearer token-1");
}

TEST_F(ArmClientTest, WithoutAnOperationUrlTheResourceIsPolled) {
  arm_server_->answer(200, test::resource_body("UserAssigned", {"a"}, "Updating"));
  arm_server_->answer(200, test::resource_body("UserAssigned", {"a"}, "Updating"));
  arm_server_->answer(200, test::resource_body("UserAssigned", {"a"}, "Succeeded"));
  EXPECT_TRUE(patch().has_value());
  EXPECT_THAT(calls(), ElementsAre("PATCH vm1", "GET vm1", "GET vm1"));
}

TEST_F(ArmClientTest, AFailedOperationIsAnError) {
  arm_server_->answer(202, "", {{"Azure-AsyncOperation", "/operations/op1"}});
  arm_server_->answer(200, R"({"status":"Failed","error":{"code":"FailedIdentityOperation","message":"m"}})");
  const auto done = patch();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, "FailedIdentityOperation");
}

TEST_F(ArmClientTest, AThrottledPollIsRepeatedLater) {
  arm_server_->answer(202, "", {{"Azure-AsyncOperation", "/operations/op1"}});
  arm_server_->answer(429, "", {{"Retry-After", "20"}});
  arm_server_->answer(200, R"({"status":"Succeeded"})");
  EXPECT_TRUE(patch().has_value());
  EXPECT_THAT(clock_.waits, ElementsAre(1s, 20s));
  arm_server_->answer(200, "{}");
  EXPECT_TRUE(get().has_value());  // the poll's limit is its own
}

TEST_F(ArmClientTest, ARefusedPollIsAnError) {
  arm_server_->answer(202, "", {{"Location", "/operations/op1"}});
  arm_server_->answer(404, test::error_body("NotFound", "m"));
  const auto done = patch();
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error().message, HasSubstr("following the operation on vm1: the resource manager answered 404"));
}

TEST_F(ArmClientTest, AnEndlessOperationIsGivenUp) {
  arm_server_->answer(202, "", {{"Azure-AsyncOperation", "/operations/op1"}});
  for (int i = 0; i < 200; ++i) arm_server_->answer(200, R"({"status":"InProgress"})");
  const auto done = patch();
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().kind, base::ErrorKind::timeout);
  EXPECT_THAT(done.error().message, HasSubstr("still running after 14m"));
  EXPECT_GT(arm_server_->left(), 0u);
}

TEST_F(ArmClientTest, ThePollsFollowTheCallersDeadlineToo) {
  arm_server_->answer(202, "", {{"Azure-AsyncOperation", "/operations/op1"}, {"Retry-After", "100"}});
  EXPECT_EQ(patch(60s).error().kind, base::ErrorKind::timeout);
  EXPECT_THAT(clock_.waits, IsEmpty());
}

TEST_F(ArmClientTest, TheTokenIsSentNowhereElse) {
  test::ScriptedEndpoint evil(io_);
  for (const std::string& url : {evil.url("/op"), std::string("https://127.0.0.1/op"), std::string("nonsense")}) {
    arm_server_->answer(202, "", {{"Azure-AsyncOperation", url}});
    EXPECT_FALSE(patch().has_value()) << url;
  }
  EXPECT_THAT(evil.requests, IsEmpty());
}

}  // namespace
}  // namespace podid::azure
