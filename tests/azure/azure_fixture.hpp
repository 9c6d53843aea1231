// SPDX-License-Identifier: Apache-2.0
// A client on an event loop, with time and randomness that the test knows.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "azure/http_options.hpp"
#include "net/http_client.hpp"
#include "support/instant_clock.hpp"
#include "support/scripted_endpoint.hpp"
#include "support/seeded_random.hpp"

namespace podid::test {

// The base of fixtures.
class AzureTest : public ::testing::Test {
 protected:
  void make_client(net::HttpClientOptions options = azure::http_client_options("podid-test")) {
    auto client = net::HttpClient::create(io_.get_executor(), clock_, std::move(options));
    ASSERT_TRUE(client.has_value());
    http_ = std::move(*client);
  }
  void SetUp() override { make_client(); }

  base::asio::io_context io_;
  InstantClock clock_;
  PlainRandom random_;
  std::unique_ptr<net::HttpClient> http_;
};

// A URL at which nothing listens.
inline std::string refused_url() { return "http://127.0.0.1:1"; }

inline constexpr std::string_view kImdsToken =
    R"({"access_token":"eyJ0eXAi.e30.c2ln","client_id":"11111111-1111-1111-1111-111111111111","expires_in":"86399",)"
    R"("expires_on":"1800086399","ext_expires_in":"86399","not_before":"1799999700",)"
    R"("resource":"https://management.azure.com/","token_type":"Bearer"})";

}  // namespace podid::test
