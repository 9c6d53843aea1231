// SPDX-License-Identifier: Apache-2.0
// A resource manager and an IMDS with prepared answers, and the clients that talk to them.
#pragma once
#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <memory>
#include <string>
#include <vector>

#include "azure/arm_client.hpp"
#include "azure/azure_fixture.hpp"

namespace podid::test {

class ArmTest : public AzureTest {
 protected:
  void SetUp() override {
    AzureTest::SetUp();
    imds_server_ = std::make_unique<ScriptedEndpoint>(io_);
    arm_server_ = std::make_unique<ScriptedEndpoint>(io_);
    auto imds = azure::ImdsClient::create({.endpoint = imds_server_->url()}, *http_, clock_, random_);
    ASSERT_TRUE(imds.has_value());
    imds_ = std::make_unique<azure::ImdsClient>(std::move(*imds));
    entra_ = std::make_unique<azure::EntraClient>(azure::DirectoryEndpoints(), *http_, clock_, random_);
    azure::CloudConfig config;
    config.use_managed_identity = true;
    azure::Cloud cloud;
    cloud.token_audience = "https://management.azure.com/";
    tokens_ = std::make_unique<azure::ArmTokenProvider>(config, cloud, *imds_, *entra_, clock_);
    auto arm = azure::ArmClient::create({}, arm_server_->url("/"), *http_, *tokens_, clock_, random_);
    ASSERT_TRUE(arm.has_value());
    arm_ = std::move(*arm);
    give_token("token-1");
  }

  void give_token(std::string_view token, long expires_in = 86400) {
    imds_server_->answer(200, fmt::format(R"({{"access_token":"{}","expires_in":"{}"}})", token, expires_in));
  }
  // What the resource manager was sent, as "METHOD path-after-the-resource-group".
  std::vector<std::string> calls() const {
    std::vector<std::string> out;
    for (const RecordedRequest& request : arm_server_->requests) {
      std::string_view path = std::string_view(request.target).substr(0, request.target.find('?'));
      out.push_back(fmt::format("{} {}", request.method, path.substr(path.rfind('/') + 1)));
    }
    return out;
  }

  std::unique_ptr<ScriptedEndpoint> imds_server_;
  std::unique_ptr<ScriptedEndpoint> arm_server_;
  std::unique_ptr<azure::ImdsClient> imds_;
  std::unique_ptr<azure::EntraClient> entra_;
  std::unique_ptr<azure::ArmTokenProvider> tokens_;
  std::unique_ptr<azure::ArmClient> arm_;
  azure::AzureResource vm_{
      .subscription_id = "sub", .resource_group = "rg", .kind = azure::ResourceKind::vm, .name = "vm1"};
};

// An identity id as the resource manager writes it.
inline std::string identity_id(std::string_view name) {
  return fmt::format(
      "/subscriptions/sub/resourcegroups/ids/providers/microsoft.managedidentity/userassignedidentities/{}", name);
}

// A GET answer with these user-assigned identities.
inline std::string resource_body(std::string_view type, const std::vector<std::string>& ids,
                                 std::string_view provisioning_state = "Succeeded") {
  boost::json::object map;
  for (const std::string& id : ids) map[id] = {{"clientId", "c"}, {"principalId", "p"}};
  boost::json::object identity = {{"type", type}};
  if (!ids.empty()) identity["userAssignedIdentities"] = std::move(map);
  boost::json::object body = {{"name", "vm1"}, {"properties", {{"provisioningState", provisioning_state}}}};
  if (!type.empty()) body["identity"] = std::move(identity);
  return boost::json::serialize(body);
}

inline std::string error_body(std::string_view code, std::string_view message) {
  boost::json::object body = {{"error", {{"code", code}, {"message", message}}}};
  return boost::json::serialize(body);
}

}  // namespace podid::test
