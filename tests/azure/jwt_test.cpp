// SPDX-License-Identifier: Apache-2.0
#include "azure/jwt.hpp"

#include <gmock/gmock.h>

#include "azure/azure_fixture.hpp"
#include "azure/credentials.hpp"
#include "base/text.hpp"
#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using ::testing::HasSubstr;

std::string sha(const EVP_MD* algorithm, std::string_view bytes) {
  std::string out(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size, algorithm, nullptr);
  return out.substr(0, size);
}

TEST(Jwt, IsSignedAndRead) {
  const KeyPtr key = test::make_rsa_key();
  const KeyPtr other = test::make_rsa_key();
  boost::json::object claims;
  claims["a"] = 1;
  const auto text = sign_jwt({}, claims, key.get());
  ASSERT_TRUE(text.has_value());
  auto jwt = parse_jwt(*text);
  ASSERT_TRUE(jwt.has_value()) << jwt.error().message;
  EXPECT_EQ(jwt->header.at("alg").as_string(), "RS256");
  EXPECT_EQ(jwt->claims.at("a"), 1);
  EXPECT_TRUE(verify_jwt(*jwt, key.get()));
  EXPECT_FALSE(verify_jwt(*jwt, other.get()));
  jwt->signed_part += "x";
  EXPECT_FALSE(verify_jwt(*jwt, key.get()));
}

TEST(Jwt, RubbishIsRefused) {
  for (const std::string_view text : {"", "a", "a.b", "a.b.c.d", "e30.e30.!", "e30.!.e30", "W10.e30.e30"}) {
    EXPECT_FALSE(parse_jwt(text).has_value()) << text;
  }
}

class ClientAssertionTest : public ::testing::Test {
 protected:
  ClientAssertionTest() : key_(test::make_rsa_key()), leaf_(test::make_certificate(key_.get(), {})) {}
  Certificate certificate(X509* leaf) const { return *load_pem(test::pem_of(key_.get()) + test::pem_of(leaf)); }

  KeyPtr key_;
  X509Ptr leaf_;
  test::PlainRandom random_;
};

TEST_F(ClientAssertionTest, SaysWhoAndToWhom) {
  constexpr std::string_view kUrl = "https://login.microsoftonline.com/t/oauth2/token?api-version=1.0";
  const auto now = base::from_unix_seconds(1'800'000'000);
  const auto text = client_assertion(certificate(leaf_.get()), "app", kUrl, now, random_);
  ASSERT_TRUE(text.has_value()) << text.error().message;
  const auto jwt = parse_jwt(*text);
  ASSERT_TRUE(jwt.has_value());
  EXPECT_TRUE(verify_jwt(*jwt, key_.get()));

  const std::string der = test::der_of(leaf_.get());
  EXPECT_EQ(jwt->header.at("typ").as_string(), "JWT");
  EXPECT_EQ(jwt->header.at("x5t").as_string(), base::base64url(sha(EVP_sha1(), der)) + "=");
  EXPECT_EQ(jwt->header.at("x5t#S256").as_string(), base::base64url(sha(EVP_sha256(), der)));
  EXPECT_EQ(jwt->header.at("x5c").at(0).as_string(), base::base64(der));
  EXPECT_EQ(jwt->claims.at("aud").as_string(), kUrl);
  EXPECT_EQ(jwt->claims.at("iss").as_string(), "app");
  EXPECT_EQ(jwt->claims.at("sub").as_string(), "app");
  EXPECT_EQ(jwt->claims.at("nbf"), base::unix_seconds(now));
  EXPECT_EQ(jwt->claims.at("exp"), base::unix_seconds(now) + 24 * 3600);
  const auto id = base::base64url_decode(std::string_view(jwt->claims.at("jti").as_string()));
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(id->size(), 20u);

  const auto second = client_assertion(certificate(leaf_.get()), "app", kUrl, now, random_);
  EXPECT_NE(parse_jwt(*second)->claims.at("jti"), jwt->claims.at("jti"));
}

TEST_F(ClientAssertionTest, IsNotMadeWithAnExpiredCertificate) {
  const X509Ptr expired = test::make_certificate(key_.get(), {.valid_to = 1'600'000'000});
  const auto text =
      client_assertion(certificate(expired.get()), "app", "u", base::from_unix_seconds(1'800'000'000), random_);
  ASSERT_FALSE(text.has_value());
  EXPECT_THAT(text.error().message, HasSubstr("expired"));
}

}  // namespace
}  // namespace podid::azure
