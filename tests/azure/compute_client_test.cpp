// SPDX-License-Identifier: Apache-2.0
#include "azure/compute_client.hpp"

#include <gmock/gmock.h>

#include "azure/arm_fixture.hpp"

namespace podid::azure {
namespace {

using namespace std::chrono_literals;
using test::identity_id;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Ids = std::vector<std::string>;

class ComputeClientTest : public test::ArmTest {
 protected:
  void SetUp() override {
    ArmTest::SetUp();
    ComputeOptions options;
    options.on_operation = [this](std::string_view operation, base::Duration, Ended ended) {
      operations_.push_back(std::string(operation) + (ended == Ended::well ? "" : " failed"));
    };
    compute_ = std::make_unique<ComputeClient>(std::move(options), *arm_, clock_);
  }

  UpdateResult update(Ids add, Ids remove, base::Duration limit = 1h, OnRefusal on_refusal = OnRefusal::find_culprits) {
    IdentityChange change{.add = std::move(add), .remove = std::move(remove), .on_refusal = on_refusal};
    return test::run_task(io_, compute_->update(vm_, std::move(change), clock_.in(limit)));
  }
  void answer_state(std::string_view type, const Ids& ids, std::string_view provisioning_state = "Succeeded") {
    arm_server_->answer(200, test::resource_body(type, ids, provisioning_state));
  }
  void answer_done() { arm_server_->answer(200, R"({"properties":{"provisioningState":"Succeeded"}})"); }
  void refuse(const Ids& ids) {
    std::string joined;
    for (const std::string& id : ids) joined += (joined.empty() ? "" : ",") + id;
    arm_server_->answer(
        403, test::error_body("LinkedAuthorizationFailed", "the linked scope(s) '" + joined + "' are invalid"));
  }
  void refuse_without_names() {
    arm_server_->answer(400, test::error_body("FailedIdentityOperation", "Identity operation failed with error ''"));
  }
  std::string body(std::size_t request) const { return arm_server_->requests.at(request).body; }
  static Ids attached(const UpdateResult& result) {
    Ids ids;
    if (result.after) {
      for (const auto& [id, identity] : result.after->user_assigned) ids.push_back(id);
    }
    return ids;
  }
  static Ids refused(const UpdateResult& result) {
    Ids ids;
    for (const RefusedIdentity& identity : result.refused) ids.push_back(identity.id);
    return ids;
  }

  std::vector<std::string> operations_;
  std::unique_ptr<ComputeClient> compute_;
};

TEST_F(ComputeClientTest, ReadsOneResource) {
  answer_state("UserAssigned", {identity_id("a")});
  const auto state = test::run_task(io_, compute_->get(vm_, clock_.in(1h)));
  ASSERT_TRUE(state.has_value());
  EXPECT_TRUE(state->has(identity_id("A")));
  EXPECT_THAT(operations_, ElementsAre("vm_get"));
}

// The answer to a PATCH shows the resource as it was before.
TEST_F(ComputeClientTest, ClientIdsOfAddedIdentitiesAreReadWhereTheyAreWanted) {
  ComputeOptions options;
  options.learn_client_ids = true;
  compute_ = std::make_unique<ComputeClient>(std::move(options), *arm_, clock_);
  const std::string with_client =
      R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{")" + identity_id("A") +
      R"(":{"clientId":"client-a","principalId":"p"}}},"properties":{"provisioningState":"Succeeded"}})";
  answer_state("None", {});
  answer_done();
  arm_server_->answer(200, with_client);
  UpdateResult result = update({identity_id("a"), identity_id("b")}, {});
  ASSERT_TRUE(result.ok() && result.after);
  EXPECT_EQ(result.after->user_assigned.at(identity_id("a")).client_id, "client-a");
  EXPECT_TRUE(result.after->has(identity_id("b"))) << "the answer may be behind what was done";
  EXPECT_EQ(arm_server_->left(), 0u);
  // Nothing is asked twice of what was on before.
  arm_server_->answer(200, with_client);
  result = update({identity_id("a")}, {});
  EXPECT_EQ(result.after->user_assigned.at(identity_id("a")).client_id, "client-a");
  // It is not worth failing for.
  answer_state("None", {});
  answer_done();
  arm_server_->answer(403, test::error_body("AuthorizationFailed", "no"));
  result = update({identity_id("a")}, {});
  EXPECT_TRUE(result.ok() && result.after && result.after->has(identity_id("a")));
  EXPECT_TRUE(result.client_ids_unread);
}

TEST_F(ComputeClientTest, WhatStaysIsKnownByWhatAzureSaysOfIt) {  // D7
  ComputeOptions options;
  options.stays = [](std::string_view, const UserIdentity& identity) { return identity.client_id == "client-node"; };
  compute_ = std::make_unique<ComputeClient>(std::move(options), *arm_, clock_);
  const std::string both = R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{")" + identity_id("node") +
                           R"(":{"clientId":"client-node"},")" + identity_id("b") +
                           R"(":{"clientId":"client-b"}}},"properties":{"provisioningState":"Succeeded"}})";
  arm_server_->answer(200, both);
  answer_done();
  UpdateResult result = update({}, {identity_id("Node"), identity_id("b")});
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(body(1), "{\"identity\":{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{\"" + identity_id("b") +
                         "\":null}}}");
  arm_server_->answer(200, both);
  result = update({}, {identity_id("node")});
  EXPECT_TRUE(result.ok());
  EXPECT_TRUE(result.after && result.after->has(identity_id("node")));
  EXPECT_THAT(calls(), ElementsAre("GET vm1", "PATCH vm1", "GET vm1"));
}

TEST_F(ComputeClientTest, AnEmptyChangeCallsNobody) {
  const UpdateResult result = update({}, {});
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(calls(), IsEmpty());
}

TEST_F(ComputeClientTest, NothingToDoIsOneRead) {
  answer_state("SystemAssigned", {});
  const UpdateResult result = update({}, {identity_id("a")});
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(calls(), ElementsAre("GET vm1"));
  ASSERT_TRUE(result.after.has_value());
  EXPECT_EQ(result.after->type, IdentityType::system);
}

TEST_F(ComputeClientTest, AddsAndRemoves) {
  answer_state("UserAssigned", {identity_id("old"), identity_id("foreign")});
  answer_done();
  const UpdateResult result = update({identity_id("NEW")}, {identity_id("Old")});
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(attached(result), ElementsAre(identity_id("foreign"), identity_id("new")));
  EXPECT_EQ(body(1), "{\"identity\":{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{\"" + identity_id("old") +
                         "\":null,\"" + identity_id("new") + "\":{}}}}");
  EXPECT_THAT(operations_, ElementsAre("vm_get", "vm_update"));
}

TEST_F(ComputeClientTest, AScaleSetIsNamedSo) {
  vm_.kind = ResourceKind::vmss;
  answer_state("", {});
  answer_done();
  EXPECT_TRUE(update({identity_id("a")}, {}).ok());
  EXPECT_THAT(operations_, ElementsAre("vmss_get", "vmss_update"));
}

TEST_F(ComputeClientTest, MoreThan150GoInSteps) {
  Ids ids;
  for (int i = 0; i < 200; ++i) ids.push_back(identity_id(fmt::format("id{:03}", i)));
  answer_state("", {});
  answer_done();
  answer_state("UserAssigned", Ids(ids.begin(), ids.begin() + 150));
  answer_done();
  const UpdateResult result = update(ids, {});
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(calls(), ElementsAre("GET vm1", "PATCH vm1", "GET vm1", "PATCH vm1"));
  EXPECT_THAT(attached(result), SizeIs(200));
}

TEST_F(ComputeClientTest, EachStepFollowsFromARead) {  // MIC-1
  Ids ids;
  for (int i = 0; i < 200; ++i) ids.push_back(identity_id(fmt::format("id{:03}", i)));
  answer_state("", {});
  answer_done();
  answer_state("SystemAssigned, UserAssigned", Ids(ids.begin(), ids.begin() + 150));
  answer_done();
  EXPECT_TRUE(update(ids, {}).ok());
  EXPECT_THAT(body(3), HasSubstr("\"SystemAssigned, UserAssigned\"")) << "switched on between the steps";
}

TEST_F(ComputeClientTest, ARepeatedPatchFollowsFromANewRead) {  // MIC-1
  answer_state("UserAssigned", {identity_id("x")});
  arm_server_->answer(503, "{}", {{"Retry-After", "600"}});
  answer_state("SystemAssigned, UserAssigned", {identity_id("x"), identity_id("foreign")});
  answer_done();
  const UpdateResult result = update({}, {identity_id("x")});
  EXPECT_TRUE(result.ok());
  EXPECT_THAT(body(1), HasSubstr("\"None\""));
  EXPECT_THAT(calls(), ElementsAre("GET vm1", "PATCH vm1", "GET vm1", "PATCH vm1"));
  // Somebody has switched on the system-assigned identity meanwhile and attached one of his own: both stay.
  EXPECT_EQ(body(3), "{\"identity\":{\"type\":\"SystemAssigned, UserAssigned\",\"userAssignedIdentities\":{\"" +
                         identity_id("x") + "\":null}}}");
  EXPECT_THAT(attached(result), ElementsAre(identity_id("foreign")));
  EXPECT_THAT(clock_.waits, ElementsAre(600s));
}

TEST_F(ComputeClientTest, RepeatedPatchesAreLimited) {
  for (const int status : {408, 500, 502, 503}) {
    answer_state("", {});
    arm_server_->answer(status, "{}");
  }
  answer_state("", {});
  const UpdateResult result = update({identity_id("a")}, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error->http_status, 503);
  EXPECT_THAT(result.refused, IsEmpty());
  EXPECT_THAT(clock_.waits, ElementsAre(30s, 60s, 120s));
  EXPECT_EQ(arm_server_->left(), 0u);
}

TEST_F(ComputeClientTest, ATokenRefusedByAPatchIsRenewedOnce) {
  for (const std::string_view token : {"token-2", "token-3"}) {
    answer_state("", {});
    arm_server_->answer(401, test::error_body("ExpiredAuthenticationToken", "old"));
    give_token(token);
  }
  answer_state("", {});
  const UpdateResult result = update({identity_id("a")}, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error->kind, base::ErrorKind::unauthenticated);
  EXPECT_EQ(arm_server_->requests.at(3).headers.get_or_empty("Authorization"), "Bearer token-2");
  EXPECT_EQ(arm_server_->left(), 0u);
}

TEST_F(ComputeClientTest, AFailedReadEndsIt) {
  arm_server_->answer(403, test::error_body("AuthorizationFailed", "no"));
  arm_server_->answer(403, test::error_body("AuthorizationFailed", "no"));
  const UpdateResult result = update({identity_id("a")}, {});
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(result.error->message,
              StartsWith("failed to get identity resource, error: the resource manager answered 403"));
  EXPECT_FALSE(result.after.has_value());
  EXPECT_THAT(operations_, ElementsAre("vm_get failed", "vm_get failed"));
}

TEST_F(ComputeClientTest, AResourceBeingDeletedIsLeftAlone) {
  answer_state("", {}, "Deleting");
  answer_state("", {}, "Deleting");
  const UpdateResult result = update({identity_id("a")}, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error->message, "failed to update identities for vm1 in rg, vm is in 'Deleting' provisioning state");
  vm_.kind = ResourceKind::vmss;
  answer_state("", {}, "Deleting");
  answer_state("", {}, "Deleting");
  EXPECT_EQ(update({identity_id("a")}, {}).error->message,
            "failed to update identities for vm1 in rg, vmss is in Deleting provisioning state");
  EXPECT_THAT(calls(), ::testing::Each("GET vm1"));
}

TEST_F(ComputeClientTest, AnUnknownTypeIsLeftAlone) {
  answer_state("ActorAssigned", {});
  answer_state("ActorAssigned", {});
  const UpdateResult result = update({identity_id("a")}, {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error->kind, base::ErrorKind::unsupported);
}

TEST_F(ComputeClientTest, GoodIdentitiesAreAttachedWithoutTheRefusedOnes) {
  answer_state("UserAssigned", {identity_id("kept")});
  refuse({identity_id("BAD1"), identity_id("bad2"), identity_id("not-ours")});
  answer_state("UserAssigned", {identity_id("kept")});
  answer_done();
  answer_state("UserAssigned", {identity_id("kept"), identity_id("good")});
  const UpdateResult result = update({identity_id("bad1"), identity_id("bad2"), identity_id("good")}, {});
  ASSERT_FALSE(result.ok());  // the first error, although the rest went through
  EXPECT_EQ(result.error->code, "LinkedAuthorizationFailed");
  EXPECT_THAT(refused(result), ElementsAre(identity_id("bad1"), identity_id("bad2")));
  EXPECT_THAT(attached(result), ElementsAre(identity_id("good"), identity_id("kept")));
  EXPECT_THAT(calls(), ElementsAre("GET vm1", "PATCH vm1", "GET vm1", "PATCH vm1", "GET vm1"));
  EXPECT_THAT(clock_.waits, ElementsAre(1s));
  EXPECT_EQ(body(3), "{\"identity\":{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{\"" + identity_id("good") +
                         "\":{}}}}");
}

TEST_F(ComputeClientTest, ARefusalCanBeTheLastWord) {  // SEC-4
  answer_state("", {});
  refuse_without_names();
  answer_state("", {});
  UpdateResult result = update({identity_id("A"), identity_id("b")}, {}, 1h, OnRefusal::stop);
  ASSERT_FALSE(result.ok());
  EXPECT_THAT(refused(result), IsEmpty());
  EXPECT_THAT(result.undecided, ElementsAre(identity_id("a"), identity_id("b")));
  answer_state("", {});
  refuse({identity_id("a")});
  answer_state("", {});
  result = update({identity_id("a"), identity_id("b")}, {}, 1h, OnRefusal::stop);
  EXPECT_THAT(refused(result), ElementsAre(identity_id("a")));
  EXPECT_THAT(result.undecided, IsEmpty());
  answer_state("", {});
  refuse_without_names();
  answer_state("", {});
  result = update({identity_id("a")}, {}, 1h, OnRefusal::stop);
  EXPECT_THAT(refused(result), ElementsAre(identity_id("a"))) << "it was alone";
  EXPECT_EQ(arm_server_->left(), 0u);
}

TEST_F(ComputeClientTest, WithoutSearchForCulpritsNamedOnesAreStillDroppedAndRemovalsTriedApart) {
  answer_state("UserAssigned", {identity_id("old")});
  refuse({identity_id("a")});
  answer_state("UserAssigned", {identity_id("old")});
  refuse_without_names();
  answer_state("UserAssigned", {identity_id("old")});
  refuse_without_names();
  answer_state("UserAssigned", {identity_id("old")});
  answer_done();
  answer_state("UserAssigned", {});
  const UpdateResult result =
      update({identity_id("a"), identity_id("b"), identity_id("c")}, {identity_id("old")}, 1h, OnRefusal::drop_named);
  EXPECT_THAT(refused(result), ElementsAre(identity_id("a")));
  EXPECT_THAT(result.undecided, ElementsAre(identity_id("b"), identity_id("c")));
  EXPECT_THAT(attached(result), IsEmpty());
  EXPECT_EQ(arm_server_->left(), 0u);
}

TEST_F(ComputeClientTest, RetriesAreLimited) {
  for (const std::string_view name : {"a", "b", "c"}) {
    answer_state("", {});
    refuse({identity_id(name)});
  }
  answer_state("", {});
  const UpdateResult result = update({identity_id("a"), identity_id("b"), identity_id("c"), identity_id("d")}, {});
  EXPECT_THAT(refused(result), ElementsAre(identity_id("a"), identity_id("b"), identity_id("c")));
  EXPECT_EQ(arm_server_->left(), 0u);
}

TEST_F(ComputeClientTest, NothingLeftIsNotTriedAgain) {
  answer_state("", {});
  refuse({identity_id("a")});
  answer_state("", {});
  const UpdateResult result = update({identity_id("a")}, {});
  EXPECT_FALSE(result.ok());
  EXPECT_THAT(refused(result), ElementsAre(identity_id("a")));
  EXPECT_THAT(calls(), ElementsAre("GET vm1", "PATCH vm1", "GET vm1"));
}

TEST_F(ComputeClientTest, AnUnnamedRefusalIsFoundByHalving) {
  answer_state("", {});
  refuse_without_names();  // a, b, c
  answer_state("", {});
  answer_done();  // a
  answer_state("UserAssigned", {identity_id("a")});
  refuse_without_names();  // b, c
  answer_state("UserAssigned", {identity_id("a")});
  refuse_without_names();  // b
  answer_state("UserAssigned", {identity_id("a")});
  answer_done();  // c
  answer_state("UserAssigned", {identity_id("a"), identity_id("c")});
  const UpdateResult result = update({identity_id("a"), identity_id("b"), identity_id("c")}, {});
  EXPECT_FALSE(result.ok());
  EXPECT_THAT(refused(result), ElementsAre(identity_id("b")));
  EXPECT_THAT(attached(result), ElementsAre(identity_id("a"), identity_id("c")));
  EXPECT_EQ(arm_server_->left(), 0u);
}

TEST_F(ComputeClientTest, AnyFinalRefusalIsHalvedWhateverItSays) {  // SEC-4, FLD-2
  const std::pair<int, std::string> answers[] = {
      {400, test::error_body("LinkedInvalidPropertyId", "Property id '" + identity_id("bad") + "/' is invalid.")},
      {400, test::error_body("InvalidIdentityValues", "Invalid value for the identities '" + identity_id("good") +
                                                          "','" + identity_id("bad") + "'.")},
      {404, test::error_body("ResourceNotFound", "The Resource " + identity_id("bad") + " was not found.")},
      {403, test::error_body("AuthorizationFailed",
                             "no right to perform action "
                             "'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'")},
      {422, "<html>"},
  };
  for (const auto& [status, text] : answers) {
    const std::size_t first = arm_server_->requests.size();
    answer_state("", {});
    arm_server_->answer(status, text);  // bad, good
    answer_state("", {});
    arm_server_->answer(status, text);  // bad
    answer_state("", {});
    answer_done();  // good
    answer_state("UserAssigned", {identity_id("good")});
    const UpdateResult result = update({identity_id("bad"), identity_id("good")}, {});
    EXPECT_THAT(refused(result), ElementsAre(identity_id("bad"))) << text;
    EXPECT_THAT(attached(result), ElementsAre(identity_id("good"))) << text;
    EXPECT_NE(result.error->kind, base::ErrorKind::not_found) << "the machine is there";
    EXPECT_EQ(arm_server_->requests.size() - first, 7u) << text;
    EXPECT_EQ(arm_server_->left(), 0u) << text;
  }
}

TEST_F(ComputeClientTest, AMalformedIdIsNeverSent) {  // SEC-4
  answer_state("UserAssigned", {identity_id("old")});
  answer_done();
  answer_state("UserAssigned", {identity_id("good"), identity_id("old")});
  const UpdateResult result = update({identity_id("a/../../x"), identity_id("good")}, {identity_id("old") + "/"});
  EXPECT_THAT(refused(result), ElementsAre(identity_id("a/../../x")));
  EXPECT_THAT(attached(result), ElementsAre(identity_id("good"), identity_id("old")));
  EXPECT_EQ(body(1), "{\"identity\":{\"type\":\"UserAssigned\",\"userAssignedIdentities\":{\"" + identity_id("good") +
                         "\":{}}}}");
}

TEST_F(ComputeClientTest, RemovalsAreTriedApartFromAdditions) {
  answer_state("UserAssigned", {identity_id("old")});
  arm_server_->answer(400, test::error_body("BadRequest", "no"));  // -old +new
  answer_state("UserAssigned", {identity_id("old")});
  answer_done();  // +new
  answer_state("UserAssigned", {identity_id("new"), identity_id("old")});
  arm_server_->answer(400, test::error_body("BadRequest", "no"));  // -old
  answer_state("UserAssigned", {identity_id("new"), identity_id("old")});
  const UpdateResult result = update({identity_id("new")}, {identity_id("old")});
  EXPECT_THAT(refused(result), ElementsAre(identity_id("old")));
  EXPECT_THAT(attached(result), ElementsAre(identity_id("new"), identity_id("old")));
  EXPECT_EQ(arm_server_->left(), 0u);
}

TEST_F(ComputeClientTest, OnlyWhatAPatchNamedIsBlamed) {
  const Ids there = {identity_id("there1"), identity_id("there2")};
  answer_state("UserAssigned", there);
  arm_server_->answer(400, test::error_body("BadRequest", "no"));
  answer_state("UserAssigned", there);
  const UpdateResult result = update({there[0], there[1], identity_id("bad")}, {identity_id("absent")});
  EXPECT_THAT(refused(result), ElementsAre(identity_id("bad")));
  EXPECT_THAT(calls(), ElementsAre("GET vm1", "PATCH vm1", "GET vm1"));
}

TEST_F(ComputeClientTest, AnAsynchronousRefusalCountsToo) {
  answer_state("", {});
  arm_server_->answer(202, "", {{"Azure-AsyncOperation", "/operations/op1"}});
  arm_server_->answer(
      200, "{\"status\":\"Failed\",\"error\":{\"code\":\"FailedIdentityOperation\",\"message\":\"Resource '" +
               identity_id("gone") + "' was not found.\"}}");
  answer_state("", {});
  answer_done();
  answer_state("UserAssigned", {identity_id("good")});
  const UpdateResult result = update({identity_id("gone"), identity_id("good")}, {});
  EXPECT_THAT(refused(result), ElementsAre(identity_id("gone")));
  EXPECT_THAT(attached(result), ElementsAre(identity_id("good")));
}

TEST_F(ComputeClientTest, AConflictIsReadAgainAndRepeated) {
  answer_state("", {});
  arm_server_->answer(409, test::error_body("Conflict", "another writer"), {{"Retry-After", "4"}});
  answer_state("SystemAssigned", {});
  answer_done();
  answer_state("SystemAssigned, UserAssigned", {identity_id("a")});
  const UpdateResult result = update({identity_id("a")}, {});
  EXPECT_THAT(attached(result), ElementsAre(identity_id("a")));
  EXPECT_THAT(clock_.waits, ElementsAre(4s));
  // The other writer had switched on the system-assigned identity: it must stay.
  EXPECT_THAT(body(3), HasSubstr("\"SystemAssigned, UserAssigned\""));
}

TEST_F(ComputeClientTest, ConflictsAreLimited) {
  for (int i = 0; i < 3; ++i) {
    answer_state("", {});
    arm_server_->answer(409, test::error_body("Conflict", "another writer"));
  }
  answer_state("", {});
  const UpdateResult result = update({identity_id("a")}, {});
  EXPECT_EQ(result.error->code, "Conflict");
  EXPECT_EQ(arm_server_->left(), 0u);
}

TEST_F(ComputeClientTest, OtherErrorsAreNotRepeated) {
  answer_state("", {});
  arm_server_->answer(403, test::error_body("AuthorizationFailed", "no"));
  answer_state("", {});
  const UpdateResult result = update({identity_id("a"), identity_id("b")}, {});
  EXPECT_EQ(result.error->code, "AuthorizationFailed");
  EXPECT_THAT(result.refused, IsEmpty());
  EXPECT_THAT(calls(), ElementsAre("GET vm1", "PATCH vm1", "GET vm1"));
}

TEST_F(ComputeClientTest, AFailureInALaterStepReportsWhatIsThere) {
  Ids ids;
  for (int i = 0; i < 151; ++i) ids.push_back(identity_id(fmt::format("id{:03}", i)));
  answer_state("", {});
  answer_done();
  answer_state("UserAssigned", Ids(ids.begin(), ids.begin() + 150));
  arm_server_->answer(403, test::error_body("AuthorizationFailed", "no"));
  answer_state("UserAssigned", Ids(ids.begin(), ids.begin() + 150));
  const UpdateResult result = update(ids, {});
  EXPECT_FALSE(result.ok());
  EXPECT_THAT(attached(result), SizeIs(150));
}

TEST_F(ComputeClientTest, ListsAllPagesOfAGroup) {
  arm_server_->answer(
      200, fmt::format(R"({{"value":[{}],"nextLink":"{}"}})", test::resource_body("UserAssigned", {identity_id("a")}),
                       arm_server_->url("/second?page=2")));
  arm_server_->answer(200, R"({"value":[{"name":"VM2"},{"name":"odd","identity":7},7]})");
  const auto all = test::run_task(io_, compute_->list(vm_, clock_.in(1h)));
  ASSERT_TRUE(all.has_value()) << all.error().message;
  ASSERT_EQ(all->size(), 2u);
  EXPECT_TRUE(all->at(vm_.key()).has(identity_id("a")));
  const std::string folder = vm_.key().substr(0, vm_.key().rfind('/') + 1);
  EXPECT_THAT(all->at(folder + "vm2").user_assigned, IsEmpty());
  EXPECT_THAT(calls(), ElementsAre("GET virtualMachines", "GET second"));
  EXPECT_THAT(operations_, ElementsAre("vm_list"));
}

TEST_F(ComputeClientTest, ResourcesOfAnotherCollectionAreLeftOut) {
  arm_server_->answer(200, R"({"value":[
      {"name":"vm1","id":"/subscriptions/sub/resourceGroups/other/providers/Microsoft.Compute/virtualMachines/vm1"},
      {"name":"vm2","id":"/subscriptions/SUB/resourcegroups/RG/providers/microsoft.compute/virtualmachines/VM2"}]})");
  const auto all = test::run_task(io_, compute_->list(vm_, clock_.in(1h)));
  ASSERT_TRUE(all.has_value()) << all.error().message;
  ASSERT_EQ(all->size(), 1u);
  EXPECT_TRUE(all->begin()->first.ends_with("/vm2"));
}

TEST_F(ComputeClientTest, PagesThatRunInACircleAreGivenUp) {
  for (const char* next : {"/two?page=2", "/three?page=3", "/two?page=2"}) {
    arm_server_->answer(200, fmt::format(R"({{"value":[],"nextLink":"{}"}})", arm_server_->url(next)));
  }
  const auto all = test::run_task(io_, compute_->list(vm_, clock_.in(1h)));
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().kind, base::ErrorKind::invalid);
  EXPECT_THAT(calls(), ElementsAre("GET virtualMachines", "GET two", "GET three"));
  EXPECT_THAT(operations_, ElementsAre("vm_list failed"));
}

TEST_F(ComputeClientTest, AListLargerThanAllowedIsGivenUp) {
  compute_ = std::make_unique<ComputeClient>(ComputeOptions{.max_list_bytes = 100, .on_operation = {}}, *arm_, clock_);
  const std::string filler(60, 'x');
  for (const char* next : {"/two", "/three"}) {
    arm_server_->answer(200,
                        fmt::format(R"({{"value":[],"more":"{}","nextLink":"{}"}})", filler, arm_server_->url(next)));
  }
  const auto all = test::run_task(io_, compute_->list(vm_, clock_.in(1h)));
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().kind, base::ErrorKind::invalid);
}

TEST_F(ComputeClientTest, AnUnreadablePageIsAFailedOperation) {
  arm_server_->answer(200, R"({"value":{}})");
  EXPECT_FALSE(test::run_task(io_, compute_->list(vm_, clock_.in(1h))).has_value());
  EXPECT_THAT(operations_, ElementsAre("vm_list failed"));
}

TEST_F(ComputeClientTest, ANextPageElsewhereIsNotAsked) {
  arm_server_->answer(200, R"({"value":[],"nextLink":"https://evil.example/"})");
  const auto all = test::run_task(io_, compute_->list(vm_, clock_.in(1h)));
  ASSERT_FALSE(all.has_value());
  EXPECT_EQ(all.error().kind, base::ErrorKind::denied);
}

}  // namespace
}  // namespace podid::azure
