// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "lab/azure/fixture.hpp"

namespace podid::lab::azure {
namespace {

class VaultTest : public SimulatorTest {
 protected:
  net::Response read(const std::string& secret, const std::string& token,
                     std::string_view host = "store.vault.azure.net") {
    net::Request request{.target = fmt::format("/secrets/{}?api-version=7.4", secret),
                         .headers = {{"Host", std::string(host)}},
                         .body = {}};
    if (!token.empty()) request.headers.add("Authorization", "Bearer " + token);
    return send(Role::azure, std::move(request));
  }
  std::string reader_token() {
    return application_token(names().pod_secret_client_id, names().pod_secret, kVaultAudience);
  }
};

TEST_F(VaultTest, ReadersGetSecretsAndAreNamed) {
  const auto response = read("greeting", reader_token());
  ASSERT_EQ(response.status, 200) << response.body;
  const auto body = parse_body(response);
  EXPECT_EQ(text_at(body, {"value"}), "hello from the vault");
  EXPECT_TRUE(text_at(body, {"id"}).starts_with("https://store.vault.azure.net/secrets/greeting/"));
  const std::string object_id = world().applications[names().pod_secret_client_id].object_id;
  EXPECT_EQ(text_at(body, {"readBy", "oid"}), object_id);
  EXPECT_EQ(text_at(body, {"readBy", "appid"}), names().pod_secret_client_id);
  EXPECT_EQ(simulator_->statistics().secret_reads("greeting", object_id), 1U);
}

TEST_F(VaultTest, WithoutAValidTokenThereIsAChallenge) {
  const auto refused = [&](const std::string& token) {
    const auto response = read("greeting", token);
    EXPECT_EQ(response.status, 401);
    EXPECT_EQ(response.headers.get_or_empty("WWW-Authenticate"),
              fmt::format(R"(Bearer authorization="https://login.windows.net/{}", resource="https://vault.azure.net")",
                          kLabTenantId));
    return text_at(parse_body(response), {"error", "message"});
  };
  EXPECT_TRUE(refused("").starts_with("AKV10000"));
  EXPECT_TRUE(refused("garbage").contains("malformed"));
  EXPECT_TRUE(refused(application_token(names().pod_secret_client_id, names().pod_secret, kArmAudience))
                  .starts_with("AKV10022"));
  std::string token = reader_token();
  std::string forged = token;
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_TRUE(refused(forged).contains("bad signature"));
  clock_.advance(std::chrono::hours(1));
  EXPECT_TRUE(refused(token).starts_with("[TokenExpired]"));
  token = reader_token();
  const std::string other_tenant = "55555555-5555-4555-8555-555555555555";
  world().tenants[other_tenant] = {.domain = "other.example"};
  world().vaults.find(kLabVaultHost)->second.tenant_id = other_tenant;
  const auto response = read("greeting", token);
  EXPECT_EQ(response.status, 401);
  EXPECT_TRUE(response.body.contains("AKV10032"));
}

TEST_F(VaultTest, OthersAreForbiddenAndUnknownSecretsNotFound) {
  const auto forbidden = read("greeting", application_token(names().mic_client_id, names().mic_secret, kVaultAudience));
  EXPECT_EQ(forbidden.status, 403);
  EXPECT_EQ(text_at(parse_body(forbidden), {"error", "code"}), "Forbidden");
  const auto missing = read("ghost", reader_token());
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(text_at(parse_body(missing), {"error", "code"}), "SecretNotFound");
}

TEST_F(VaultTest, HostsThatNobodyPlaysAreMisdirected) {
  EXPECT_EQ(read("greeting", "", "elsewhere.example").status, 421);
}

}  // namespace
}  // namespace podid::lab::azure
