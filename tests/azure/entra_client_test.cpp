// SPDX-License-Identifier: Apache-2.0
#include "azure/entra_client.hpp"

#include <gmock/gmock.h>

#include "azure/azure_fixture.hpp"
#include "azure/credentials.hpp"
#include "azure/jwt.hpp"
#include "base/text.hpp"
#include "support/test_certificates.hpp"

namespace podid::azure {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::string_view kV1Token =
    R"({"token_type":"Bearer","expires_in":"86399","ext_expires_in":"86399","expires_on":"1617389804",)"
    R"("not_before":"1617303104","resource":"https://management.core.windows.net/","access_token":"eyJ0.fake.sig"})";

// A directory with a certificate of its own, which the operator has allowed.
class EntraClientTest : public test::AzureTest {
 protected:
  void SetUp() override {
    const test::TestCa authority;
    const test::TestCertificate server = authority.issue({"127.0.0.1"});
    const auto tls = net::make_server_context(
        {.certificate_chain_pem = server.certificate_pem, .key_pem = base::Secret(server.key_pem)});
    ASSERT_TRUE(tls.has_value()) << tls.error().message;
    directory_ = std::make_unique<test::ScriptedEndpoint>(io_, *tls);
    net::HttpClientOptions options = http_client_options("podid-test");
    options.tls.ca_pem = authority.certificate_pem();
    make_client(std::move(options));
    auto allowed = DirectoryEndpoints::create({directory_->url()});
    ASSERT_TRUE(allowed.has_value());
    client_ = std::make_unique<EntraClient>(std::move(*allowed), *http_, clock_, random_);
  }
  EntraTokenRequest request(ClientCredential credential) const {
    return {.directory = directory_->url("/"),
            .tenant_id = "tenant-1",
            .client_id = "app-1",
            .resource = "https://vault.azure.net",
            .credential = std::move(credential)};
  }
  EntraTokenRequest with_secret() const { return request(base::Secret("s&cret =1")); }
  base::Result<AccessToken> ask(EntraTokenRequest request) {
    return test::run_task(io_, client_->token(std::move(request), clock_.in(20s)));
  }

  std::unique_ptr<test::ScriptedEndpoint> directory_;
  std::unique_ptr<EntraClient> client_;
};

TEST_F(EntraClientTest, AsksWithAClientSecret) {
  directory_->answer(200, std::string(kV1Token));
  const auto token = ask(with_secret());
  ASSERT_TRUE(token.has_value()) << token.error().message;
  EXPECT_EQ(token->expires_on, 1617389804);
  ASSERT_THAT(directory_->requests, SizeIs(1));
  const auto& sent = directory_->requests[0];
  EXPECT_EQ(sent.method, "POST");
  EXPECT_EQ(sent.target, "/tenant-1/oauth2/token?api-version=1.0");
  EXPECT_EQ(sent.headers.get_or_empty("content-type"), "application/x-www-form-urlencoded");
  EXPECT_EQ(sent.body,
            "client_id=app-1&client_secret=s%26cret+%3D1&grant_type=client_credentials&resource=https%3A%2F%2Fvault."
            "azure.net");
}

TEST_F(EntraClientTest, ClaimsGoWithTheRequest) {
  directory_->answer(200, std::string(kV1Token));
  EntraTokenRequest with_claims = with_secret();
  with_claims.claims = R"({"a":1})";
  ASSERT_TRUE(ask(with_claims).has_value());
  EXPECT_THAT(directory_->requests.at(0).body, StartsWith("claims=%7B%22a%22%3A1%7D&client_id=app-1&"));
}

TEST_F(EntraClientTest, AsksWithACertificate) {
  directory_->answer(200, std::string(kV1Token));
  const KeyPtr key = test::make_rsa_key();
  const X509Ptr leaf = test::make_certificate(key.get(), {});
  const auto certificate = load_pem(test::pem_of(key.get()) + test::pem_of(leaf.get()));
  ASSERT_TRUE(certificate.has_value());
  const auto token = ask(request(*certificate));
  ASSERT_TRUE(token.has_value()) << token.error().message;
  const auto fields = base::split(directory_->requests.at(0).body, '&');
  ASSERT_THAT(fields, SizeIs(5));
  ASSERT_THAT(fields[0], StartsWith("client_assertion="));
  EXPECT_EQ(fields[1], "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer");
  EXPECT_EQ(fields[2], "client_id=app-1");
  EXPECT_EQ(fields[3], "grant_type=client_credentials");
  const auto jwt = parse_jwt(fields[0].substr(fields[0].find('=') + 1));
  ASSERT_TRUE(jwt.has_value());
  EXPECT_TRUE(verify_jwt(*jwt, key.get()));
  EXPECT_EQ(jwt->claims.at("aud").as_string(), directory_->url("/tenant-1/oauth2/token?api-version=1.0"));
}

TEST_F(EntraClientTest, AnExpiredCertificateIsNotSent) {
  const KeyPtr key = test::make_rsa_key();
  const X509Ptr leaf = test::make_certificate(key.get(), {.valid_to = 1'600'000'000});
  const auto token = ask(request(*load_pem(test::pem_of(key.get()) + test::pem_of(leaf.get()))));
  ASSERT_FALSE(token.has_value());
  EXPECT_THAT(token.error().message, HasSubstr("expired at"));
  EXPECT_FALSE(token_endpoint_answered(token.error()));
  EXPECT_THAT(directory_->requests, IsEmpty());
}

TEST_F(EntraClientTest, ARefusalKeepsItsTextAndIsNotRepeated) {
  constexpr std::string_view kBody =
      R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."})";
  directory_->answer(401, std::string(kBody));
  const auto token = ask(with_secret());
  ASSERT_FALSE(token.has_value());
  EXPECT_TRUE(token_endpoint_answered(token.error()));
  EXPECT_EQ(token.error().code, "AADSTS7000215");
  EXPECT_EQ(token.error().message,
            "adal: Refresh request failed. Status Code = '401'. Response body: " + std::string(kBody) + " Endpoint " +
                directory_->url("/tenant-1/oauth2/token?api-version=1.0"));
  EXPECT_THAT(directory_->requests, SizeIs(1));
}

TEST_F(EntraClientTest, ThrottlingSaysWhen) {
  directory_->answer(429, "Too Many Requests", {{"Retry-After", "60"}});
  const auto token = ask(with_secret());
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().kind, base::ErrorKind::throttled);
  EXPECT_EQ(token.error().retry_after, 60s);
}

TEST_F(EntraClientTest, EmptyInputsSendNothing) {
  auto no_client = with_secret();
  no_client.client_id = "";
  auto no_secret = with_secret();
  no_secret.credential = base::Secret();
  auto no_resource = with_secret();
  no_resource.resource = "";
  auto no_tenant = with_secret();
  no_tenant.tenant_id = "";
  struct Row {
    EntraTokenRequest request;
    std::string_view message;
  };
  for (const Row& row :
       {Row{no_client, "parameter 'clientID' cannot be empty"}, Row{no_secret, "parameter 'secret' cannot be empty"},
        Row{no_resource, "parameter 'resource' cannot be empty"},
        Row{no_tenant, "parameter 'tenantID' cannot be empty"}}) {
    const auto token = ask(row.request);
    ASSERT_FALSE(token.has_value());
    EXPECT_EQ(token.error().message, row.message);
    EXPECT_FALSE(token_endpoint_answered(token.error()));
  }
  EXPECT_THAT(directory_->requests, IsEmpty());
}

TEST_F(EntraClientTest, AForeignDirectoryGetsNothing) {
  test::ScriptedEndpoint evil(io_);
  auto bad = with_secret();
  bad.directory = evil.url("/");
  const auto token = ask(bad);
  ASSERT_FALSE(token.has_value());
  EXPECT_EQ(token.error().kind, base::ErrorKind::denied);
  EXPECT_THAT(evil.requests, IsEmpty());
}

TEST_F(EntraClientTest, ATransportFailureIsNotARefusal) {
  auto allowed = DirectoryEndpoints::create({"https://127.0.0.1:1"});
  EntraClient client(*allowed, *http_, clock_, random_);
  auto unreachable = with_secret();
  unreachable.directory = "https://127.0.0.1:1";
  const auto token = test::run_task(io_, client.token(unreachable, clock_.in(20s)));
  ASSERT_FALSE(token.has_value());
  EXPECT_FALSE(token_endpoint_answered(token.error()));
  EXPECT_THAT(token.error().message, StartsWith("adal: Failed to execute the refresh request. Error = '"));
}

TEST_F(EntraClientTest, AsksSeveralTenantsInOrder) {
  for (const std::string_view name : {"primary", "second", "third"}) {
    directory_->answer(200, "{\"access_token\":\"" + std::string(name) + "\",\"expires_in\":\"10\"}");
  }
  const auto tokens = test::run_task(io_, client_->tokens(with_secret(), {"tenant-2", "tenant-3"}, clock_.in(20s)));
  ASSERT_TRUE(tokens.has_value()) << tokens.error().message;
  std::vector<std::string> received;
  for (const AccessToken& token : *tokens) received.emplace_back(token.access_token.reveal());
  EXPECT_THAT(received, ElementsAre("primary", "second", "third"));
  EXPECT_THAT(directory_->requests.at(0).target, StartsWith("/tenant-1/"));
  EXPECT_THAT(directory_->requests.at(1).target, StartsWith("/tenant-2/"));
  EXPECT_THAT(directory_->requests.at(2).target, StartsWith("/tenant-3/"));
}

TEST_F(EntraClientTest, SeveralTenantsSayWhichPartFailed) {
  directory_->answer(400, "{}");
  auto tokens = test::run_task(io_, client_->tokens(with_secret(), {"tenant-2"}, clock_.in(20s)));
  ASSERT_FALSE(tokens.has_value());
  EXPECT_THAT(tokens.error().message, StartsWith("failed to refresh primary token: adal: Refresh request failed."));
  EXPECT_TRUE(token_endpoint_answered(tokens.error()));  // NMI-16

  directory_->answer(200, std::string(kV1Token));
  directory_->answer(400, "{}");
  tokens = test::run_task(io_, client_->tokens(with_secret(), {"tenant-2"}, clock_.in(20s)));
  ASSERT_FALSE(tokens.has_value());
  EXPECT_THAT(tokens.error().message, StartsWith("failed to refresh auxiliary token: "));

  for (const std::vector<std::string>& auxiliary :
       {std::vector<std::string>{}, std::vector<std::string>{"a", "b", "c", "d"}}) {
    tokens = test::run_task(io_, client_->tokens(with_secret(), auxiliary, clock_.in(20s)));
    ASSERT_FALSE(tokens.has_value());
    EXPECT_EQ(tokens.error().message, "must specify one to three auxiliary tenants");
  }
}

}  // namespace
}  // namespace podid::azure
