// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/azure/fixture.hpp"
#include "lab/azure/tokens/jwt.hpp"
#include "lab/azure/tokens/openssl_handles.hpp"

namespace podid::lab::azure {
namespace {

namespace json = boost::json;

constexpr std::string_view kScope = "&scope=https%3A%2F%2Fvault.azure.net%2F.default";

class EntraTest : public SimulatorTest {
 protected:
  std::string secret_fields() const {
    return fmt::format("&client_id={}&client_secret={}", names().pod_secret_client_id, names().pod_secret);
  }
  // The numeric code of a refusal; its object is checked for completeness on the way.
  std::int64_t refusal(const net::Response& response, int status, std::string_view error) {
    EXPECT_EQ(response.status, status) << response.body;
    const auto body = parse_body(response);
    EXPECT_EQ(text_at(body, {"error"}), error) << response.body;
    const std::int64_t code = body.at("error_codes").as_array().at(0).to_number<std::int64_t>();
    const std::string description = text_at(body, {"error_description"});
    EXPECT_TRUE(description.starts_with(fmt::format("AADSTS{}: ", code))) << description;
    EXPECT_TRUE(description.contains(" Trace ID: " + text_at(body, {"trace_id"}))) << description;
    EXPECT_TRUE(description.contains(" Correlation ID: " + text_at(body, {"correlation_id"}))) << description;
    EXPECT_TRUE(description.ends_with(" Timestamp: " + text_at(body, {"timestamp"}))) << description;
    return code;
  }

  // Gives the application "pod-certificate" a certificate to sign in with.
  void register_certificate() {
    auto pair = make_sign_in_certificate("pod-certificate", clock_.wall_now() - std::chrono::hours(1),
                                         clock_.wall_now() + std::chrono::hours(24 * 30));
    ASSERT_TRUE(pair.has_value());
    sign_in_ = std::move(*pair);
    world().applications[names().pod_certificate_client_id].certificates["main"] = sign_in_.certificate_pem;
  }

  // An assertion as SDKs make it; `change` may spoil it before it is signed.
  std::string assertion(const CertificateAndKey& pair,
                        const std::function<void(json::object& header, json::object& claims)>& change = {}) {
    const CertificatePtr certificate = parse_certificate_pem(pair.certificate_pem);
    const KeyPtr key = parse_key_pem(pair.key_pem.reveal());
    const std::int64_t now = base::unix_seconds(clock_.wall_now());
    const std::string& client_id = names().pod_certificate_client_id;
    json::object header{{"x5t", base::base64url(sha1(certificate_der(*certificate)))}};
    json::object claims{{"aud", fmt::format("https://login.microsoftonline.com/{}/oauth2/v2.0/token", kLabTenantId)},
                        {"iss", client_id},
                        {"sub", client_id},
                        {"jti", random_.uuid()},
                        {"nbf", now},
                        {"exp", now + 600}};
    if (change) change(header, claims);
    return sign_jwt(key.get(), header, claims).value_or("");
  }
  net::Response ask_with(const std::string& client_assertion) {
    return entra_token(
        fmt::format("&client_id={}&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-"
                    "assertion-type%3Ajwt-bearer&client_assertion={}{}",
                    names().pod_certificate_client_id, client_assertion, kScope));
  }

  CertificateAndKey sign_in_;
};

TEST_F(EntraTest, Version2AnswersWithNumbersForASecret) {
  const auto response = entra_token(secret_fields() + std::string(kScope) + "&x-client-SKU=test");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.headers.get_or_empty("Cache-Control"), "no-store, no-cache");
  EXPECT_FALSE(response.headers.get_or_empty("x-ms-request-id").empty());
  const auto body = parse_body(response);
  EXPECT_EQ(text_at(body, {"token_type"}), "Bearer");
  EXPECT_TRUE(body.at("expires_in").is_int64());
  EXPECT_EQ(text_at(body, {"expires_in"}), "3599");
  EXPECT_EQ(text_at(body, {"expires_on"}), "(absent)");
  const auto claims = claims_of(text_at(body, {"access_token"}));
  EXPECT_EQ(text_at(claims, {"appid"}), names().pod_secret_client_id);
  EXPECT_EQ(text_at(claims, {"appidacr"}), "1");
  EXPECT_EQ(text_at(claims, {"oid"}), world().applications[names().pod_secret_client_id].object_id);
  EXPECT_EQ(text_at(claims, {"xms_mirid"}), "(absent)");
  EXPECT_EQ(text_at(claims, {"aud"}), "https://vault.azure.net");
}

TEST_F(EntraTest, Version1AnswersWithTexts) {
  const auto response = entra_token(secret_fields() + "&resource=https%3A%2F%2Fmanagement.azure.com%2F",
                                    fmt::format("/{}/oauth2/token?api-version=1.0", kLabTenantId));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto body = parse_body(response);
  const std::int64_t now = base::unix_seconds(clock_.wall_now());
  EXPECT_EQ(text_at(body, {"resource"}), "https://management.azure.com/");
  for (const std::string_view name : {"expires_in", "ext_expires_in", "expires_on", "not_before"}) {
    EXPECT_TRUE(body.at(name).is_string()) << name;
  }
  EXPECT_EQ(text_at(body, {"expires_on"}), std::to_string(now + 3600));
  EXPECT_EQ(text_at(body, {"not_before"}), std::to_string(now - 300));
  const auto claims = claims_of(text_at(body, {"access_token"}));
  EXPECT_EQ(text_at(claims, {"aud"}), "https://management.azure.com/");
}

TEST_F(EntraTest, CapabilitiesOfTheClientAreInTheTokenAndOtherClaimsIgnored) {
  const std::string fields = secret_fields() + std::string(kScope) + "&claims=";
  const auto capable = entra_token(
      fields + base::form_encode(R"({"access_token":{"nbf":{"essential":true},"xms_cc":{"values":["CP1"]}}})"));
  const auto claims = claims_of(text_at(parse_body(capable), {"access_token"}));
  EXPECT_EQ(json::serialize(claims.at("xms_cc")), R"(["CP1"])");
  for (const std::string_view other : {"%7B%7D", "%7B", "%7B%22access_token%22%3A1%7D"}) {
    const auto response = entra_token(fields + std::string(other));
    EXPECT_EQ(text_at(claims_of(text_at(parse_body(response), {"access_token"})), {"xms_cc"}), "(absent)") << other;
  }
}

TEST_F(EntraTest, TheAudienceIsEverythingBeforeTheScopesLastSlash) {
  const auto response = entra_token(secret_fields() + "&scope=https%3A%2F%2Fmanagement.azure.com%2F%2F.default");
  const auto claims = claims_of(text_at(parse_body(response), {"access_token"}));
  EXPECT_EQ(text_at(claims, {"aud"}), "https://management.azure.com/");
}

TEST_F(EntraTest, OpenIdScopesAreIgnoredAndTwoResourcesRefused) {
  const std::string scope(kScope);
  EXPECT_EQ(entra_token(secret_fields() + scope + "+openid+offline_access+profile").status, 200);
  EXPECT_EQ(refusal(entra_token(secret_fields() + scope + "+https%3A%2F%2Fgraph.microsoft.com%2F.default"), 400,
                    "invalid_scope"),
            70011);
}

TEST_F(EntraTest, TheResourceDecidesTheVersionOfTheToken) {
  const auto response = entra_token(secret_fields() + "&scope=api%3A%2F%2Flab-version-2%2F.default");
  const auto claims = claims_of(text_at(parse_body(response), {"access_token"}));
  EXPECT_EQ(text_at(claims, {"ver"}), "2.0");
  EXPECT_EQ(text_at(claims, {"iss"}), fmt::format("https://login.microsoftonline.com/{}/v2.0", kLabTenantId));
  EXPECT_EQ(text_at(claims, {"azp"}), names().pod_secret_client_id);
  EXPECT_EQ(text_at(claims, {"appid"}), "(absent)");
}

TEST_F(EntraTest, TheTenantMayBeNamedByItsDomainAndTheSecretSentAsBasicCredentials) {
  const auto response = send(
      Role::azure,
      {.method = "POST",
       .target = fmt::format("/{}/oauth2/v2.0/token", kLabTenantDomain),
       .headers = {{"Host", "login.microsoftonline.com"},
                   {"Content-Type", "application/x-www-form-urlencoded"},
                   {"Authorization", "Basic " + base::base64(names().pod_secret_client_id + ":" + names().pod_secret)}},
       .body = "grant_type=client_credentials" + std::string(kScope)});
  EXPECT_EQ(response.status, 200) << response.body;
}

TEST_F(EntraTest, RefusalsHaveTheirCodes) {
  const std::string scope(kScope);
  const std::string id = "&client_id=" + names().pod_secret_client_id;
  Application& application = world().applications[names().pod_secret_client_id];
  EXPECT_EQ(refusal(entra_token(id + "&client_secret=wrong" + scope), 401, "invalid_client"), 7000215);
  application.secrets["old"] = {.value = base::Secret("old"), .expires = clock_.wall_now()};
  EXPECT_EQ(refusal(entra_token(id + "&client_secret=old" + scope), 401, "invalid_client"), 7000222);
  EXPECT_EQ(refusal(entra_token(id + scope), 401, "invalid_client"), 7000218);
  EXPECT_EQ(refusal(entra_token("&client_secret=x" + scope), 400, "invalid_request"), 900144);
  EXPECT_EQ(refusal(entra_token("&client_id=nobody&client_secret=x" + scope), 400, "unauthorized_client"), 700016);
  EXPECT_EQ(refusal(entra_token(secret_fields()), 400, "invalid_request"), 900144);
  EXPECT_EQ(refusal(entra_token(secret_fields() + "&scope=openid"), 400, "invalid_scope"), 70011);
  EXPECT_EQ(refusal(entra_token(secret_fields() + "&resource=x" + scope), 400, "invalid_request"), 901002);
  EXPECT_EQ(refusal(entra_token(secret_fields() + "&scope=https%3A%2F%2Fghost%2F.default"), 400, "invalid_resource"),
            500011);
  const std::string ghost = "/99999999-9999-4999-8999-999999999999/oauth2/v2.0/token";
  EXPECT_EQ(refusal(entra_token(secret_fields() + scope, ghost), 400, "invalid_request"), 90002);
  EXPECT_EQ(refusal(entra_token(secret_fields() + scope, "/nonsense/oauth2/token"), 400, "invalid_request"), 900023);
  EXPECT_EQ(refusal(entra_token(secret_fields() + scope, "/common/oauth2/token"), 400, "invalid_request"), 50059);
  application.enabled = false;
  EXPECT_EQ(refusal(entra_token(secret_fields() + scope), 400, "unauthorized_client"), 7000112);
  const std::string token_path = fmt::format("/{}/oauth2/v2.0/token", kLabTenantId);
  EXPECT_EQ(refusal(send(Role::entra, {.method = "POST", .target = token_path, .headers = {}, .body = "x"}), 400,
                    "invalid_request"),
            900144);
  EXPECT_EQ(refusal(send(Role::entra, {.target = token_path, .headers = {}, .body = {}}), 405, "invalid_request"),
            900561);
}

TEST_F(EntraTest, ARefusalEchoesTheClientsRequestId) {
  const auto response = send(Role::entra, {.method = "POST",
                                           .target = fmt::format("/{}/oauth2/token", kLabTenantId),
                                           .headers = {{"client-request-id", "my-id"}},
                                           .body = {}});
  EXPECT_EQ(text_at(parse_body(response), {"correlation_id"}), "my-id");
  EXPECT_EQ(response.headers.get_or_empty("client-request-id"), "my-id");
}

TEST_F(EntraTest, AssertionsByRegisteredCertificatesAreAccepted) {
  register_certificate();
  EXPECT_EQ(ask_with(assertion(sign_in_)).status, 200);
  const auto with_sha256 = [&](bool url_alphabet) {
    return assertion(sign_in_, [&](json::object& header, json::object&) {
      const std::string print = sha256(certificate_der(*parse_certificate_pem(sign_in_.certificate_pem)));
      header.erase("x5t");
      header["x5t#S256"] = url_alphabet ? base::base64url(print) : base::base64(print);
    });
  };
  EXPECT_EQ(ask_with(with_sha256(true)).status, 200);
  EXPECT_EQ(ask_with(base::form_encode(with_sha256(false))).status, 200);
  const auto response = ask_with(assertion(sign_in_, [](json::object&, json::object& claims) {
    claims["aud"] = fmt::format("https://login.microsoftonline.com/{}/oauth2/token?api-version=1.0", kLabTenantId);
  }));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto claims = claims_of(text_at(parse_body(response), {"access_token"}));
  EXPECT_EQ(text_at(claims, {"appidacr"}), "2");
}

TEST_F(EntraTest, AssertionsSignedWithPs256AreAccepted) {
  register_certificate();
  const std::string unsigned_token =
      assertion(sign_in_, [](json::object& header, json::object&) { header["alg"] = "PS256"; });
  const std::string signed_part = unsigned_token.substr(0, unsigned_token.rfind('.'));
  const KeyPtr key = parse_key_pem(sign_in_.key_pem.reveal());
  DigestPtr digest(EVP_MD_CTX_new());
  EVP_PKEY_CTX* context = nullptr;
  ASSERT_EQ(EVP_DigestSignInit(digest.get(), &context, EVP_sha256(), nullptr, key.get()), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
  ASSERT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST), 1);
  std::string signature(256, '\0');
  std::size_t size = signature.size();
  ASSERT_EQ(EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                           reinterpret_cast<const unsigned char*>(signed_part.data()), signed_part.size()),
            1);
  EXPECT_EQ(ask_with(signed_part + "." + base::base64url(signature)).status, 200);
  // The RS256 signature under a header that says PS256.
  EXPECT_EQ(refusal(ask_with(unsigned_token), 401, "invalid_client"), 700027);
}

TEST_F(EntraTest, SpoiledAssertionsHaveTheirCodes) {
  register_certificate();
  const auto code = [&](const std::function<void(json::object&, json::object&)>& change) {
    return refusal(ask_with(assertion(sign_in_, change)), 401, "invalid_client");
  };
  EXPECT_EQ(refusal(ask_with("garbage"), 400, "invalid_request"), 50027);
  const auto other = make_sign_in_certificate("other", clock_.wall_now() - std::chrono::hours(1),
                                              clock_.wall_now() + std::chrono::hours(1));
  ASSERT_TRUE(other.has_value());
  EXPECT_EQ(refusal(ask_with(assertion(*other)), 401, "invalid_client"), 700027);
  const CertificateAndKey forged{.certificate_pem = sign_in_.certificate_pem, .key_pem = other->key_pem};
  EXPECT_EQ(refusal(ask_with(assertion(forged)), 401, "invalid_client"), 700027);
  EXPECT_EQ(code([](json::object& header, json::object&) { header.erase("x5t"); }), 700027);
  EXPECT_EQ(code([](json::object& header, json::object&) { header["alg"] = "none"; }), 700027);
  EXPECT_EQ(code([](json::object&, json::object& claims) { claims["sub"] = "somebody"; }), 700021);
  EXPECT_EQ(code([](json::object&, json::object& claims) { claims["iss"] = "somebody"; }), 700021);
  EXPECT_EQ(code([](json::object&, json::object& claims) { claims["aud"] = "https://elsewhere"; }), 700023);
  EXPECT_EQ(code([](json::object&, json::object& claims) { claims.erase("exp"); }), 700024);
  const std::int64_t now = base::unix_seconds(clock_.wall_now());
  EXPECT_EQ(code([&](json::object&, json::object& claims) { claims["exp"] = now - 301; }), 700024);
  EXPECT_EQ(code([&](json::object&, json::object& claims) { claims["nbf"] = now + 301; }), 700024);
  const std::string valid = assertion(sign_in_);
  clock_.advance(std::chrono::hours(24 * 31));
  EXPECT_EQ(refusal(ask_with(valid), 401, "invalid_client"), 1000502);
}

TEST_F(EntraTest, DiscoveryLeadsToTheKeysThatVerifyATokenAcrossARotation) {
  const std::string old_token = application_token(names().pod_secret_client_id, names().pod_secret, kVaultAudience);
  ASSERT_TRUE(simulator_->rotate_keys().has_value());
  const std::string new_token = application_token(names().pod_secret_client_id, names().pod_secret, kVaultAudience);
  net::Request request{.target = fmt::format("/{}/v2.0/.well-known/openid-configuration", kLabTenantId),
                       .headers = {{"Host", "login.microsoftonline.com"}},
                       .body = {}};
  const auto configuration = parse_body(send(Role::entra, request));
  EXPECT_EQ(text_at(configuration, {"issuer"}), fmt::format("https://login.microsoftonline.com/{}/v2.0", kLabTenantId));
  EXPECT_EQ(text_at(configuration, {"token_endpoint"}),
            fmt::format("https://login.microsoftonline.com/{}/oauth2/v2.0/token", kLabTenantId));
  const auto keys_url = net::parse_url(text_at(configuration, {"jwks_uri"}));
  ASSERT_TRUE(keys_url.has_value());
  const auto keys = parse_body(send(Role::entra, {.target = keys_url->target, .headers = {}, .body = {}}));
  EXPECT_EQ(keys.at("keys").as_array().size(), 2U);
  for (const std::string& token : {old_token, new_token}) {
    const auto jwt = decode_jwt(token);
    ASSERT_TRUE(jwt.has_value());
    EXPECT_EQ(jwt->header_text("x5t"), jwt->header_text("kid"));
    const auto published = std::ranges::count_if(keys.at("keys").as_array(), [&](const json::value& key) {
      return text_at(key, {"kid"}) == jwt->header_text("kid") && text_at(key, {"e"}) == "AQAB";
    });
    EXPECT_EQ(published, 1);
  }
  EXPECT_NE(decode_jwt(old_token)->header_text("kid"), decode_jwt(new_token)->header_text("kid"));
  request.target = fmt::format("/{}/.well-known/openid-configuration", kLabTenantId);
  EXPECT_EQ(text_at(parse_body(send(Role::entra, request)), {"issuer"}),
            fmt::format("https://sts.windows.net/{}/", kLabTenantId));
  request.target = "/ghost.example/v2.0/.well-known/openid-configuration";
  EXPECT_EQ(refusal(send(Role::entra, request), 400, "invalid_tenant"), 90002);
}

TEST_F(EntraTest, InstanceDiscoveryKnowsItsAliases) {
  const auto ask = [&](std::string_view host) {
    const std::string endpoint = fmt::format("https://{}/{}/oauth2/v2.0/authorize", host, kLabTenantId);
    return send(Role::entra, {.target = "/common/discovery/instance?api-version=1.1&authorization_endpoint=" +
                                        base::percent_encode(endpoint),
                              .headers = {{"Host", "login.microsoftonline.com"}},
                              .body = {}});
  };
  const auto response = ask("login.windows.net");
  ASSERT_EQ(response.status, 200) << response.body;
  const auto body = parse_body(response);
  EXPECT_EQ(text_at(body, {"tenant_discovery_endpoint"}),
            fmt::format("https://login.windows.net/{}/v2.0/.well-known/openid-configuration", kLabTenantId));
  EXPECT_EQ(body.at("metadata").at(0).at("aliases").as_array().size(), 4U);
  EXPECT_EQ(refusal(ask("evil.example"), 400, "invalid_instance"), 50049);
}

TEST_F(EntraTest, ThrottlingIsPlainText) {
  ASSERT_TRUE(simulator_->faults().add(entra_throttled(1)).has_value());
  auto response = entra_token(secret_fields() + std::string(kScope));
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.body, "Too Many Requests");
  EXPECT_EQ(response.headers.get_or_empty("Content-Type"), "text/plain");
  EXPECT_EQ(response.headers.get_or_empty("Retry-After"), "60");
  EXPECT_EQ(entra_token(secret_fields() + std::string(kScope)).status, 200);
}

}  // namespace
}  // namespace podid::lab::azure
