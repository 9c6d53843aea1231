// SPDX-License-Identifier: Apache-2.0
#include "nmi/token/token_text.hpp"

#include <gtest/gtest.h>

#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

using test::kTestNow;

std::string answer(const TokenText& text, base::WallTime now) {
  std::string out;
  text.append_answer(out, now);
  return out;
}

TEST(TokenText, HasTheFieldsInOrderAllStrings) {
  const TokenText text({test::make_token("tok", 86399)});
  EXPECT_EQ(answer(text, kTestNow),
            R"({"access_token":"tok","refresh_token":"","expires_in":"86399","expires_on":"1800086399",)"
            R"("not_before":"1799999700","resource":"https://vault.azure.net","token_type":"Bearer"})");
}

TEST(TokenText, ExpiresInCountsDown) {
  const TokenText text({test::make_token("tok", 100)});
  EXPECT_TRUE(answer(text, kTestNow + std::chrono::seconds(40)).contains(R"("expires_in":"60")"));
  EXPECT_TRUE(answer(text, kTestNow + std::chrono::milliseconds(40'500)).contains(R"("expires_in":"60")"));
  EXPECT_TRUE(answer(text, kTestNow + std::chrono::seconds(200)).contains(R"("expires_in":"0")"));
}

TEST(TokenText, AbsentNumbersAreEmptyAndTextsAreEscaped) {
  azure::AccessToken token;
  token.access_token = base::Secret("a\"b\\");
  token.received_at = kTestNow;
  EXPECT_EQ(answer(TokenText({token}), kTestNow),
            R"({"access_token":"a\"b\\","refresh_token":"","expires_in":"","expires_on":"","not_before":"",)"
            R"("resource":"","token_type":""})");
}

// docs/design/access.md §4: the client is told to come back at the end of the allowed time; the token is Azure's.
TEST(TokenText, NoExpiryIsToldBeyondTheEndOfTheAllowedTime) {
  const TokenText text({test::make_token("tok", 86399)});
  const auto until = [&text](base::Duration end) {
    std::string out;
    text.append_answer(out, kTestNow, kTestNow + std::chrono::duration_cast<base::WallTime::duration>(end));
    return out;
  };
  EXPECT_EQ(until(std::chrono::milliseconds(3600'900)),
            R"({"access_token":"tok","refresh_token":"","expires_in":"3600","expires_on":"1800003600",)"
            R"("not_before":"1799999700","resource":"https://vault.azure.net","token_type":"Bearer"})");
  EXPECT_EQ(until(std::chrono::seconds(86399)), answer(text, kTestNow));
  EXPECT_EQ(until(std::chrono::hours(48)), answer(text, kTestNow));
  EXPECT_TRUE(until(-std::chrono::seconds(1)).contains(R"("expires_in":"0")"));

  azure::AccessToken endless;
  endless.received_at = kTestNow;
  std::string told;
  TokenText({endless}).append_answer(told, kTestNow, kTestNow + std::chrono::seconds(60));
  EXPECT_TRUE(told.contains(R"("expires_in":"60","expires_on":"1800000060")")) << told;

  const TokenText two({test::make_token("one", 100), test::make_token("two", 50)});
  told.clear();
  two.append_answer(told, kTestNow, kTestNow + std::chrono::seconds(70));
  EXPECT_TRUE(told.contains(R"("expires_in":"70","expires_on":"1800000070")")) << told;
  EXPECT_TRUE(told.contains(R"("expires_in":"50","expires_on":"1800000050")")) << told;
}

TEST(TokenText, SeveralTokensAreAnArrayAndTheHostGetsTheFirst) {
  const TokenText text({test::make_token("one", 100), test::make_token("two", 50)});
  const std::string array = answer(text, kTestNow);
  EXPECT_TRUE(array.starts_with(R"([{"access_token":"one")")) << array;
  EXPECT_TRUE(array.contains(R"(},{"access_token":"two")")) << array;
  EXPECT_TRUE(array.ends_with("}]")) << array;
  EXPECT_EQ(text.expiry(), kTestNow + std::chrono::seconds(50));
  EXPECT_EQ(text.last_expiry(), kTestNow + std::chrono::seconds(100));
  std::string host;
  text.append_host_answer(host, core::ClientIdView("client"), kTestNow);
  EXPECT_TRUE(host.starts_with(R"({"token":{"access_token":"one")")) << host;
  EXPECT_TRUE(host.ends_with(R"(},"clientid":"client"})")) << host;
  EXPECT_FALSE(host.contains("two"));
}

}  // namespace
}  // namespace podid::nmi
