// SPDX-License-Identifier: Apache-2.0
// Rules for Secrets (API-1, API-2). What is sent where is tested in tests/azure and end to end in the lab.
#include "nmi/token/azure_token_source.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

Credential credential_with_secret_in(const std::string& ns, bool annotated = false) {
  core::AzureIdentity identity = test::make_identity("shop", "reader");
  identity.type = core::IdentityType::service_principal_secret;
  identity.client_password = {"s", ns};
  if (annotated) {
    identity.meta.annotations.emplace(core::kBehaviorAnnotation, core::kNamespacedBehavior);
  }
  return credential_of(identity);
}

TEST(AzureTokenSource, SecretsOfOtherNamespacesNeedTheOperatorsConsent) {
  EXPECT_TRUE(check_secret_namespace(credential_with_secret_in("shop"), {}));
  const base::Result<> refused = check_secret_namespace(credential_with_secret_in("other"), {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, base::ErrorKind::denied);
  EXPECT_TRUE(refused.error().message.contains("--allow-cross-namespace-secrets")) << refused.error().message;
  const AzureTokenSourceOptions allow{.allow_cross_namespace_secrets = true};
  EXPECT_TRUE(check_secret_namespace(credential_with_secret_in("other"), allow));
  EXPECT_FALSE(check_secret_namespace(credential_with_secret_in("other", true), allow)) << "the annotation is stricter";
  EXPECT_FALSE(check_secret_namespace(credential_with_secret_in("other"),
                                      {.namespaced = true, .allow_cross_namespace_secrets = true}));
}

SecretReader::Data data(std::vector<std::pair<std::string, std::string>> entries) {
  SecretReader::Data all;
  for (auto& [key, value] : entries) all.values.emplace_back(key, base::Secret(value));
  return all;
}

TEST(AzureTokenSource, TheClientSecretIsChosenByNameElseTheOnlyOne) {
  const core::SecretReference name{"s", "shop"};
  EXPECT_EQ(choose_client_secret(data({{"a", "1"}, {"clientSecret", "2"}}), name)->reveal(), "2");
  EXPECT_EQ(choose_client_secret(data({{"a", "1"}}), name)->reveal(), "1");
  const auto several = choose_client_secret(data({{"a", "1"}, {"b", "2"}}), name);
  ASSERT_FALSE(several);
  EXPECT_TRUE(several.error().message.contains("shop/s")) << several.error().message;
  EXPECT_TRUE(several.error().message.contains("a, b")) << several.error().message;
  EXPECT_FALSE(choose_client_secret(data({}), name));
}

TEST(AzureTokenSource, ClaimsAndCapabilitiesReachTheDirectory) {
  TokenRequest request;
  EXPECT_EQ(claims_for_directory(request), "");
  request.extra = {{"bypass_cache", "true"}, {"claims", R"({"id_token":{}})"}, {"xms_cc", "CP1"}};
  EXPECT_EQ(claims_for_directory(request), R"({"id_token":{},"access_token":{"xms_cc":{"values":["CP1"]}}})");
  request.extra = {{"claims", "{"}};
  EXPECT_FALSE(claims_for_directory(request));
}

}  // namespace
}  // namespace podid::nmi
