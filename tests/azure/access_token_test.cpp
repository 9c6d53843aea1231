// SPDX-License-Identifier: Apache-2.0
#include "azure/access_token.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "azure/azure_fixture.hpp"
#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const base::WallTime kNow = base::from_unix_seconds(1'800'000'000);

TEST(TokenAnswer, ImdsHasStringsEverywhere) {
  const auto token = parse_token_answer(test::kImdsToken, kNow);
  ASSERT_TRUE(token.has_value()) << token.error().message;
  EXPECT_EQ(token->access_token.reveal(), "eyJ0eXAi.e30.c2ln");
  EXPECT_EQ(token->expires_in, 86399);
  EXPECT_EQ(token->ext_expires_in, 86399);
  EXPECT_EQ(token->expires_on, 1800086399);
  EXPECT_EQ(token->not_before, 1799999700);
  EXPECT_EQ(token->refresh_in, std::nullopt);
  EXPECT_EQ(token->resource, "https://management.azure.com/");
  EXPECT_EQ(token->token_type, "Bearer");
  EXPECT_EQ(token->client_id, "11111111-1111-1111-1111-111111111111");
  EXPECT_EQ(token->expiry(), base::from_unix_seconds(1800086399));
}

TEST(TokenAnswer, EntraV2HasNumbersAndNoExpiresOn) {
  const auto token = parse_token_answer(
      R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"opaque"})", kNow);
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(token->expires_in, 3599);
  EXPECT_EQ(token->expires_on, std::nullopt);
  EXPECT_EQ(token->expiry(), kNow + std::chrono::seconds(3599));
}

TEST(TokenAnswer, EmptyAndNullMembersReadAsAbsent) {
  const auto token = parse_token_answer(
      R"({"access_token":"a","refresh_token":"","expires_in":"","expires_on":null,"not_before":null})", kNow);
  ASSERT_TRUE(token.has_value());
  EXPECT_TRUE(token->refresh_token.empty());
  EXPECT_EQ(token->expires_in, std::nullopt);
  EXPECT_EQ(token->expiry(), std::nullopt);
}

TEST(TokenAnswer, AnExpiryBeyondTheClocksRangeIsItsEnd) {
  const auto token = parse_token_answer(R"({"access_token":"a","expires_on":"253402300799"})", kNow);
  ASSERT_TRUE(token.has_value());
  EXPECT_GT(*token->expiry(), kNow + std::chrono::hours(24 * 365 * 100));
}

TEST(TokenAnswer, ReadsEveryFormOfExpiresOn) {
  struct Row {
    std::string_view text;
    std::optional<std::int64_t> seconds;
  };
  constexpr std::int64_t kTime = 1'560'974'028;  // 2019-06-19T19:53:48Z
  for (const Row& row : std::initializer_list<Row>{
           {"1560974028", kTime},
           {"6/19/2019 7:53:48 PM +00:00", kTime},
           {"06/19/2019 19:53:48 +00:00", kTime},
           {"06/19/2019 19:53:48", kTime},
           {"6/19/2019 12:00:00 AM +00:00", 1'560'902'400},
           {"6/19/2019 12:00:00 PM +00:00", 1'560'945'600},
           {"2019-06-19 19:53:48", kTime},
           {"2019-06-19T19:53:48Z", kTime},
           {"2019-06-19T21:53:48+02:00", kTime},
           {"Wed, 19 Jun 2019 19:53:48 GMT", kTime},
           {"6/19/2019 13:00:00 PM +00:00", std::nullopt},
           {"6/19/2019 0:00:00 AM", std::nullopt},
           {"6/19/2019 25:00:00", std::nullopt},
           {"6/31/2019 1:00:00", std::nullopt},
           {"6/19/2019 1:00:00 +02:00", std::nullopt},
           {"-1/2/2019 1:00:00", std::nullopt},
           {"6/19/19 1:00:00", std::nullopt},
           {"99999999999999999999", std::nullopt},
           {"1560974028.5", std::nullopt},
           {"soon", std::nullopt},
           {"", std::nullopt},
       }) {
    EXPECT_EQ(parse_expires_on(row.text), row.seconds) << row.text;
  }
}

TEST(TokenAnswer, UnusableAnswersAreTheEndpointsOwn) {
  struct Row {
    std::string_view body;
    std::string_view message;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"<html>", "adal: Failed to unmarshal the service principal token during refresh. Error = 'not JSON: "},
           {"[]", "adal: Failed to unmarshal the service principal token during refresh. Error = 'not a JSON object"},
           {R"({"token_type":"Bearer"})",
            "adal: Failed to unmarshal the service principal token during refresh. Error = 'access_token is missing' "
            "JSON = '{}'"},
           {R"({"access_token":"a","expires_in":"soon"})",
            "adal: Failed to unmarshal the service principal token during refresh. Error = 'expires_in is not a "
            "number' JSON = "},
           {R"({"access_token":"a","expires_on":"soon"})",
            "adal: failed to parse expires_on: neither a number nor a known date form"},
           {R"({"access_token":"a","expires_on":1e300})", "adal: failed to parse expires_on: "},
       }) {
    const auto token = parse_token_answer(row.body, kNow);
    ASSERT_FALSE(token.has_value()) << row.body;
    EXPECT_THAT(token.error().message, StartsWith(std::string(row.message)));
    EXPECT_TRUE(token_endpoint_answered(token.error()));
  }
}

TEST(TokenAnswer, AnEmptyBodyIsNotARefusal) {
  const auto token = parse_token_answer(" \n", kNow);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().message, "adal: Empty service principal token received during refresh");
  EXPECT_FALSE(token_endpoint_answered(token.error()));
}

TEST(TokenAnswer, ATooLargeBodyIsRefused) {
  const auto token = parse_token_answer("{\"access_token\":\"" + std::string(kMaxTokenAnswerBytes, 'a') + "\"}", kNow);
  ASSERT_FALSE(token.has_value());
  EXPECT_THAT(token.error().message, HasSubstr("too large"));
  EXPECT_LT(token.error().message.size(), 1000u);
}

TEST(TokenResponse, AnAttemptWithoutAnAnswerIsAnOutage) {
  const auto kind_after = [](base::ErrorKind kind) {
    base::Error cause;
    cause.kind = kind;
    return refresh_not_executed(cause).kind;
  };
  EXPECT_EQ(kind_after(base::ErrorKind::invalid), base::ErrorKind::unavailable) << "not HTTP";
  EXPECT_EQ(kind_after(base::ErrorKind::unavailable), base::ErrorKind::unavailable);
  EXPECT_EQ(kind_after(base::ErrorKind::timeout), base::ErrorKind::timeout);
}

TEST(TokenResponse, ARefusalKeepsStatusBodyCodeAndRetryAfter) {
  net::Response response;
  response.status = 400;
  response.headers.add("Retry-After", "7");
  response.body = R"({"error":"invalid_request","error_description":"Identity not found"})";
  const auto token = read_token_response(response, "http://169.254.169.254/x?y=z", kNow);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().message,
            "adal: Refresh request failed. Status Code = '400'. Response body: "
            "{\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"} Endpoint "
            "http://169.254.169.254/x?y=z");
  EXPECT_EQ(token.error().http_status, 400);
  EXPECT_EQ(token.error().code, "invalid_request");
  EXPECT_EQ(token.error().kind, base::ErrorKind::invalid);
  EXPECT_EQ(token.error().retry_after, std::chrono::seconds(7));
}

TEST(TokenResponse, EntrasNumberIsTheCode) {
  net::Response response;
  response.status = 401;
  response.body = R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\n)"
                  R"(Trace ID: x","error_codes":[7000215]})";
  const auto token = read_token_response(response, "https://login.microsoftonline.com/", kNow);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().code, "AADSTS7000215");
  EXPECT_EQ(token.error().kind, base::ErrorKind::unauthenticated);
  EXPECT_THAT(token.error().message, HasSubstr("Invalid client secret provided."));
}

TEST(TokenResponse, ThrottlingIsPlainText) {
  net::Response response;
  response.status = 429;
  response.headers.add("Retry-After", "60");
  response.body = "Too Many Requests";
  const auto token = read_token_response(response, "https://login.microsoftonline.com/", kNow);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().kind, base::ErrorKind::throttled);
  EXPECT_EQ(token.error().retry_after, std::chrono::seconds(60));
  EXPECT_EQ(token.error().code, "");
}

TEST(TokenResponse, ARedirectIsARefusal) {
  net::Response response;
  response.status = 302;
  response.headers.add("Location", "http://elsewhere/");
  const auto token = read_token_response(response, "http://x/", kNow);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().http_status, 302);
}

TEST(AadstsCode, IsTheFirstNumber) {
  EXPECT_EQ(aadsts_code("AADSTS50001: x AADSTS2"), "AADSTS50001");
  EXPECT_EQ(aadsts_code("text AADSTS700016"), "AADSTS700016");
  EXPECT_EQ(aadsts_code("AADSTS: x"), "");
  EXPECT_EQ(aadsts_code("nothing"), "");
}

}  // namespace
}  // namespace podid::azure
