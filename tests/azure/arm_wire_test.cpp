// SPDX-License-Identifier: Apache-2.0
#include "azure/arm_wire.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/time_text.hpp"

namespace podid::azure {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const base::WallTime kNow = base::from_unix_seconds(1'800'000'000);

net::Response response(int status, std::string body, net::Headers headers = {}) {
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

TEST(ArmRequest, EscapesItsTargets) {
  AzureResource resource{.subscription_id = "sub", .resource_group = "rg (1)", .kind = ResourceKind::vm, .name = "vm1"};
  EXPECT_EQ(resource_target(resource),
            "/subscriptions/sub/resourceGroups/rg%20%281%29/providers/Microsoft.Compute/virtualMachines/vm1"
            "?api-version=2019-12-01");
  resource.kind = ResourceKind::vmss;
  EXPECT_EQ(resource_target(resource),
            "/subscriptions/sub/resourceGroups/rg%20%281%29/providers/Microsoft.Compute/virtualMachineScaleSets/vm1"
            "?api-version=2019-12-01");
  EXPECT_EQ(resource.key(),
            "/subscriptions/sub/resourcegroups/rg (1)/providers/microsoft.compute/virtualmachinescalesets/vm1");
}

TEST(ArmRequest, CarriesItsHeaders) {
  const net::Request patch = arm_patch("/x", "{}", base::Secret("t0ken"));
  EXPECT_EQ(patch.method, "PATCH");
  EXPECT_EQ(patch.headers.get_or_empty("Authorization"), "Bearer t0ken");
  EXPECT_EQ(patch.headers.get_or_empty("Content-Type"), "application/json; charset=utf-8");
  EXPECT_EQ(arm_get("/x", base::Secret("t")).method, "GET");
}

TEST(ArmResource, IsReadAsRecorded) {
  const auto state = parse_resource(R"({
    "name": "vm1", "type": "Microsoft.Compute/virtualMachines", "location": "westus",
    "identity": {"type": "SystemAssigned, UserAssigned", "principalId": "p-0", "tenantId": "t-0",
      "userAssignedIdentities": {
        "/subscriptions/S/resourceGroups/RG/providers/Microsoft.ManagedIdentity/userAssignedIdentities/Id2":
          {"principalId": "p-2", "clientId": "c-3"},
        "/subscriptions/s/x": {"principalId": null, "clientId": null}, "/subscriptions/s/y": null}},
    "properties": {"vmId": "...", "provisioningState": "Succeeded"}})");
  ASSERT_TRUE(state.has_value()) << state.error().message;
  EXPECT_EQ(state->type, IdentityType::system_and_user);
  EXPECT_EQ(state->principal_id, "p-0");
  EXPECT_EQ(state->tenant_id, "t-0");
  EXPECT_EQ(state->provisioning_state, "Succeeded");
  EXPECT_EQ(state->user_assigned.size(), 3u);
  const auto found = state->user_assigned.find(
      "/subscriptions/s/resourcegroups/rg/providers/microsoft.managedidentity/userassignedidentities/id2");
  ASSERT_NE(found, state->user_assigned.end());
  EXPECT_EQ(found->second.client_id, "c-3");
  EXPECT_TRUE(state->has("/SUBSCRIPTIONS/S/X"));
}

TEST(ArmResource, HasATypeOfIdentity) {
  struct Row {
    std::string_view body;
    IdentityType type;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"{}", IdentityType::none},
           {R"({"identity":null})", IdentityType::none},
           {R"({"identity":{}})", IdentityType::none},
           {R"({"identity":{"type":"None"}})", IdentityType::none},
           {R"({"identity":{"type":"UserAssigned"}})", IdentityType::user},
           {R"({"identity":{"type":"systemassigned"}})", IdentityType::system},
           {R"({"identity":{"type":"SystemAssigned,UserAssigned"}})", IdentityType::system_and_user},
           {R"({"identity":{"type":"SystemAssigned, ActorAssigned"}})", IdentityType::unknown},
       }) {
    const auto state = parse_resource(row.body);
    ASSERT_TRUE(state.has_value()) << row.body;
    EXPECT_EQ(state->type, row.type) << row.body;
  }
  for (const std::string_view body :
       {"", "[]", "nope", R"({"identity":[]})", R"({"identity":{"type":"None","userAssignedIdentities":[]}})"}) {
    const auto state = parse_resource(body);
    ASSERT_FALSE(state.has_value()) << body;
    EXPECT_THAT(state.error().message, HasSubstr("the resource manager's answer"));
  }
}

TEST(ArmError, ReadsBothEnvelopes) {
  const base::Error with = arm_error(
      response(403, R"({"error":{"code":"AuthorizationFailed","message":"The client 'x' has no right"}})"), kNow);
  EXPECT_EQ(with.kind, base::ErrorKind::denied);
  EXPECT_EQ(with.http_status, 403);
  EXPECT_EQ(with.code, "AuthorizationFailed");
  EXPECT_EQ(with.message, "the resource manager answered 403: AuthorizationFailed: The client 'x' has no right");

  const base::Error without =
      arm_error(response(429,
                         R"({"code":"OperationNotAllowed","message":"too many","details":[{"code":"TooManyRequests",)"
                         R"("target":"PutVM3Min","message":"{\"allowedRequestCount\":12}"}]})",
                         {{"Retry-After", "1200"}}),
                kNow);
  EXPECT_EQ(without.kind, base::ErrorKind::throttled);
  EXPECT_EQ(without.code, "OperationNotAllowed");
  EXPECT_EQ(without.retry_after, 1200s);
  EXPECT_THAT(without.message, HasSubstr("; TooManyRequests: {\"allowedRequestCount\":12}"));

  const base::Error text = arm_error(response(502, "<html>bad gateway</html>\n"), kNow);
  EXPECT_EQ(text.kind, base::ErrorKind::unavailable);
  EXPECT_EQ(text.message, "the resource manager answered 502: (25 bytes that are no JSON object)");

  // What it says is shown in logs and events.
  const base::Error wild = arm_error(
      response(400, R"({"error":{"code":"A\u001bB","message":"one\ntwo \u009b2J eyJhbGciOi.e30.c2ln","details":)"
                    R"([{"code":"C","message":"\u0007"}],"secret":"s"}})"),
      kNow);
  EXPECT_EQ(wild.message, "the resource manager answered 400: A\\u001bB: one\\ntwo \\u009b2J [removed]; C: \\u0007");
  EXPECT_EQ(wild.code, "A\\u001bB");
}

constexpr std::string_view kLinked =
    "The client 'c' with object id 'o' has permission to perform action 'Microsoft.Compute/virtualMachines/write' on "
    "scope '/subscriptions/s/resourcegroups/nodes/providers/Microsoft.Compute/virtualMachines/vm1'; however, it does "
    "not have permission to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on the "
    "linked scope(s) '/subscriptions/S/resourcegroups/my.rg_(1)-x/providers/Microsoft.ManagedIdentity/"
    "userAssignedIdentities/ID1,/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/"
    "userAssignedIdentities/id2' or the linked scope(s) are invalid.";

TEST(ArmError, FindsIdsOfALinkedAuthorizationFailure) {
  EXPECT_THAT(
      quoted_identity_ids(kLinked),
      ElementsAre(
          "/subscriptions/s/resourcegroups/my.rg_(1)-x/providers/microsoft.managedidentity/userassignedidentities/id1",
          "/subscriptions/s/resourcegroups/rg/providers/microsoft.managedidentity/userassignedidentities/id2"));
}

TEST(ArmError, FindsIdsInsideNestedQuotes) {
  EXPECT_THAT(
      quoted_identity_ids(
          "Identity operation for resource '/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/"
          "virtualMachines/vm1' failed with error 'Failed to perform resource identity operation. Status: "
          "'BadRequest'. Response: '{\"error\":{\"code\":\"BadRequest\",\"message\":\"Resource '/subscriptions/s/"
          "resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/gone' was not "
          "found.\"}}'.'. And '/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/"
          "userAssignedIdentities/GONE' again."),
      ElementsAre(
          "/subscriptions/s/resourcegroups/rg/providers/microsoft.managedidentity/userassignedidentities/gone"));
}

TEST(ArmError, OtherTextHasNoIds) {
  for (const std::string_view message :
       {"", "/subscriptions/", "'/subscriptions/", "'/subscriptions/'",
        // Not quoted, cut off, of another type, with more or empty parts.
        "x/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a'",
        "'/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a",
        "'/subscriptions/s/resourcegroups/rg/providers/Microsoft.Compute/virtualMachines/a'",
        "'/subscriptions/s/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a/b'",
        "'/subscriptions//resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a'"}) {
    EXPECT_THAT(quoted_identity_ids(message), IsEmpty()) << message;
  }
}

TEST(ArmError, TellsWhichErrorsAreAboutSingleIdentities) {
  const auto error = [](std::string code, std::string message) {
    base::Error out;
    out.code = std::move(code);
    out.message = std::move(message);
    return out;
  };
  EXPECT_TRUE(is_identity_error(error("LinkedAuthorizationFailed", "x")));
  EXPECT_TRUE(is_identity_error(error("FailedIdentityOperation", "x")));
  EXPECT_TRUE(is_identity_error(error("", "the operation ended as Failed: FailedIdentityOperation: x")));
  EXPECT_TRUE(is_identity_error(error("InvalidParameter", std::string(kLinked))));
  EXPECT_FALSE(is_identity_error(error("InvalidParameter", "The parameter 'sku' is wrong")));
  EXPECT_FALSE(is_identity_error(error("AuthorizationFailed", "x")));
  EXPECT_FALSE(is_identity_error(error("Conflict", "x")));
}

TEST(ArmOperation, ReadsAnswersToAPatch) {
  struct Row {
    std::string_view name;
    net::Response response;
    OperationState state;
    std::string_view poll_url;
    bool by_location;
  };
  const std::string updating = R"({"properties":{"provisioningState":"Updating"}})";
  const std::string succeeded = R"({"properties":{"provisioningState":"succeeded"}})";
  for (const Row& row : std::initializer_list<Row>{
           {"as recorded", response(200, updating, {{"Azure-AsyncOperation", "https://arm/op"}}),
            OperationState::running, "https://arm/op", false},
           {"both headers",
            response(202, "", {{"Location", "https://arm/l"}, {"Azure-AsyncOperation", "https://arm/op"}}),
            OperationState::running, "https://arm/op", false},
           {"location only", response(202, "", {{"Location", "https://arm/l"}}), OperationState::running,
            "https://arm/l", true},
           {"done at once", response(200, succeeded), OperationState::succeeded, "", false},
           {"done in spite of a header", response(200, succeeded, {{"Azure-AsyncOperation", "https://arm/op"}}),
            OperationState::succeeded, "", false},
           {"no header, updating: the resource is polled", response(200, updating), OperationState::running, "", false},
           {"created", response(201, updating, {{"Azure-AsyncOperation", "https://arm/op"}}), OperationState::running,
            "https://arm/op", false},
           {"no content", response(204, ""), OperationState::succeeded, "", false},
           {"no state", response(200, "{}"), OperationState::succeeded, "", false},
           {"failed", response(200, R"({"properties":{"provisioningState":"Failed"}})"), OperationState::failed, "",
            false},
           {"accepted without a header", response(202, ""), OperationState::failed, "", false},
           {"rubbish", response(200, "<html>"), OperationState::failed, "", false},
       }) {
    const OperationStep step = read_patch_answer(row.response, kNow);
    EXPECT_EQ(step.state, row.state) << row.name;
    EXPECT_EQ(step.poll_url, row.poll_url) << row.name;
    EXPECT_EQ(step.by_location, row.by_location) << row.name;
    EXPECT_EQ(step.error.has_value(), row.state == OperationState::failed) << row.name;
  }
}

TEST(ArmOperation, ReadsAnswersToAPoll) {
  const OperationStep by_operation{.poll_url = "https://arm/op", .retry_after = {}, .error = {}};
  const OperationStep by_location{.poll_url = "https://arm/l", .by_location = true, .retry_after = {}, .error = {}};
  const OperationStep by_resource{.poll_url = "", .retry_after = {}, .error = {}};
  struct Row {
    std::string_view name;
    OperationStep previous;
    net::Response response;
    OperationState state;
    std::string_view poll_url;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"running", by_operation, response(200, R"({"status":"InProgress"})"), OperationState::running,
            "https://arm/op"},
           {"unknown word is running", by_operation, response(200, R"({"status":"Cooking"})"), OperationState::running,
            "https://arm/op"},
           {"the newest URL counts", by_operation,
            response(200, R"({"status":"InProgress"})", {{"Azure-AsyncOperation", "https://arm/op2"}}),
            OperationState::running, "https://arm/op2"},
           {"a Location beside an operation is ignored", by_operation,
            response(200, R"({"status":"InProgress"})", {{"Location", "https://arm/l"}}), OperationState::running,
            "https://arm/op"},
           {"done", by_operation, response(200, R"({"status":"SUCCEEDED"})"), OperationState::succeeded, ""},
           {"failed", by_operation, response(200, R"({"status":"Failed","error":{"code":"X","message":"y"}})"),
            OperationState::failed, ""},
           {"canceled", by_operation, response(200, R"({"status":"Canceled"})"), OperationState::failed, ""},
           {"cancelled", by_operation, response(200, R"({"status":"Cancelled"})"), OperationState::failed, ""},
           {"accepted", by_operation, response(202, ""), OperationState::running, "https://arm/op"},
           {"no status", by_operation, response(200, "{}"), OperationState::failed, ""},
           {"rubbish", by_operation, response(200, "<"), OperationState::failed, ""},
           {"location running", by_location, response(202, ""), OperationState::running, "https://arm/l"},
           {"location moved", by_location, response(202, "", {{"Location", "https://arm/l2"}}), OperationState::running,
            "https://arm/l2"},
           {"location done", by_location, response(200, ""), OperationState::succeeded, "https://arm/l"},
           {"location done with a body", by_location, response(200, R"({"name":"vm1"})"), OperationState::succeeded,
            "https://arm/l"},
           {"location done without content", by_location, response(204, ""), OperationState::succeeded,
            "https://arm/l"},
           {"location failed", by_location, response(200, R"({"status":"Failed"})"), OperationState::failed, ""},
           {"resource updating", by_resource, response(200, R"({"properties":{"provisioningState":"Updating"}})"),
            OperationState::running, ""},
           {"resource done", by_resource, response(200, R"({"properties":{"provisioningState":"Succeeded"}})"),
            OperationState::succeeded, ""},
       }) {
    const OperationStep step = read_poll_answer(row.response, row.previous, kNow);
    EXPECT_EQ(step.state, row.state) << row.name;
    EXPECT_EQ(step.poll_url, row.poll_url) << row.name;
    EXPECT_EQ(step.error.has_value(), row.state == OperationState::failed) << row.name;
  }
}

TEST(ArmOperation, AFailureTellsItsReasonAndARunningOneWhenToAskAgain) {
  const OperationStep previous{.poll_url = "https://arm/op", .retry_after = 10s, .error = {}};
  const OperationStep failed = read_poll_answer(
      response(200, R"({"status":"Failed","error":{"code":"OperationPreempted","message":"a newer one"}})"), previous,
      kNow);
  ASSERT_TRUE(failed.error.has_value());
  EXPECT_EQ(failed.error->code, "OperationPreempted");
  EXPECT_EQ(failed.error->message, "the operation ended as Failed: OperationPreempted: a newer one");

  const net::Response waiting = response(200, R"({"status":"InProgress"})", {{"Retry-After", "7"}});
  EXPECT_EQ(read_poll_answer(waiting, previous, kNow).retry_after, 7s);
  EXPECT_EQ(read_poll_answer(response(200, R"({"status":"InProgress"})"), previous, kNow).retry_after, std::nullopt);
}

TEST(ArmThrottling, TellsWhoIsMeant) {
  struct Row {
    std::string_view name;
    std::string code;
    net::Headers headers;
    bool subscription;
  };
  for (const Row& row : std::initializer_list<Row>{
           {"one VM", "OperationNotAllowed", {}, false},
           {"the subscription by code", "SubscriptionRequestsThrottled", {}, true},
           {"the resource provider", "ResourceRequestsThrottled", {}, false},
           {"the subscription by count", "X", {{"x-ms-ratelimit-remaining-subscription-writes", "0"}}, true},
           {"counts left", "X", {{"x-ms-ratelimit-remaining-subscription-writes", "3"}}, false},
           {"an old bucket",
            "X",
            {{"x-ms-ratelimit-remaining-resource", "Microsoft.Compute/PutVM3Min;0,Microsoft.Compute/PutVM30Min;9"}},
            true},
           {"a new bucket",
            "X",
            {{"x-ms-ratelimit-remaining-resource", "Microsoft.Compute/UpdateVMResource;0"}},
            false},
       }) {
    base::Error error;
    error.code = row.code;
    const ThrottleScope scope = throttle_scope(response(429, "", row.headers), error);
    EXPECT_EQ(scope.subscription, row.subscription) << row.name;
    EXPECT_EQ(scope.resource, !row.subscription) << row.name;
  }
}

TEST(ArmThrottling, CountsRemainingCalls) {
  EXPECT_EQ(remaining_calls({}), std::nullopt);
  EXPECT_EQ(remaining_calls({{"X-Ms-Ratelimit-Remaining-Subscription-Reads", "11999"}}), 11999);
  EXPECT_EQ(remaining_calls({{"x-ms-ratelimit-remaining-subscription-writes", "12"},
                             {"x-ms-ratelimit-remaining-tenant-writes", "5"},
                             {"x-ms-ratelimit-remaining-subscription-global-writes", "rubbish"},
                             {"x-ms-ratelimit-remaining-resource", "rubbish, a;b, Microsoft.Compute/GetVM3Min;x"}}),
            5);
}

}  // namespace
}  // namespace podid::azure
