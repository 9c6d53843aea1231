// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "base/text.hpp"
#include "lab/azure/fixture.hpp"

namespace podid::lab::azure {
namespace {

namespace json = boost::json;

class ArmTest : public SimulatorTest {
 protected:
  static constexpr std::string_view kVersion = "?api-version=2021-11-01";

  std::string vm() const { return names().node_a_machine; }
  std::string scale_set() const { return names().node_b_machine; }
  static std::string map(const std::string& id, std::string_view value = "{}") {
    return fmt::format(R"({{"type":"UserAssigned","userAssignedIdentities":{{"{}":{}}}}})", id, value);
  }
  json::value get(const std::string& id) { return parse_body(arm("GET", id + std::string(kVersion))); }
  std::string state_of(const std::string& id) { return text_at(get(id), {"properties", "provisioningState"}); }
  // Whether node-a's IMDS serves this identity.
  bool is_served(const std::string& id) { return imds_token("&client_id=" + identity(id).client_id).status == 200; }
  std::string code_of(const net::Response& response) { return text_at(parse_body(response), {"error", "code"}); }
  std::string operation_target(const net::Response& response) {
    const auto url = net::parse_url(response.headers.get_or_empty("Azure-AsyncOperation"));
    EXPECT_TRUE(url.has_value());
    return url ? url->target : std::string();
  }
  void finish() { clock_.advance(world().settings.operation_duration); }
};

TEST_F(ArmTest, ShowsAMachineWithItsIdentities) {
  const auto response = arm("GET", vm() + std::string(kVersion));
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_TRUE(response.headers.find("x-ms-ratelimit-remaining-subscription-reads"));
  EXPECT_TRUE(response.headers.find("x-ms-ratelimit-remaining-resource"));
  EXPECT_TRUE(response.headers.find("x-ms-request-id"));
  const auto body = parse_body(response);
  EXPECT_EQ(text_at(body, {"id"}), vm());
  EXPECT_EQ(text_at(body, {"type"}), "Microsoft.Compute/virtualMachines");
  EXPECT_EQ(text_at(body, {"identity", "type"}), "UserAssigned");
  EXPECT_EQ(text_at(body, {"identity", "userAssignedIdentities", names().node_identity, "clientId"}),
            identity(names().node_identity).client_id);
  EXPECT_EQ(text_at(body, {"identity", "principalId"}), "(absent)");
  world().machines.find(vm())->second.identity = {};
  EXPECT_EQ(text_at(get(vm()), {"identity"}), "(absent)");
}

TEST_F(ArmTest, IdsCompareWithoutCase) {
  EXPECT_EQ(arm("GET", base::to_lower(vm()) + std::string(kVersion)).status, 200);
  EXPECT_EQ(patch(base::to_lower(vm()), map(base::to_lower(names().node_identity), "null")).status, 200);
  EXPECT_EQ(text_at(get(vm()), {"identity"}), "(absent)");
}

TEST_F(ArmTest, AnAddedIdentityIsMergedFollowedByAnOperationAndThenServed) {
  const auto response = patch(vm(), map(names().app_one));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto body = parse_body(response);
  EXPECT_EQ(text_at(body, {"properties", "provisioningState"}), "Updating");
  EXPECT_EQ(body.at("identity").at("userAssignedIdentities").as_object().size(), 2U);
  EXPECT_EQ(response.headers.get_or_empty("Azure-AsyncNotification"), "Enabled");
  EXPECT_FALSE(response.headers.find("Retry-After"));
  const std::string url(response.headers.get_or_empty("Azure-AsyncOperation"));
  EXPECT_TRUE(url.starts_with("https://management.azure.com/subscriptions/")) << url;

  EXPECT_FALSE(is_served(names().app_one));
  EXPECT_EQ(state_of(vm()), "Updating");
  auto operation = parse_body(arm("GET", operation_target(response)));
  EXPECT_EQ(text_at(operation, {"status"}), "InProgress");
  EXPECT_EQ(text_at(operation, {"endTime"}), "(absent)");
  finish();
  operation = parse_body(arm("GET", operation_target(response)));
  EXPECT_EQ(text_at(operation, {"status"}), "Succeeded");
  EXPECT_NE(text_at(operation, {"endTime"}), "(absent)");
  EXPECT_EQ(state_of(vm()), "Succeeded");
  EXPECT_TRUE(is_served(names().app_one));
}

TEST_F(ArmTest, ImdsFollowsAfterThePropagationDelay) {
  world().settings.propagation_delay = std::chrono::seconds(30);
  ASSERT_EQ(patch(vm(), map(names().app_one)).status, 200);
  finish();
  EXPECT_EQ(state_of(vm()), "Succeeded");
  EXPECT_FALSE(is_served(names().app_one));
  clock_.advance(std::chrono::seconds(30));
  EXPECT_TRUE(is_served(names().app_one));
  ASSERT_EQ(patch(vm(), map(names().app_one, "null")).status, 200);
  finish();
  EXPECT_TRUE(is_served(names().app_one));
  clock_.advance(std::chrono::seconds(30));
  EXPECT_FALSE(is_served(names().app_one));
}

TEST_F(ArmTest, RetryAfterIsSentWhenConfigured) {
  world().settings.retry_after = std::chrono::seconds(10);
  const auto response = patch(scale_set(), map(names().app_one));
  EXPECT_EQ(response.headers.get_or_empty("Retry-After"), "10");
  EXPECT_EQ(arm("GET", operation_target(response)).headers.get_or_empty("Retry-After"), "10");
  finish();
  EXPECT_FALSE(arm("GET", operation_target(response)).headers.find("Retry-After"));
}

TEST_F(ArmTest, TypesDecideWhatStays) {
  const auto type = [&] { return text_at(get(vm()), {"identity", "type"}); };
  ASSERT_EQ(patch(vm(), R"({"type":"SystemAssigned,UserAssigned"})").status, 200);
  finish();
  EXPECT_EQ(type(), "SystemAssigned, UserAssigned");
  EXPECT_EQ(text_at(get(vm()), {"identity", "tenantId"}), kLabTenantId);
  const std::string principal = text_at(get(vm()), {"identity", "principalId"});
  ASSERT_EQ(patch(vm(), R"({"type":"SystemAssigned"})").status, 200);
  finish();
  EXPECT_EQ(type(), "SystemAssigned");
  EXPECT_EQ(text_at(get(vm()), {"identity", "principalId"}), principal);
  ASSERT_EQ(patch(vm(), map(names().app_one)).status, 200);
  finish();
  EXPECT_EQ(type(), "UserAssigned");
  ASSERT_EQ(patch(vm(), R"({"type":"None"})").status, 200);
  finish();
  EXPECT_EQ(text_at(get(vm()), {"identity"}), "(absent)");
}

TEST_F(ArmTest, AnUpdateThatChangesNothingHasNoOperation) {
  const auto response = patch(vm(), map(names().node_identity));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(text_at(parse_body(response), {"properties", "provisioningState"}), "Updating");
  EXPECT_FALSE(response.headers.find("Azure-AsyncOperation"));
  EXPECT_EQ(state_of(vm()), "Succeeded");
}

TEST_F(ArmTest, MalformedUpdatesAreRefused) {
  const auto code = [&](const std::string& identity_json) {
    const auto response = patch(vm(), identity_json);
    EXPECT_EQ(response.status, 400) << response.body;
    return code_of(response);
  };
  EXPECT_EQ(code(R"({"userAssignedIdentities":{}})"), "InvalidRequestContent");
  EXPECT_EQ(code(R"({"type":"Sometimes"})"), "InvalidRequestContent");
  EXPECT_EQ(code("not json"), "InvalidRequestContent");
  EXPECT_EQ(code(R"({"type":"SystemAssigned","userAssignedIdentities":{"/x":{}}})"), "InvalidIdentityValues");
  EXPECT_EQ(code(map("/subscriptions/x")), "InvalidParameter");
  EXPECT_EQ(code(map(names().app_one + "/")), "InvalidParameter");
  EXPECT_EQ(code(map(names().app_one + "/../../x")), "InvalidParameter");
  EXPECT_EQ(code(map(names().app_one + " ")), "InvalidParameter");
  EXPECT_EQ(code(map("https://management.azure.com" + names().app_one)), "LinkedInvalidPropertyId");
  EXPECT_EQ(code(map(names().app_one, R"({"extra":1})")), "InvalidIdentityValues");
  EXPECT_EQ(code(fmt::format(R"({{"type":"UserAssigned","userAssignedIdentities":{{"{}":{{}},"{}":{{}}}}}})",
                             names().app_one, base::to_lower(names().app_one))),
            "InvalidParameter");
}

TEST_F(ArmTest, AnIdentityIsRefusedAsTheWorldSays) {
  const std::string& id = names().app_one;
  world().refused_identities[id] = {.status = 422, .code = "Odd", .message = "no"};
  EXPECT_EQ(patch(vm(), map(names().app_two)).status, 200);
  finish();
  for (const std::string_view value : {"{}", "null"}) {
    const auto response = patch(vm(), map(id, std::string(value)));
    EXPECT_EQ(response.status, 422);
    EXPECT_EQ(code_of(response), "Odd");
  }
}

TEST_F(ArmTest, AnIdentityThatDoesNotExistIsNamed) {
  const std::string ghost = user_assigned_identity_id(kLabSubscriptionId, kLabResourceGroup, "ghost");
  const auto response = patch(vm(), map(ghost));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(code_of(response), "FailedIdentityOperation");
  EXPECT_TRUE(text_at(parse_body(response), {"error", "message"})
                  .contains(fmt::format(R"("message":"Resource '{}' was not found.")", ghost)))
      << response.body;
}

TEST_F(ArmTest, IdentitiesThatMayNotBeAssignedAreListedInOneQuote) {
  const std::string elsewhere = user_assigned_identity_id(kLabSubscriptionId, "other", "id");
  world().deny_assignments["no"] = {.principal_id = world().applications[names().mic_client_id].object_id,
                                    .scope = names().app_one,
                                    .actions = {"Microsoft.ManagedIdentity/*"}};
  const std::string both = fmt::format(R"({{"type":"UserAssigned","userAssignedIdentities":{{"{}":{{}},"{}":{{}}}}}})",
                                       names().app_one, elsewhere);
  const auto response = patch(vm(), both);
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(code_of(response), "LinkedAuthorizationFailed");
  EXPECT_TRUE(
      text_at(parse_body(response), {"error", "message"}).contains(fmt::format("'{},{}'", names().app_one, elsewhere)))
      << response.body;
  // Removal needs the right on scale sets only.
  world().machines.find(vm())->second.identity.user_assigned.insert(names().app_one);
  world().machines.find(scale_set())->second.identity.user_assigned.insert(names().app_one);
  EXPECT_EQ(patch(vm(), map(names().app_one, "null")).status, 200);
  EXPECT_EQ(code_of(patch(scale_set(), map(names().app_one, "null"))), "LinkedAuthorizationFailed");
}

TEST_F(ArmTest, WithoutTheRightToWriteTheMachineIsRefused) {
  world().role_assignments["mic"].actions = {"Microsoft.Compute/virtualMachines/read"};
  EXPECT_EQ(arm("GET", vm() + std::string(kVersion)).status, 200);
  auto response = patch(vm(), map(names().app_one));
  EXPECT_EQ(response.status, 403);
  EXPECT_EQ(code_of(response), "AuthorizationFailed");
  response = arm("GET", scale_set() + std::string(kVersion));
  EXPECT_EQ(code_of(response), "AuthorizationFailed");
}

TEST_F(ArmTest, ConcurrentUpdatesAndMachinesBeingDeletedAreConflicts) {
  ASSERT_EQ(patch(vm(), map(names().app_one)).status, 200);
  auto response = patch(vm(), map(names().app_two));
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(code_of(response), "Conflict");
  EXPECT_EQ(patch(scale_set(), map(names().app_two)).status, 200);
  finish();
  EXPECT_EQ(patch(vm(), map(names().app_two)).status, 200);
  finish();
  world().machines.find(vm())->second.provisioning_state = "Deleting";
  response = patch(vm(), map(names().app_three));
  EXPECT_EQ(response.status, 409);
  EXPECT_EQ(code_of(response), "OperationNotAllowed");
}

TEST_F(ArmTest, AFailedOperationLeavesTheMachineAsItWas) {
  simulator_->fail_operations(1, "OperationPreempted", "replaced by another");
  const auto response = patch(vm(), map(names().app_one));
  ASSERT_EQ(response.status, 200);
  finish();
  const auto operation = parse_body(arm("GET", operation_target(response)));
  EXPECT_EQ(text_at(operation, {"status"}), "Failed");
  EXPECT_EQ(text_at(operation, {"error", "code"}), "OperationPreempted");
  EXPECT_EQ(state_of(vm()), "Failed");
  EXPECT_FALSE(is_served(names().app_one));
  EXPECT_EQ(get(vm()).at("identity").at("userAssignedIdentities").as_object().size(), 1U);
}

TEST_F(ArmTest, WhatIsNotThereIsNamed) {
  const auto code = [&](const std::string& target) {
    const auto response = arm("GET", target + std::string(kVersion));
    EXPECT_EQ(response.status, 404);
    return code_of(response);
  };
  EXPECT_EQ(code(virtual_machine_id(kLabSubscriptionId, kLabResourceGroup, "ghost")), "ResourceNotFound");
  EXPECT_EQ(code(virtual_machine_id(kLabSubscriptionId, "ghosts", "vm")), "ResourceGroupNotFound");
  EXPECT_EQ(code(virtual_machine_id("ghost", "rg", "vm")), "SubscriptionNotFound");
  EXPECT_EQ(code(fmt::format("/subscriptions/{}/providers/Microsoft.Compute/locations/x/operations/ghost",
                             kLabSubscriptionId)),
            "OperationNotFound");
  EXPECT_EQ(code_of(arm("GET", vm())), "MissingApiVersionParameter");
  EXPECT_EQ(code_of(arm("GET", vm() + "?api-version=2017-12-01")), "InvalidApiVersionParameter");
}

TEST_F(ArmTest, TokensAreVerified) {
  const auto ask = [&](const std::string& authorization) {
    net::Request request{.target = vm() + std::string(kVersion), .headers = {}, .body = {}};
    if (!authorization.empty()) request.headers.add("Authorization", authorization);
    auto response = send(Role::arm, std::move(request));
    EXPECT_EQ(response.status, 401);
    EXPECT_TRUE(response.headers.get_or_empty("WWW-Authenticate").starts_with("Bearer authorization_uri="));
    return code_of(response);
  };
  EXPECT_EQ(ask(""), "AuthenticationFailed");
  EXPECT_EQ(ask("Bearer x.y.z"), "InvalidAuthenticationToken");
  EXPECT_EQ(ask("Bearer " + application_token(names().mic_client_id, names().mic_secret, kVaultAudience)),
            "InvalidAuthenticationToken");
  std::string token = application_token(names().mic_client_id, names().mic_secret, kArmAudience);
  std::string forged = token;
  forged[forged.size() - 10] = forged[forged.size() - 10] == 'A' ? 'B' : 'A';
  EXPECT_EQ(ask("Bearer " + forged), "InvalidAuthenticationToken");
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(ask("Bearer " + token), "ExpiredAuthenticationToken");
}

TEST_F(ArmTest, ListsComeInPages) {
  world().settings.list_page_size = 2;
  for (const std::string_view name : {"vm-1", "vm-2", "vm-3"}) {
    world().machines[virtual_machine_id(kLabSubscriptionId, kLabResourceGroup, name)];
  }
  std::vector<std::string> found;
  std::string target = fmt::format("/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute/virtualMachines{}",
                                   kLabSubscriptionId, kLabResourceGroup, kVersion);
  int pages = 0;
  while (!target.empty()) {
    const auto page = parse_body(arm("GET", target));
    ++pages;
    for (const json::value& machine : page.at("value").as_array()) found.push_back(text_at(machine, {"name"}));
    const auto next = net::parse_url(text_at(page, {"nextLink"}));
    target = next ? next->target : std::string();
  }
  EXPECT_EQ(found, (std::vector<std::string>{"node-a", "vm-1", "vm-2", "vm-3"}));
  EXPECT_EQ(pages, 2);
  const auto sets = parse_body(arm("GET", fmt::format("/subscriptions/{}/resourceGroups/{}/providers/"
                                                      "Microsoft.Compute/virtualMachineScaleSets{}",
                                                      kLabSubscriptionId, kLabResourceGroup, kVersion)));
  EXPECT_EQ(sets.at("value").as_array().size(), 1U);
}

TEST_F(ArmTest, ShowsUserAssignedIdentities) {
  const auto body = parse_body(arm("GET", names().app_one + "?api-version=2024-11-30"));
  EXPECT_EQ(text_at(body, {"name"}), "app-one");
  EXPECT_EQ(text_at(body, {"properties", "clientId"}), identity(names().app_one).client_id);
  EXPECT_EQ(arm("GET", names().app_one + "x?api-version=2024-11-30").status, 404);
}

}  // namespace
}  // namespace podid::lab::azure
