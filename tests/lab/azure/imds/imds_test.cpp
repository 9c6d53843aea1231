// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/text.hpp"
#include "base/time_text.hpp"
#include "lab/azure/fixture.hpp"

namespace podid::lab::azure {
namespace {

namespace json = boost::json;

using ImdsTest = SimulatorTest;

constexpr std::string_view kTokenPath = "/metadata/identity/oauth2/token?api-version=2018-02-01";

std::string error_of(const net::Response& response) { return text_at(parse_body(response), {"error"}); }
std::string description_of(const net::Response& response) {
  return text_at(parse_body(response), {"error_description"});
}

TEST_F(ImdsTest, TheOnlyUserAssignedIdentityIsServedWithoutASelector) {
  const auto response = imds_token();
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.headers.get_or_empty("Content-Type"), "application/json; charset=utf-8");
  EXPECT_TRUE(response.headers.get_or_empty("Server").starts_with("IMDS/"));
  const json::object body = parse_body(response).as_object();
  const UserAssignedIdentity& node = identity(names().node_identity);
  EXPECT_EQ(text_at(body, {"client_id"}), node.client_id);
  EXPECT_EQ(text_at(body, {"resource"}), "https://vault.azure.net");
  EXPECT_EQ(text_at(body, {"token_type"}), "Bearer");
  for (const std::string_view name : {"expires_in", "expires_on", "ext_expires_in", "not_before"}) {
    EXPECT_TRUE(body.at(name).is_string()) << name;
  }
  EXPECT_EQ(text_at(body, {"expires_in"}), "86399");
  const std::int64_t now = base::unix_seconds(clock_.wall_now());
  EXPECT_EQ(text_at(body, {"expires_on"}), std::to_string(now + 86'400));
  EXPECT_EQ(text_at(body, {"not_before"}), std::to_string(now - 300));
  EXPECT_FALSE(body.contains("refresh_in"));
  EXPECT_LT(response.body.find("\"expires_in\""), response.body.find("\"expires_on\""));

  const json::object claims = claims_of(text_at(body, {"access_token"}));
  EXPECT_EQ(text_at(claims, {"aud"}), "https://vault.azure.net");
  EXPECT_EQ(text_at(claims, {"iss"}), fmt::format("https://sts.windows.net/{}/", kLabTenantId));
  EXPECT_EQ(text_at(claims, {"idp"}), text_at(claims, {"iss"}));
  EXPECT_EQ(text_at(claims, {"appid"}), node.client_id);
  EXPECT_EQ(text_at(claims, {"appidacr"}), "2");
  EXPECT_EQ(text_at(claims, {"idtyp"}), "app");
  EXPECT_EQ(text_at(claims, {"oid"}), node.principal_id);
  EXPECT_EQ(text_at(claims, {"sub"}), node.principal_id);
  EXPECT_EQ(text_at(claims, {"tid"}), kLabTenantId);
  EXPECT_EQ(text_at(claims, {"ver"}), "1.0");
  EXPECT_EQ(text_at(claims, {"xms_mirid"}),
            fmt::format("/subscriptions/{}/resourcegroups/lab/providers/Microsoft.ManagedIdentity/"
                        "userAssignedIdentities/node-identity",
                        kLabSubscriptionId));
}

TEST_F(ImdsTest, EverySelectorFindsAnAssignedIdentityAndNoOther) {
  world().machines.find(names().node_a_machine)->second.identity.user_assigned.insert(names().app_one);
  const UserAssignedIdentity& one = identity(names().app_one);
  const std::string id = base::percent_encode(names().app_one);
  for (const std::string& selector : {"&client_id=" + one.client_id, "&object_id=" + one.principal_id,
                                      "&msi_res_id=" + id, "&mi_res_id=" + base::to_lower(names().app_one)}) {
    const auto response = imds_token(selector);
    ASSERT_EQ(response.status, 200) << selector << response.body;
    EXPECT_EQ(text_at(parse_body(response), {"client_id"}), one.client_id) << selector;
  }
  // Not assigned to node-b's scale set, nor anything that nobody knows.
  for (const std::string& selector : {"&client_id=" + one.client_id, std::string("&client_id=nobody")}) {
    const auto response = imds_token(selector, "node-b");
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body, R"({"error":"invalid_request","error_description":"Identity not found"})");
  }
}

// Clouds of one's own: an unknown parameter is no selector; tokens may name no resource ID.
TEST_F(ImdsTest, OneThatKnowsNoResourceIds) {
  world().settings.imds_resource_ids = false;
  const UserAssignedIdentity& node = identity(names().node_identity);
  for (const char* name : {"&msi_res_id=", "&mi_res_id="}) {
    const auto response = imds_token(name + base::percent_encode(names().app_one));
    ASSERT_EQ(response.status, 200) << name << response.body;
    EXPECT_EQ(text_at(parse_body(response), {"client_id"}), node.client_id) << "the only one";
    EXPECT_TRUE(claims_of(text_at(parse_body(response), {"access_token"})).contains("xms_mirid"));
  }
  world().settings.token_resource_ids = false;
  const auto unnamed = imds_token("&bypass_cache=true");
  EXPECT_FALSE(claims_of(text_at(parse_body(unnamed), {"access_token"})).contains("xms_mirid"));
  world().machines.find(names().node_a_machine)->second.identity.user_assigned.insert(names().app_one);
  EXPECT_TRUE(description_of(imds_token("&msi_res_id=" + base::percent_encode(names().app_one)))
                  .starts_with("Multiple user assigned identities exist"));
}

TEST_F(ImdsTest, SeveralIdentitiesNeedASelectorUnlessThereIsASystemAssignedOne) {
  Machine& machine = world().machines.find(names().node_a_machine)->second;
  machine.identity.user_assigned.insert(names().app_one);
  auto response = imds_token();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(error_of(response), "invalid_request");
  EXPECT_TRUE(description_of(response).starts_with("Multiple user assigned identities exist"));

  machine.identity.system = SystemAssignedIdentity{.client_id = "system-client", .principal_id = "system-principal"};
  response = imds_token();
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(text_at(parse_body(response), {"client_id"}), "system-client");
  const auto claims = claims_of(text_at(parse_body(response), {"access_token"}));
  EXPECT_TRUE(text_at(claims, {"xms_mirid"}).ends_with("/virtualMachines/node-a"));

  machine.identity = {};
  response = imds_token();
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(description_of(response), "Identity not found");
}

TEST_F(ImdsTest, ADeletedIdentityIsNotServed) {
  world().user_assigned_identities.erase(names().node_identity);
  EXPECT_EQ(description_of(imds_token()), "Identity not found");
}

TEST_F(ImdsTest, RequestsWithoutTheMetadataHeaderAreRefusedWithOrWithoutAQuery) {
  for (const std::string_view target : {kTokenPath, std::string_view("/metadata/identity/oauth2/token")}) {
    const auto response = send(Role::imds, {.target = std::string(target), .headers = {}, .body = {}}, "node-a");
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.body,
              R"({"error":"invalid_request","error_description":"Required metadata header not specified"})");
  }
  const auto response =
      send(Role::imds, {.target = "/metadata/instance?api-version=2021-02-01", .headers = {}, .body = {}}, "node-a");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(error_of(response), "Bad request. Required metadata header not specified");
}

TEST_F(ImdsTest, ForwardedRequestsOtherMethodsAndRepeatedParametersAreRefused) {
  const std::string target = fmt::format("{}&resource=x", kTokenPath);
  auto response =
      send(Role::imds,
           {.target = target, .headers = {{"Metadata", "true"}, {"X-Forwarded-For", "1.2.3.4"}}, .body = {}}, "node-a");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(error_of(response), "invalid_request");
  response =
      send(Role::imds, {.method = "POST", .target = target, .headers = {{"Metadata", "true"}}, .body = {}}, "node-a");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(error_of(response), "method_not_allowed");
  response = imds(target + "&resource=y");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(error_of(response), "invalid_request");
}

TEST_F(ImdsTest, TheFirstFormOfImdsV2GivesACredentialOfTheMachinesIdentity) {
  const auto ask = [this](std::string_view method, const std::string& query) {
    return send(Role::imds,
                {.method = std::string(method),
                 .target = "/metadata/identity/credential" + query,
                 .headers = {{"Metadata", "true"}},
                 .body = "{}"},
                "node-a");
  };
  const auto got = ask("POST", "?cred-api-version=1.0");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(text_at(parse_body(got), {"credential"}).starts_with("credential-of-")) << got.body;
  EXPECT_EQ(ask("POST", "").status, 400);
  EXPECT_EQ(ask("GET", "?cred-api-version=1.0").status, 405);
}

TEST_F(ImdsTest, WhatIsMissingOrUnknownInATokenRequestIsNamed) {
  EXPECT_EQ(description_of(imds(std::string(kTokenPath))), "Required query variable 'resource' is missing");
  EXPECT_EQ(description_of(imds("/metadata/identity/oauth2/token?resource=x")),
            "Required query variable 'api-version' is missing");
  for (const std::string_view version : {"2017-12-01", "2018-02-02", "x"}) {
    const auto response = imds(fmt::format("/metadata/identity/oauth2/token?api-version={}&resource=x", version));
    EXPECT_EQ(response.status, 400) << version;
  }
  auto response = imds_token("", "node-a", "https://unknown.example");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(error_of(response), "invalid_resource");
  EXPECT_TRUE(description_of(response).starts_with("AADSTS500011: "));
  response = imds_token("&client_id=a&object_id=b");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(error_of(response), "invalid_request");
}

TEST_F(ImdsTest, ThePathMayHaveADoubledSlashAndAnyCaseInItsFirstSegment) {
  const std::string query = "?api-version=2019-08-01&resource=https://vault.azure.net/&unknown=1";
  EXPECT_EQ(imds("//metadata/identity/oauth2/token" + query).status, 200);
  EXPECT_EQ(imds("/METADATA/identity/oauth2/token" + query).status, 200);
  EXPECT_EQ(imds("/metadata/Identity/oauth2/token" + query).status, 404);
  EXPECT_EQ(imds("/metadata/identity/getplatformmetadata?cred-api-version=2.0").status, 404);
  EXPECT_EQ(imds("/").status, 404);
}

TEST_F(ImdsTest, TokensAreCachedForHalfTheirLife) {
  const auto token = [&](const std::string& extra = "") {
    return text_at(parse_body(imds_token(extra)), {"access_token"});
  };
  const std::string first = token();
  clock_.advance(std::chrono::hours(11));
  EXPECT_EQ(token(), first);
  EXPECT_EQ(text_at(parse_body(imds_token()), {"expires_in"}), std::to_string(13 * 3600 - 1));
  const std::string client = identity(names().node_identity).client_id;
  EXPECT_EQ(simulator_->statistics().issued(client), 1U);
  EXPECT_NE(token("&bypass_cache=true"), first);
  clock_.advance(std::chrono::hours(12));
  const std::string later = token();
  EXPECT_NE(later, first);
  EXPECT_EQ(token(), later);
  EXPECT_EQ(simulator_->statistics().issued(client, "https://vault.azure.net"), 3U);
  EXPECT_EQ(simulator_->statistics().requests("imds.token", 200), 6U);
}

TEST_F(ImdsTest, TheCallersAddressSaysWhichNodeAsks) {
  // The listener without a node: 127.0.0.1 is node-a's address in this test.
  auto response = imds("/metadata/instance/compute/name?api-version=2021-02-01&format=text", "");
  EXPECT_EQ(response.body, "node-a");
  std::swap(world().nodes["node-a"].addresses, world().nodes["node-b"].addresses);
  response = imds("/metadata/instance/compute/name?api-version=2021-02-01&format=text", "");
  EXPECT_EQ(response.body, "pool_0");
  world().nodes["node-b"].addresses.clear();
  response = imds_token("", "");
  EXPECT_EQ(response.status, 403);
  EXPECT_TRUE(description_of(response).contains("127.0.0.1")) << response.body;
}

TEST_F(ImdsTest, InstanceMetadataIsWalkedByPath) {
  const auto whole = parse_body(imds("/metadata/instance?api-version=2021-02-01", "node-b"));
  EXPECT_EQ(text_at(whole, {"compute", "vmScaleSetName"}), "pool");
  EXPECT_EQ(text_at(whole, {"compute", "resourceId"}), names().node_b_machine + "/virtualMachines/0");
  EXPECT_EQ(text_at(whole, {"compute", "subscriptionId"}), kLabSubscriptionId);
  EXPECT_EQ(text_at(whole, {"compute", "location"}), kLabLocation);
  const auto compute = parse_body(imds("/metadata/instance/compute?api-version=2021-02-01"));
  EXPECT_EQ(text_at(compute, {"resourceId"}), names().node_a_machine);
  const std::string address = "/metadata/instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress";
  EXPECT_EQ(imds(address + "?api-version=2021-02-01&format=text").body, "127.0.0.1");
  EXPECT_EQ(imds(address + "?api-version=2021-02-01").status, 400);
  EXPECT_EQ(imds("/metadata/instance/network/interface/7?api-version=2021-02-01").status, 404);
  EXPECT_EQ(imds("/metadata/instance/network/interface/0?api-version=2021-02-01&format=text").body,
            "ipv4/\nipv6/\nmacAddress");
  const auto refused = imds("/metadata/instance?api-version=1999-01-01");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(parse_body(refused).at("newest-versions").as_array().at(0), "2025-04-07");
  EXPECT_EQ(imds("/metadata/instance").status, 400);
}

TEST_F(ImdsTest, OtherCategoriesAreServedToo) {
  EXPECT_EQ(parse_body(imds("/metadata/versions")).at("apiVersions").as_array().size(), 35U);
  EXPECT_EQ(imds("/metadata/identity/info?api-version=2018-02-01").body,
            fmt::format(R"({{"tenantId":"{}"}})", kLabTenantId));
  EXPECT_EQ(imds("/metadata/scheduledevents?api-version=2020-07-01").body, R"({"DocumentIncarnation":1,"Events":[]})");
  EXPECT_EQ(imds("/metadata/attested/document?api-version=2021-02-01").status, 404);
}

}  // namespace
}  // namespace podid::lab::azure
