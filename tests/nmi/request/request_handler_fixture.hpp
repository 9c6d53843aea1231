// SPDX-License-Identifier: Apache-2.0
// The request path with what its answers must look like.
#pragma once
#include <source_location>

#include "nmi/request/request_fixture.hpp"

namespace podid::nmi {

class RequestHandlerTest : public test::RequestFixture {
 protected:
  void legacy() {
    options.authorizer.style.legacy = true;
    start();
  }
  void expect_text(const test::Got& got, int status, const std::string& message,
                   const std::source_location& where = std::source_location::current()) {
    const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
    EXPECT_EQ(got.status, status);
    EXPECT_EQ(got.body, message + "\n");
    EXPECT_TRUE(got.has_header("Content-Type: text/plain; charset=utf-8")) << got.head;
    EXPECT_TRUE(got.has_header("X-Content-Type-Options: nosniff")) << got.head;
    EXPECT_TRUE(got.has_header("Content-Length: " + std::to_string(message.size() + 1))) << got.head;
  }
  void expect_json(const test::Got& got, int status, const std::string& error, const std::string& description,
                   const std::source_location& where = std::source_location::current()) {
    const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
    EXPECT_EQ(got.status, status) << got.body;
    EXPECT_TRUE(got.has_header("Content-Type: application/json; charset=utf-8")) << got.head;
    EXPECT_TRUE(got.body.starts_with("{\"error\":\"" + error + "\",\"error_description\":\"" + description))
        << got.body;
  }
  void token_fails(base::ErrorKind kind, int http_status, const std::string& message) {
    tokens.answer = [=](const TokenRequest&) -> test::FakeTokenSource::Answer {
      base::Error error;
      error.kind = kind;
      error.http_status = http_status;
      error.message = message;
      return std::unexpected(error);
    };
  }
};

}  // namespace podid::nmi
