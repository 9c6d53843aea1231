// SPDX-License-Identifier: Apache-2.0
// Nothing of an upstream's answer reaches pods, logs and events but what says why it refused.
#include "azure/error_text.hpp"

#include <gtest/gtest.h>

namespace podid::azure {
namespace {

TEST(QuotedError, OnlyTheErrorsOwnMembersAreShown) {
  struct Row {
    std::string_view body;
    std::string_view shown;
  };
  for (const Row& row : std::initializer_list<Row>{
           {R"({"error":"invalid_request","error_description":"Identity not found"})",
            R"({"error":"invalid_request","error_description":"Identity not found"})"},
           {R"({"error":"invalid_client","error_description":"AADSTS7000215: no\r\nTrace ID: x",)"
            R"("error_codes":[7000215,"x",1.5],"timestamp":"t","error_uri":"https://evil","suberror":"bad_token"})",
            R"({"error":"invalid_client","error_description":"AADSTS7000215: no\r\nTrace ID: x",)"
            R"("error_codes":[7000215],"suberror":"bad_token"})"},
           {R"({"error":{"code":"InternalServerError","message":"broken","innererror":{"stack":"at X"}}})",
            R"({"error":"InternalServerError","error_description":"broken"})"},
           {R"({"client_secret":"s3cret","access_token":"opaque"})", "{}"},
           {R"({"error":5,"error_description":["x"]})", "{}"},
           {R"({"error_description":"here: eyJhbGciOi.eyJzdWIi.c2ln"})", R"({"error_description":"here: [removed]"})"},
           {"{\"error\":\"a\\u001b[2J\x7f\xc2\x9b\"}", R"({"error":"a\u001b[2J\u007f\u009b"})"},
           {"<html>secret</html>", "(19 bytes that are no JSON object)"},
           {"Too Many Requests", "(17 bytes that are no JSON object)"},
           {"[\"secret\"]", "(10 bytes that are no JSON object)"},
           {"", "(0 bytes that are no JSON object)"},
       }) {
    EXPECT_EQ(quoted_error(row.body), row.shown) << row.body;
  }
}

TEST(QuotedError, IsBounded) {
  const std::string much(100'000, 'x');
  std::string umlauts;
  for (int i = 0; i < 50'000; ++i) umlauts += "\xc3\xbc";
  std::string numbers = "1";
  for (int i = 0; i < 10'000; ++i) numbers += ",1234567890";
  for (const std::string& text : {much, umlauts, "x" + umlauts}) {
    const std::string shown = quoted_error(R"({"error":")" + text + R"(","error_description":")" + text +
                                           R"(","suberror":")" + text + R"(","error_codes":[)" + numbers + "]}");
    EXPECT_LT(shown.size(), 3000u);
    EXPECT_EQ(shown.find("\xef\xbf\xbd"), std::string::npos) << "no character is cut in two";
  }
}

TEST(Quotable, ControlCharactersAreEscaped) {
  EXPECT_EQ(quotable("a\r\nb\tc\x1b[31m\x7f\xc2\x85 \xc3\xbc", 100),
            "a\\r\\nb\\u0009c\\u001b[31m\\u007f\\u0085 \xc3\xbc");
  EXPECT_EQ(quotable("\xc3\xbc\xc3\xbc", 3), "\xc3\xbc...");
  EXPECT_EQ(quotable(std::string_view("\0", 1), 3), "\\u0000");
}

TEST(WithoutTokens, BlanksTokensAndKeepsTheRest) {
  constexpr std::size_t kLimit = 8 * 1024;
  struct Row {
    std::string_view body;
    std::string_view shown;
  };
  for (const Row& row : std::initializer_list<Row>{
           {R"({"error":"x"})", R"({"error":"x"})"},
           {R"({"access_token":"opaque","b":1})", R"({"access_token":"[removed]","b":1})"},
           {R"({"access_token" : "op\"aque","b":1})", R"({"access_token" : "[removed]","b":1})"},
           {R"({"refresh_token":"","access_token":"cut o)", R"({"refresh_token":"","access_token":"[removed])"},
           {R"({"access_token":)", R"({"access_token":)"},
           {R"({"access_token":"a\)", R"({"access_token":"[removed])"},
           {R"({"id":"eyJhbGciOi.eyJzdWIi.c2ln-_"})", R"({"id":"[removed]"})"},
           {"", ""},
       }) {
    EXPECT_EQ(without_tokens(row.body, kLimit), row.shown);
  }
  EXPECT_LT(without_tokens(std::string(100'000, 'x'), kLimit).size(), 9000u);
}

}  // namespace
}  // namespace podid::azure
