// SPDX-License-Identifier: Apache-2.0
#include "azure/cloud_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace podid::azure {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kPrincipal = R"({
  "cloud": "AzurePublicCloud", "tenantId": "t", "aadClientId": "c", "aadClientSecret": "s: x",
  "subscriptionId": "sub", "resourceGroup": "rg", "securityGroupName": "ignored", "vmType": "vmss",
  "useManagedIdentityExtension": false, "userAssignedIdentityID": "", "newKey": {"a": [1]}})";

TEST(CloudConfig, ReadsJsonAsAksWritesIt) {
  const auto config = parse_cloud_config(kPrincipal);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_EQ(config->cloud, "AzurePublicCloud");
  EXPECT_EQ(config->tenant_id, "t");
  EXPECT_EQ(config->client_id, "c");
  EXPECT_EQ(config->client_secret.reveal(), "s: x");
  EXPECT_EQ(config->subscription_id, "sub");
  EXPECT_EQ(config->resource_group, "rg");
  EXPECT_FALSE(config->use_managed_identity);
}

TEST(CloudConfig, ReadsYamlWithManagedIdentity) {
  const auto config = parse_cloud_config(
      "cloud: AzureCloud\naadClientId: msi\naadClientSecret: msi\nuseManagedIdentityExtension: yes\n"
      "userAssignedIdentityID: 1234\ntenantId: ~\n");
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_TRUE(config->use_managed_identity);
  EXPECT_EQ(config->user_assigned_identity_id, "1234");
  EXPECT_EQ(config->tenant_id, "");
}

TEST(CloudConfig, ProblemsNameTheKey) {
  struct Row {
    std::string_view yaml;
    std::string_view problem;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"", "not a mapping"},
           {"[1]", "not a mapping"},
           {"{", "line 1"},
           {"cloud: {a: b}", "cloud is not a string"},
           {"tenantId: [a]", "tenantId is not a string"},
           {"useManagedIdentityExtension: 3", "useManagedIdentityExtension is not true or false"},
           {R"(useManagedIdentityExtension: "true")", "useManagedIdentityExtension is not true or false"},
           {"Cloud: AzureCloud", "cloud (CLOUD) is empty"},
           {"cloud: a", "tenantId (TENANT_ID) is empty"},
           {"cloud: a\ntenantId: t", "aadClientId (CLIENT_ID) is empty"},
           {"cloud: a\ntenantId: t\naadClientId: c", "aadClientSecret (CLIENT_SECRET) is empty"},
           {"cloud: a\ntenantId: t\naadClientId: msi\naadClientSecret: msi", "is \"msi\", but"},
       }) {
    const auto config = parse_cloud_config(row.yaml);
    ASSERT_FALSE(config.has_value()) << row.yaml;
    EXPECT_EQ(config.error().kind, base::ErrorKind::invalid);
    EXPECT_THAT(config.error().message, HasSubstr(std::string(row.problem)));
  }
}

TEST(CloudConfig, IsReadFromTheEnvironment) {
  std::map<std::string, std::string, std::less<>> environment = {{"CLOUD", "AzurePublicCloud"},
                                                                 {"CLIENT_ID", "msi"},
                                                                 {"CLIENT_SECRET", "msi"},
                                                                 {"USE_MSI", "tRUE"},
                                                                 {"SUBSCRIPTION_ID", "sub"},
                                                                 {"RESOURCE_GROUP", "rg"},
                                                                 {"USER_ASSIGNED_MSI_CLIENT_ID", "u"}};
  const auto variable = [&environment](std::string_view name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  };
  const auto config = cloud_config_from_environment(variable);
  ASSERT_TRUE(config.has_value()) << config.error().message;
  EXPECT_TRUE(config->use_managed_identity);
  EXPECT_EQ(config->subscription_id, "sub");
  EXPECT_EQ(config->resource_group, "rg");
  EXPECT_EQ(config->user_assigned_identity_id, "u");

  environment["USE_MSI"] = "1";
  EXPECT_FALSE(cloud_config_from_environment(variable).has_value());
}

}  // namespace
}  // namespace podid::azure
