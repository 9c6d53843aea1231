// SPDX-License-Identifier: Apache-2.0
#include "azure/cloud.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_folder.hpp"

namespace podid::azure {
namespace {

using ::testing::HasSubstr;

TEST(Cloud, NamesCompareWithoutCase) {
  struct Row {
    std::string_view name;
    std::string_view canonical;
    std::string_view resource_manager;
    std::string_view directory;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"AzureCloud", "AzurePublicCloud", "https://management.azure.com/", "https://login.microsoftonline.com/"},
           {"AZUREPUBLICCLOUD", "AzurePublicCloud", "https://management.azure.com/",
            "https://login.microsoftonline.com/"},
           {"AzureUSGovernment", "AzureUSGovernmentCloud", "https://management.usgovcloudapi.net/",
            "https://login.microsoftonline.us/"},
           {"azureusgovernmentcloud", "AzureUSGovernmentCloud", "https://management.usgovcloudapi.net/",
            "https://login.microsoftonline.us/"},
           {"AzureChinaCloud", "AzureChinaCloud", "https://management.chinacloudapi.cn/",
            "https://login.chinacloudapi.cn/"},
           {"AzureGermanCloud", "AzureGermanCloud", "https://management.microsoftazure.de/",
            "https://login.microsoftonline.de/"},
       }) {
    const auto cloud = find_cloud(row.name, "/does/not/exist");
    ASSERT_TRUE(cloud.has_value()) << row.name;
    EXPECT_EQ(cloud->name, row.canonical);
    EXPECT_EQ(cloud->resource_manager_endpoint, row.resource_manager);
    EXPECT_EQ(cloud->token_audience, row.resource_manager);
    EXPECT_EQ(cloud->active_directory_endpoint, row.directory);
  }
}

TEST(Cloud, UnknownNameHasGoAutorestsText) {
  const auto cloud = find_cloud("AzureMars", "");
  ASSERT_FALSE(cloud.has_value());
  EXPECT_EQ(cloud.error().message, "autorest/azure: There is no cloud environment matching the name \"AZUREMARS\"");
  EXPECT_FALSE(find_cloud("", "").has_value());
}

class EnvironmentFileTest : public ::testing::Test {
 protected:
  std::string write(std::string_view content) {
    const std::string path = folder_.file("environment.json");
    std::ofstream(path) << content;
    return path;
  }
  test::TemporaryFolder folder_;
};

TEST_F(EnvironmentFileTest, GivesAzureStackItsEndpoints) {
  const std::string path = write(R"({"name":"Stack1","resourceManagerEndpoint":"https://management.stack.example",
    "activeDirectoryEndpoint":"https://adfs.stack.example/adfs/","tokenAudience":"https://management.stack/abc"})");
  const auto cloud = find_cloud("azurestackcloud", path);
  ASSERT_TRUE(cloud.has_value()) << cloud.error().message;
  EXPECT_EQ(cloud->name, "Stack1");
  EXPECT_EQ(cloud->resource_manager_endpoint, "https://management.stack.example/");
  EXPECT_EQ(cloud->active_directory_endpoint, "https://adfs.stack.example/adfs/");
  EXPECT_EQ(cloud->token_audience, "https://management.stack/abc");
}

TEST_F(EnvironmentFileTest, AudienceFallsBackToTheResourceManager) {
  const auto cloud = parse_environment(
      R"({"resourceManagerEndpoint":"https://a.example/","activeDirectoryEndpoint":"https://b.example/"})");
  ASSERT_TRUE(cloud.has_value());
  EXPECT_EQ(cloud->name, "AzureStackCloud");
  EXPECT_EQ(cloud->token_audience, "https://a.example/");
}

TEST_F(EnvironmentFileTest, ProblemsAreNamed) {
  EXPECT_THAT(find_cloud("AzureStackCloud", "").error().message, HasSubstr("AZURE_ENVIRONMENT_FILEPATH"));
  EXPECT_THAT(find_cloud("AzureStackCloud", "/does/not/exist").error().message, HasSubstr("/does/not/exist"));
  const std::string path = write("{");
  EXPECT_THAT(find_cloud("AzureStackCloud", path).error().message, HasSubstr(path));
  EXPECT_THAT(parse_environment("{}").error().message, HasSubstr("resourceManagerEndpoint is missing"));
  EXPECT_THAT(parse_environment(R"({"resourceManagerEndpoint":"https://a.example/"})").error().message,
              HasSubstr("activeDirectoryEndpoint is missing"));
  EXPECT_THAT(parse_environment(R"({"resourceManagerEndpoint":"management"})").error().message,
              HasSubstr("resourceManagerEndpoint"));
}

TEST(DirectoryEndpoints, MakeTokenUrls) {
  const auto endpoints = DirectoryEndpoints::create({"https://ADFS.example:8443/adfs"});
  ASSERT_TRUE(endpoints.has_value()) << endpoints.error().message;
  struct Row {
    std::string_view endpoint;
    std::string_view tenant;
    std::string_view url;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"", "t1", "https://login.microsoftonline.com/t1/oauth2/token?api-version=1.0"},
           {"https://login.microsoftonline.us", "t1",
            "https://login.microsoftonline.us/t1/oauth2/token?api-version=1.0"},
           {"https://login.chinacloudapi.cn/", "contoso.example",
            "https://login.chinacloudapi.cn/contoso.example/oauth2/token?api-version=1.0"},
           {"https://login.sovcloud-identity.fr/", "t1",
            "https://login.sovcloud-identity.fr/t1/oauth2/token?api-version=1.0"},
           // A path without '/' at its end is replaced, one with it is kept: relative references.
           {"https://adfs.example:8443/adfs", "t1", "https://adfs.example:8443/t1/oauth2/token?api-version=1.0"},
           {"https://adfs.example:8443/adfs/?x=1", "t1",
            "https://adfs.example:8443/adfs/t1/oauth2/token?api-version=1.0"},
       }) {
    const auto url = endpoints->token_url(row.endpoint, row.tenant);
    ASSERT_TRUE(url.has_value()) << row.endpoint << ": " << url.error().message;
    EXPECT_EQ(*url, row.url);
  }
}

TEST(DirectoryEndpoints, ASecretGoesNowhereElse) {
  const DirectoryEndpoints endpoints;
  for (const std::string_view endpoint :
       {"https://evil.example/", "http://login.microsoftonline.com/", "https://login.microsoftonline.com:444/",
        "https://login.microsoftonline.com.evil.example/", "https://evil.example/login.microsoftonline.com/"}) {
    const auto url = endpoints.token_url(endpoint, "t1");
    ASSERT_FALSE(url.has_value()) << endpoint;
    EXPECT_EQ(url.error().kind, base::ErrorKind::denied);
    EXPECT_THAT(url.error().message, HasSubstr(std::string(endpoint)));
  }
  for (const std::string_view endpoint : {"https://user@login.microsoftonline.com/", "login.microsoftonline.com"}) {
    EXPECT_FALSE(endpoints.token_url(endpoint, "t1").has_value()) << endpoint;
  }
}

TEST(DirectoryEndpoints, TenantsAreGuidsOrDomains) {
  const DirectoryEndpoints endpoints;
  for (const std::string_view tenant :
       {"../evil", "a/b", "a?b", "a#b", "..", ".", "a b", "a\r\nb", "%2e", "a..b", "a@b"}) {
    EXPECT_FALSE(endpoints.token_url("", tenant).has_value()) << tenant;
  }
  EXPECT_EQ(endpoints.token_url("", "").error().message, "parameter 'tenantID' cannot be empty");
  EXPECT_FALSE(endpoints.token_url("", std::string(254, 'a')).has_value());
  EXPECT_TRUE(endpoints.token_url("", std::string(253, 'a')).has_value());
}

TEST(DirectoryEndpoints, AdditionalOnesAreHttpsToo) {
  EXPECT_THAT(DirectoryEndpoints::create({"http://adfs.example/"}).error().message, HasSubstr("is not https"));
  EXPECT_THAT(DirectoryEndpoints::create({"adfs.example"}).error().message, HasSubstr("adfs.example"));
}

}  // namespace
}  // namespace podid::azure
