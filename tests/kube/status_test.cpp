// SPDX-License-Identifier: Apache-2.0
#include "kube/status.hpp"

#include <gtest/gtest.h>

namespace podid::kube {
namespace {

using base::ErrorKind;

base::Error of(std::string_view text, int status = 0) {
  if (status == 0) return error_from_status(json::parse(text));
  net::Response response;
  response.status = status;
  response.body = text;
  return error_from_response(response, "GET /x", base::WallTime{});
}

TEST(Status, ReasonDecidesWhereTheCodeIsAmbiguous) {
  EXPECT_EQ(of(R"({"kind":"Status","code":409,"reason":"AlreadyExists","message":"m"})").kind,
            ErrorKind::already_exists);
  EXPECT_EQ(of(R"({"kind":"Status","code":409,"reason":"Conflict","message":"m"})").kind, ErrorKind::conflict);
  EXPECT_EQ(of(R"({"kind":"Status","code":410,"reason":"Expired","message":"m"})").kind, ErrorKind::gone);
  EXPECT_EQ(of(R"({"kind":"Status","code":500,"reason":"ServerTimeout"})").kind, ErrorKind::unavailable);
  EXPECT_EQ(of(R"({"kind":"Status","code":504,"reason":"Timeout"})").kind, ErrorKind::unavailable);
  EXPECT_EQ(of(R"({"kind":"Status","code":422,"reason":"Invalid"})").kind, ErrorKind::invalid);
  EXPECT_EQ(of(R"({"kind":"Status","code":403,"reason":"Forbidden"})").kind, ErrorKind::denied);
  EXPECT_EQ(of(R"({"kind":"Status","code":401,"reason":"Unauthorized"})").kind, ErrorKind::unauthenticated);
}

TEST(Status, CarriesTheServersWords) {
  const base::Error error = of(
      R"({"kind":"Status","code":429,"reason":"TooManyRequests","message":"slow down","details":{"retryAfterSeconds":7}})");
  EXPECT_EQ(error.kind, ErrorKind::throttled);
  EXPECT_EQ(error.message, "slow down");
  EXPECT_EQ(error.code, "TooManyRequests");
  EXPECT_EQ(error.http_status, 429);
  EXPECT_EQ(error.retry_after, std::chrono::seconds(7));
}

TEST(Status, TellsTheCausesThatMatter) {
  EXPECT_TRUE(is_version_too_large(of(
      R"({"kind":"Status","code":504,"reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge"}]}})")));
  const base::Error terminating = of(
      R"({"kind":"Status","code":403,"reason":"Forbidden","details":{"causes":[{"reason":"NamespaceTerminating"}]}})");
  EXPECT_TRUE(is_namespace_terminating(terminating));
  EXPECT_EQ(terminating.kind, ErrorKind::denied);
}

TEST(Status, RubbishIsNoCrash) {
  for (const std::string_view text :
       {"null", "[]", "{}", R"({"code":"x","reason":5,"message":{}})", R"({"code":99999999999999999999})",
        R"({"details":{"causes":[1,null],"retryAfterSeconds":-5}})"}) {
    const base::Error error = of(text);
    EXPECT_FALSE(error.message.empty()) << text;
    EXPECT_FALSE(error.retry_after) << text;
  }
}

TEST(Status, AnswersThatAreNoStatusAreQuoted) {
  const base::Error error = of("<html>bad gateway</html>", 502);
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_EQ(error.message, "GET /x was answered 502 \"<html>bad gateway</html>\"");
  EXPECT_LT(of(std::string(10'000, 'x'), 503).message.size(), 400u);
  EXPECT_EQ(of(R"({"kind":"Pod"})", 404).kind, ErrorKind::not_found);
}

TEST(Status, RetryAfterFieldWins) {
  net::Response response;
  response.status = 429;
  response.headers.set("Retry-After", "3");
  response.body = R"({"kind":"Status","code":429,"reason":"TooManyRequests","details":{"retryAfterSeconds":7}})";
  EXPECT_EQ(error_from_response(response, "GET /x", base::WallTime{}).retry_after, std::chrono::seconds(3));
}

}  // namespace
}  // namespace podid::kube
