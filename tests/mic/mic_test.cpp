// SPDX-License-Identifier: Apache-2.0
// The whole controller against an API server and an Azure that speak the real protocols.
#include "mic/mic.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/json.hpp"
#include "core/model/times.hpp"
#include "mic/mic_fixture.hpp"

namespace podid::test {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

using States = std::vector<std::string>;

class MicTest : public MicFixture {
 public:
  void two_nodes() {
    node("node-a", names.node_a_machine);
    node("node-b", names.node_b_machine, "0");
    identity("one", names.app_one);
    binding("b-one", "one");
  }
  // Events of this kind about the binding.
  States events_of(const std::string& reason, const std::string& binding) {
    States found = event_messages(reason);
    std::erase_if(found, [&](const std::string& message) { return !message.contains("default/" + binding + " "); });
    return found;
  }
  bool become(const States& states) {
    return until([&] { return assigned() == states; });
  }
};

TEST_F(MicTest, AssignsOnAVmAndOnAScaleSet) {
  two_nodes();
  mic::Mic& mic = start();
  pod("web");
  pod("api", "node-b");
  ASSERT_TRUE(become({"api-default-one: Assigned", "web-default-one: Assigned"}));
  EXPECT_THAT(attached(names.node_a_machine), ElementsAre("app-one", "node-identity"));
  EXPECT_THAT(attached(names.node_b_machine), ElementsAre("app-one", "node-identity"));
  remove(kube::kPods, "web");
  remove(kube::kPods, "api");
  ASSERT_TRUE(become({}));
  EXPECT_THAT(attached(names.node_a_machine), ElementsAre("node-identity"));
  EXPECT_THAT(attached(names.node_b_machine), ElementsAre("node-identity"));
  ASSERT_TRUE(until([&] { return mic.idle(); }));
  ASSERT_TRUE(until([&] { return event_messages("binding applied").size() == 2; }));
  EXPECT_THAT(event_messages("binding applied"),
              Contains("Binding b-one applied on node node-a for pod web-default-one"));
}

TEST_F(MicTest, ASystemAssignedIdentityStays) {  // MIC-1
  two_nodes();
  machine(names.node_a_machine).identity.user_assigned.clear();
  machine(names.node_a_machine).identity.system = {.client_id = "system-client", .principal_id = "system-principal"};
  const auto before = machine(names.node_a_machine).identity.system;
  start();
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  EXPECT_EQ(machine(names.node_a_machine).identity.system, before);
  remove(kube::kPods, "web");
  ASSERT_TRUE(become({}));
  EXPECT_THAT(attached(names.node_a_machine), IsEmpty());
  EXPECT_EQ(machine(names.node_a_machine).identity.system, before);
}

// A tenant names the node's own client ID beside a resource ID of his own (SEC-1).
TEST_F(MicTest, AnIdentityThatNamesAnothersClientIdIsNotAssigned) {
  two_nodes();
  const auto client_of = [this](const std::string& id) {
    return azure->world().user_assigned_identities.at(id).client_id;
  };
  identity_with_client("evil", names.app_two, client_of(names.node_identity));
  binding("b-evil", "evil");
  start();
  pod("web");
  ASSERT_TRUE(become({"web-default-evil: Created", "web-default-one: Assigned"}));
  ASSERT_TRUE(until([&] { return event_messages("ClientIDMismatch").size() >= 2; }));
  EXPECT_THAT(event_messages("ClientIDMismatch").front(),
              HasSubstr("AzureIdentity default/evil: spec.clientID is not the client ID of the identity that "
                        "spec.resourceID names, which is "));
  EXPECT_THAT(assigned(), Contains("web-default-evil: Created"));
  patch(kube::kAzureIdentities, "evil", {{"spec", {{"clientID", client_of(names.app_two)}}}});
  EXPECT_TRUE(become({"web-default-evil: Assigned", "web-default-one: Assigned"}));
}

TEST_F(MicTest, TheNodesOwnIdentityIsNeverTakenOff) {  // D7
  two_nodes();
  const std::string client_id = azure->world().user_assigned_identities.at(names.node_identity).client_id;
  environment["USER_ASSIGNED_MSI_CLIENT_ID"] = client_id;
  identity_with_client("evil", names.node_identity, "mine");
  binding("b-evil", "evil");
  mic::Mic& first = start();
  pod("web");
  ASSERT_TRUE(become({"web-default-evil: Created", "web-default-one: Assigned"}));
  ASSERT_TRUE(until([&] { return !event_messages("ClusterIdentity").empty(); }));
  // One that knows of no client ID yet has to take it off.
  stop(first);
  remove(kube::kPods, "web");
  start();
  ASSERT_TRUE(become({}));
  EXPECT_THAT(attached(names.node_a_machine), ElementsAre("node-identity"));
}

// SEC-10. Each change is followed at once, by what it concerns.
TEST_F(MicTest, WhatThePolicyDeniesIsNotAssignedAndIsTakenAway) {
  const auto policy = [this](json::value namespaces) -> json::object {
    json::object rule{{"name", "shop"}, {"namespaces", std::move(namespaces)}};
    rule["resourceIDs"] = json::array{names.app_one};
    json::object spec;
    spec["rules"].emplace_array().push_back(std::move(rule));
    return spec;
  };
  const json::value by_name{{"names", json::array{"default"}}};
  const json::value by_other_name{{"names", json::array{"other"}}};
  const json::value by_label{{"matchLabels", {{"policy.aadpodidentity.k8s.io/team", "a"}}}};
  const auto label = [this](json::value value) {
    patch(kube::kNamespaces, "default",
          {{"metadata", {{"labels", {{"policy.aadpodidentity.k8s.io/team", std::move(value)}}}}}});
  };
  two_nodes();
  pod("web");
  mic::MicOptions enforced = options();
  enforced.identity_policy = "enforce";
  mic::Mic& mic = start(enforced);
  ASSERT_TRUE(until([&] { return event_messages("identity denied").size() >= 2; })) << "on AzureIdentity and binding";
  EXPECT_THAT(event_messages("identity denied"),
              Contains("AzureIdentityBinding default/b-one has no effect on pods of namespace default: there is no "
                       "AzureIdentityPolicy default, and without one "
                       "no identity may be used; create it (deploy/examples/azureidentitypolicy.yaml is a start)"));
  ASSERT_TRUE(until([&] { return mic.active() && mic.idle(); }));
  EXPECT_THAT(assigned(), IsEmpty());

  const base::SteadyTime began = clock.steady_now();
  const States one{"web-default-one: Assigned"};
  put(kube::kAzureIdentityPolicies, {{"metadata", {{"name", "default"}}}, {"spec", policy(by_name)}});
  ASSERT_TRUE(become(one));
  patch(kube::kAzureIdentityPolicies, "default", {{"spec", policy(by_other_name)}});
  ASSERT_TRUE(become({}));
  EXPECT_THAT(attached(names.node_a_machine), ElementsAre("node-identity"));
  ASSERT_TRUE(until([&] { return event_messages("identity denied").size() >= 4; })) << "another reason is told again";
  EXPECT_THAT(event_messages("identity denied"),
              Contains(HasSubstr("has no rule that lets namespace default use AzureIdentity default/one")));

  patch(kube::kAzureIdentityPolicies, "default", {{"spec", policy(by_label)}});
  label("a");
  ASSERT_TRUE(become(one));
  label("b");
  ASSERT_TRUE(become({}));
  label("a");
  ASSERT_TRUE(become(one));
  remove(kube::kAzureIdentityPolicies, "default");
  ASSERT_TRUE(become({}));
  put(kube::kAzureIdentityPolicies, {{"metadata", {{"name", "default"}}}, {"spec", policy(by_name)}});
  ASSERT_TRUE(become(one));
  patch(kube::kAzureIdentityPolicies, "default", {{"spec", {{"rules", json::array{1}}}}});
  ASSERT_TRUE(become({})) << "one that cannot be read allows nothing";
  EXPECT_THAT(attached(names.node_a_machine), ElementsAre("node-identity"));
  EXPECT_LT(clock.steady_now() - began, std::chrono::minutes(10)) << "not by the full pass";
}

TEST_F(MicTest, WithoutAPolicyFlagThePolicyDoesNotCount) {
  two_nodes();
  put(kube::kAzureIdentityPolicies, {{"metadata", {{"name", "default"}}}, {"spec", {{"rules", json::array{}}}}});
  pod("web");
  start();
  EXPECT_TRUE(become({"web-default-one: Assigned"}));
}

TEST_F(MicTest, AnIdentityThatDoesNotExistBlocksNoOther) {
  two_nodes();
  identity("missing", names.app_one + "-missing");
  binding("b-missing", "missing");
  start();
  pod("web");
  ASSERT_TRUE(become({"web-default-missing: Created", "web-default-one: Assigned"}));
  ASSERT_TRUE(until([&] { return !event_messages("binding apply error").empty(); }));
  EXPECT_THAT(event_messages("binding apply error").front(),
              HasSubstr("failed to apply binding default/b-missing node node-a for pod default/web, error: "));
}

TEST_F(MicTest, ManyIdentitiesThatDoNotExistBlockNoOther) {  // SEC-4
  two_nodes();
  for (int i = 0; i < 20; ++i) {
    const std::string name = fmt::format("aaa-{}", i);
    identity(name, lab::azure::user_assigned_identity_id(lab::azure::kLabSubscriptionId, lab::azure::kLabResourceGroup,
                                                         name));
    binding("b-" + name, name, "bad-team");
  }
  pod("bad", "node-a", "bad-team");
  pod("web");
  start();
  const auto assigned_ones = [this] {
    States states = assigned();
    std::erase_if(states, [](const std::string& state) { return !state.ends_with(": Assigned"); });
    return states;
  };
  ASSERT_TRUE(until([&] { return assigned_ones() == States{"web-default-one: Assigned"}; }));
  EXPECT_THAT(events_of("binding apply error", "b-one"), IsEmpty());
  // One that comes when the bad ones have been put aside does not wait for their next try.
  identity("two", names.app_two);
  binding("b-two", "two");
  const base::SteadyTime began = clock.steady_now();
  ASSERT_TRUE(until([&] { return assigned_ones().size() == 2; }));
  EXPECT_LT(clock.steady_now() - began, std::chrono::seconds(60));
  EXPECT_THAT(events_of("binding apply error", "b-two"), IsEmpty());
  ASSERT_TRUE(until([&] { return !events_of("binding apply error", "b-aaa-19").empty(); }));
}

// SEC-4: a tenant edits as many identities as he may have on a scale set, again and again.
TEST_F(MicTest, EditsOfManyIdentitiesThatDoNotExistDelayAnotherTenantByOneWrite) {
  two_nodes();
  for (const char* ns : {"evil", "team"}) put(kube::kNamespaces, {{"metadata", {{"name", ns}}}});
  constexpr int kPods = 3;
  constexpr int kEach = 50;
  int edits = 0;
  const auto edit_all = [&] {
    ++edits;
    for (int i = 0; i < kPods * kEach; ++i) {
      const std::string name = fmt::format("bad-{}", i);
      const std::string id = lab::azure::user_assigned_identity_id(
          lab::azure::kLabSubscriptionId, lab::azure::kLabResourceGroup, fmt::format("{}-{}", name, edits));
      azure->world().refused_identities[id] = {.status = 400, .code = "SomethingNew", .message = ""};
      if (edits > 1) {
        patch(kube::kAzureIdentities, name, {{"spec", {{"resourceID", id}}}}, "evil");
      } else {
        identity_with_client(name, id, "client", "evil");
        binding("b-" + name, name, fmt::format("evil-{}", i % kPods), "evil");
      }
    }
  };
  edit_all();
  for (int i = 0; i < kPods; ++i) pod(fmt::format("evil-{}", i), "node-b", fmt::format("evil-{}", i), "evil");
  start();
  const auto writes = [this] { return azure->statistics().requests("arm.patch"); };
  for (int minute = 0; minute < 2; ++minute) {
    const auto enough = writes() + 2;
    ASSERT_TRUE(until([&] { return writes() >= enough; }));
    const auto before = writes();
    const std::string name = fmt::format("web-{}", minute);
    const std::string resource = minute % 2 == 0 ? names.app_one : names.app_two;
    identity(name, resource, "team");
    binding("b-" + name, name, name, "team");
    pod(name, "node-b", name, "team");
    ASSERT_TRUE(
        until([&] { return testing::Value(assigned(), Contains(fmt::format("{0}-team-{0}: Assigned", name))); }));
    EXPECT_LE(writes() - before, 2u) << "one under way, and its own";
    edit_all();
  }
}

TEST_F(MicTest, AMalformedResourceIdIsReportedAndBlocksNoOther) {  // SEC-4, FLD-2
  two_nodes();
  const std::string malformed[] = {names.app_two + "/../../x", "https://management.azure.com" + names.app_two,
                                   names.app_two + "//"};
  for (std::size_t i = 0; i < std::size(malformed); ++i) {
    identity(fmt::format("bad-{}", i), malformed[i]);
    binding(fmt::format("b-bad-{}", i), fmt::format("bad-{}", i));
  }
  identity_with_client("slash", " " + names.app_two + "/ ",
                       azure->world().user_assigned_identities.at(names.app_two).client_id);
  binding("b-slash", "slash");
  start();
  pod("web", "node-b");
  ASSERT_TRUE(become({"web-default-one: Assigned", "web-default-slash: Assigned"}));
  EXPECT_EQ(azure->statistics().requests("arm.patch"), 1u);
  EXPECT_THAT(attached(names.node_b_machine), ElementsAre("app-one", "app-two", "node-identity"));
  ASSERT_TRUE(until([&] { return event_messages("invalid object").size() == std::size(malformed); }));
  EXPECT_THAT(event_messages("invalid object"),
              ::testing::Each(HasSubstr("must match /subscriptions/<subid>/resourcegroups/<resourcegroup>/providers/"
                                        "Microsoft.ManagedIdentity/userAssignedIdentities/<name>")));
  remove(kube::kPods, "web");
  ASSERT_TRUE(become({}));
  EXPECT_THAT(attached(names.node_b_machine), ElementsAre("node-identity"));
}

TEST_F(MicTest, ARefusalIsFoundHoweverItIsWorded) {  // FLD-2
  two_nodes();
  identity("two", names.app_two);
  binding("b-two", "two", "bad-team");
  const std::pair<std::string, std::string> wordings[] = {
      {"LinkedInvalidPropertyId", fmt::format("Property id '{}/' at path 'x' is invalid.", names.app_two)},
      {"InvalidIdentityValues", fmt::format("Invalid value for {}.", names.app_two)},
      {"SomethingNew", ""}};
  start();
  int round = 0;
  for (const auto& [code, message] : wordings) {
    azure->world().refused_identities[names.app_two] = {.status = 400, .code = code, .message = message};
    const std::string bad = fmt::format("bad-{}", round);
    const std::string web = fmt::format("web-{}", round++);
    pod(bad, "node-b", "bad-team");
    pod(web, "node-b");
    ASSERT_TRUE(become({bad + "-default-two: Created", web + "-default-one: Assigned"})) << code;
    EXPECT_THAT(events_of("binding apply error", "b-one"), IsEmpty());
    remove(kube::kPods, bad);
    remove(kube::kPods, web);
    ASSERT_TRUE(become({})) << code;
    EXPECT_THAT(attached(names.node_b_machine), ElementsAre("node-identity")) << code;
  }
}

TEST_F(MicTest, AnOperationThatFailsLaterIsTriedAgain) {
  two_nodes();
  azure->fail_operations(1, "InternalExecutionError", "something broke");
  start();
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
}

TEST_F(MicTest, ThrottlingIsWaitedOut) {
  two_nodes();
  ASSERT_TRUE(azure->faults().add(lab::azure::arm_throttled(1, std::chrono::seconds(120))).has_value());
  start();
  const base::SteadyTime began = clock.steady_now();
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  EXPECT_GE(clock.steady_now() - began, std::chrono::seconds(120));
  EXPECT_EQ(azure->statistics().requests("arm.get", 429), 1u);
}

TEST_F(MicTest, EachMachineIsAskedAndChangedOnce) {
  constexpr int kMachines = 6;
  constexpr int kPods = 60;
  const std::string ids[] = {names.app_one, names.app_two, names.app_three};
  for (int i = 0; i < kMachines; ++i) {
    const std::string id = lab::azure::virtual_machine_id(lab::azure::kLabSubscriptionId, lab::azure::kLabResourceGroup,
                                                          fmt::format("vm-{}", i));
    azure->world().machines[id] = {};
    node(fmt::format("node-{}", i), id);
  }
  for (int i = 0; i < 3; ++i) {
    identity(fmt::format("id-{}", i), ids[i]);
    binding(fmt::format("b-{}", i), fmt::format("id-{}", i));
  }
  for (int i = 0; i < kPods; ++i) pod(fmt::format("web-{}", i), fmt::format("node-{}", i % kMachines));
  const std::uint64_t requests = api->statistics().requests;
  mic::Mic& mic = start();
  const auto is_assigned = [](const std::string& state) { return state.ends_with("Assigned"); };
  ASSERT_TRUE(until([&] { return mic.idle() && std::ranges::count_if(assigned(), is_assigned) == 3 * kPods; }));
  EXPECT_EQ(azure->statistics().requests("arm.get"), static_cast<std::uint64_t>(2 * kMachines))
      << "before the change, and for the client IDs of what was added (SEC-1)";
  EXPECT_EQ(azure->statistics().requests("arm.patch"), static_cast<std::uint64_t>(kMachines));
  // Two writes for each assignment, an event for each, and what the election, the caches and this test have asked.
  EXPECT_LT(api->statistics().requests - requests, 3u * 3u * kPods + 150u);
}

TEST_F(MicTest, ManyMachinesAreLookedAtByOneList) {  // MIC-5
  identity("one", names.app_one);
  binding("b-one", "one");
  std::vector<std::string> machines;
  States wanted;
  azure->world().settings.list_page_size = 3;
  for (int i = 0; i < 8; ++i) {
    machines.push_back(lab::azure::virtual_machine_id(lab::azure::kLabSubscriptionId, lab::azure::kLabResourceGroup,
                                                      fmt::format("vm-{}", i)));
    azure->world().machines[machines.back()] = {};
    node(fmt::format("node-{}", i), machines.back());
    pod(fmt::format("web-{}", i), fmt::format("node-{}", i));
    wanted.push_back(fmt::format("web-{}-default-one: Assigned", i));
  }
  start();
  ASSERT_TRUE(become(wanted));
  const std::uint64_t gets = azure->statistics().requests("arm.get");
  machine(machines[4]).identity.user_assigned.clear();
  ASSERT_TRUE(until([&] { return !attached(machines[4]).empty(); }));
  EXPECT_GE(azure->statistics().requests("arm.list", 200), 3u) << "pages";
  EXPECT_LE(azure->statistics().requests("arm.get"), gets + 2)
      << "of the machine that had lost something, before and after";
}

TEST_F(MicTest, AnApiServerThatForgetsItsHistoryIsListedAnew) {
  two_nodes();
  start();
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  api->close_watches();
  api->compact();
  remove(kube::kPods, "web");
  pod("next");
  ASSERT_TRUE(become({"next-default-one: Assigned"}));
}

TEST_F(MicTest, ConflictsWithOthersAreSettled) {
  two_nodes();
  start();
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  for (int i = 0; i < 20; ++i) {
    patch(kube::kAzureAssignedIdentities, "web-default-one",
          {{"metadata", {{"annotations", {{"example/touched", std::to_string(i)}}}}}});
    if (i == 10) {
      const std::string client_id = azure->world().user_assigned_identities.at(names.app_two).client_id;
      patch(kube::kAzureIdentities, "one", {{"spec", {{"resourceID", names.app_two}, {"clientID", client_id}}}});
    }
  }
  ASSERT_TRUE(until([&] { return attached(names.node_a_machine) == States{"app-two", "node-identity"}; }));
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  const json::value object = list(kube::kAzureAssignedIdentities).front();
  EXPECT_EQ(base::text_at(object, {"metadata", "annotations", "example/touched"}), "19") << "others' data stays";
}

TEST_F(MicTest, TheSuccessorOfAFrozenLeaderFinishesTheJob) {
  two_nodes();
  mic::Mic& first = start();
  ASSERT_TRUE(until([&] { return first.active(); }));
  mic::Mic& second = start();
  pod("web");
  pod("api", "node-b");
  ASSERT_TRUE(until([&] { return !assigned().empty(); }));
  freeze(first);
  ASSERT_TRUE(become({"api-default-one: Assigned", "web-default-one: Assigned"}));
  EXPECT_TRUE(second.active());
}

TEST_F(MicTest, StoppingReleasesTheLock) {  // MIC-24
  two_nodes();
  mic::Mic& first = start();
  ASSERT_TRUE(until([&] { return first.active(); }));
  mic::Mic& second = start();
  EXPECT_EQ(http_get(first.probe_port(), "/healthz"), "200 Active");
  EXPECT_EQ(http_get(second.probe_port(), "/healthz"), "200 Not Active");
  EXPECT_EQ(http_get(second.probe_port(), "/livez"), "200 ok");
  const base::SteadyTime began = clock.steady_now();
  stop(first);
  ASSERT_TRUE(until([&] { return second.active(); }));
  EXPECT_LT(clock.steady_now() - began, std::chrono::seconds(15)) << "the lease need not run out";
  EXPECT_THAT(fatal, IsEmpty());
}

TEST_F(MicTest, StoppingLetsARequestUnderWayEnd) {  // MIC-24
  two_nodes();
  azure->world().settings.operation_duration = std::chrono::seconds(8);
  mic::Mic& first = start();
  pod("web");
  ASSERT_TRUE(until([&] { return azure->statistics().requests("arm.patch") == 1; }));
  const base::SteadyTime began = clock.steady_now();
  stop(first);
  EXPECT_GE(clock.steady_now() - began, std::chrono::seconds(7));
  EXPECT_THAT(assigned(), ElementsAre("web-default-one: Created")) << "no further writes";
  start();
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  EXPECT_EQ(azure->statistics().requests("arm.patch"), 1u) << "the successor finds it attached";
}

TEST_F(MicTest, StoppingDoesNotWaitForEver) {
  two_nodes();
  azure->world().settings.operation_duration = std::chrono::minutes(10);
  mic::Mic& mic = start();
  pod("web");
  ASSERT_TRUE(until([&] { return azure->statistics().requests("arm.patch") == 1; }));
  const base::SteadyTime began = clock.steady_now();
  stop(mic);
  EXPECT_LE(clock.steady_now() - began, std::chrono::seconds(25));
}

TEST_F(MicTest, ARateLimitOfItsOwnDoesNotCostTheLease) {
  two_nodes();
  mic::MicOptions limited = options();
  limited.client_qps = 5;  // aad-pod-identity's default, which is in people's manifests
  constexpr int kPods = 60;
  for (int i = 0; i < kPods; ++i) pod(fmt::format("web-{}", i));
  start(limited);
  const auto is_assigned = [](const std::string& state) { return state.ends_with("Assigned"); };
  ASSERT_TRUE(until([&] { return !fatal.empty() || std::ranges::count_if(assigned(), is_assigned) == kPods; }));
  EXPECT_THAT(fatal, IsEmpty());
}

TEST_F(MicTest, ALostLeaseStopsTheWritesAndIsFatal) {
  two_nodes();
  mic::Mic& first = start();
  ASSERT_TRUE(until([&] { return first.active(); }));
  patch(kube::kLeases, "aad-pod-identity-mic", {{"spec", {{"holderIdentity", "somebody-else"}}}});
  ASSERT_TRUE(until([&] { return !fatal.empty(); }));
  EXPECT_THAT(fatal, ElementsAre("lost leader lease"));
  pod("web");
  for (int i = 0; i < 50; ++i) clock.advance(std::chrono::seconds(1));
  EXPECT_THAT(assigned(), IsEmpty());
  EXPECT_EQ(http_get(first.probe_port(), "/livez"), "503 not ok");
}

TEST_F(MicTest, AnObjectThatCannotBeReadHindersNoOther) {
  two_nodes();
  put(kube::kAzureIdentities,
      {{"metadata", {{"name", "broken"}, {"namespace", "default"}}}, {"spec", {{"type", "zero"}}}});
  start();
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  ASSERT_TRUE(until([&] { return !event_messages("invalid object").empty(); }));
}

TEST_F(MicTest, MetricsKeepTheirNames) {
  two_nodes();
  mic::Mic& mic = start();
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  ASSERT_TRUE(until([&] { return mic.idle(); }));
  const std::string text = http_get(mic.metrics_port(), "/metrics");
  for (const char* line :
       {"aadpodidentity_assigned_identity_addition_count 1", "aadpodidentity_mic_cycle_count",
        "aadpodidentity_mic_new_leader_election_count 1", "aadpodidentity_mic_leader 1",
        "aadpodidentity_mic_queue_depth 0", "aadpodidentity_mic_bad_identities 0",
        "aadpodidentity_cloud_provider_operations_duration_seconds_count{operation_type=\"vm_update\"} 1",
        "aadpodidentity_assigned_identity_addition_duration_seconds_count 1"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST_F(MicTest, ACloudConfigurationIsReadAgainAndABadOneIsNot) {  // MIC-19
  two_nodes();
  const auto write = [&](const std::string& secret) {
    const json::object config{{"cloud", "AzureStackCloud"},
                              {"tenantId", lab::azure::kLabTenantId},
                              {"aadClientId", names.mic_client_id},
                              {"aadClientSecret", secret},
                              {"subscriptionId", lab::azure::kLabSubscriptionId},
                              {"resourceGroup", lab::azure::kLabResourceGroup}};
    ASSERT_TRUE(base::write_file(folder.file("azure.json"), json::serialize(config)).has_value());
  };
  write("wrong");
  mic::MicOptions with_file = options();
  with_file.cloud_config = folder.file("azure.json");
  mic::Mic& mic = start(with_file);
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Created"}));
  ASSERT_TRUE(base::write_file(folder.file("azure.json"), "{\"cloud\": 5}").has_value());
  ASSERT_TRUE(until([&] {
    return http_get(mic.metrics_port(), "/metrics").find("config_reloads_total{result=\"error\"} 1") !=
           std::string::npos;
  }));
  write(names.mic_secret);
  ASSERT_TRUE(become({"web-default-one: Assigned"}));
}

// D16: beside NMIs in managed mode it tells people, and does nothing else.
TEST_F(MicTest, WithoutAzureItTellsOfBindingsAlone) {
  two_nodes();
  pod("web");
  json::object access;
  access["notAfter"] = core::time_text(clock.wall_now() + std::chrono::minutes(2));
  put(kube::kAzureIdentityBindings, {{"metadata", {{"name", "b-two"}, {"namespace", "default"}}},
                                     {"spec", {{"azureIdentity", "one"}, {"selector", "app"}, {"access", access}}}});
  for (const char* name : {"CLOUD", "TENANT_ID", "CLIENT_ID", "CLIENT_SECRET"}) environment.erase(name);
  mic::MicOptions without = options();
  without.no_azure = true;
  const mic::Mic& mic = start(without);
  const auto reason = [this] {
    for (const json::value& binding : list(kube::kAzureIdentityBindings)) {
      if (base::text_at(binding, {"metadata", "name"}) == "b-two")
        return std::string(base::text_at(binding, {"status", "access", "reason"}));
    }
    return std::string();
  };
  ASSERT_TRUE(until([&] { return reason() == "open"; }));
  ASSERT_TRUE(until([&] { return reason() == "over"; }));
  EXPECT_TRUE(mic.active());
  EXPECT_THAT(assigned(), IsEmpty());
  EXPECT_THAT(attached(names.node_a_machine), ElementsAre("node-identity"));
}

// access.md §2: assigned in time, taken off afterwards, and people are told.
TEST_F(MicTest, ATimeBoxIsFollowedAndToldOf) {
  node("node-a", names.node_a_machine);
  identity("one", names.app_one);
  const auto minute = std::chrono::floor<std::chrono::minutes>(clock.wall_now());
  const auto of_day = [&](std::chrono::minutes after) { return core::time_text(minute + after).substr(11, 5); };
  const auto opens = minute + std::chrono::minutes(5);
  const json::object holidays{{"configMap", "calendar"}, {"key", "dates"}};
  const json::object window{
      {"start", of_day(std::chrono::minutes(5))}, {"end", of_day(std::chrono::minutes(9))}, {"holidays", holidays}};
  put(kube::kConfigMaps,
      {{"metadata", {{"name", "calendar"}, {"namespace", "default"}}}, {"data", {{"dates", "2020-12-24 # Eve"}}}});
  json::object access;
  access["windows"].emplace_array().push_back(window);
  put(kube::kAzureIdentityBindings, {{"metadata", {{"name", "b-one"}, {"namespace", "default"}}},
                                     {"spec", {{"azureIdentity", "one"}, {"selector", "app"}, {"access", access}}}});
  const auto annotation = [this](const char* name) {
    const std::vector<json::value> all = list(kube::kAzureAssignedIdentities);
    return all.empty() ? std::string() : std::string(base::text_at(all.front(), {"metadata", "annotations", name}));
  };
  const auto status = [this] {
    const json::value binding = list(kube::kAzureIdentityBindings).front();
    const json::value* said = base::find_path(binding, {"status", "access"});
    return said == nullptr ? json::object() : said->as_object();
  };
  const auto condition = [this] {
    const json::value binding = list(kube::kAzureIdentityBindings).front();
    const json::value* all = base::find_path(binding, {"status", "conditions"});
    return all == nullptr ? json::value() : all->at(0);
  };
  mic::MicOptions with = options();
  with.window_detach_delay = std::chrono::minutes(1);
  start(with);
  pod("web");
  ASSERT_TRUE(become({"web-default-one: Created"}));
  const std::string time = core::time_text(opens);
  EXPECT_EQ(annotation("aadpodidentity.k8s.io/access"), "closed until " + time);
  EXPECT_THAT(annotation("aadpodidentity.k8s.io/holidays"), HasSubstr("2020-12-24"));
  ASSERT_TRUE(until([&] { return !status().empty(); }));
  EXPECT_EQ(status().at("open"), false);
  EXPECT_EQ(status().at("reason"), "window_closed");
  EXPECT_EQ(status().at("nextTransition"), json::string(time));
  EXPECT_EQ(status().at("observedGeneration"), 1);
  EXPECT_EQ(base::text_at(condition(), {"type"}), "Valid");
  EXPECT_EQ(base::text_at(condition(), {"status"}), "True");

  ASSERT_TRUE(become({"web-default-one: Assigned"}));
  EXPECT_LT(clock.wall_now(), opens);
  EXPECT_THAT(attached(names.node_a_machine), ElementsAre("app-one", "node-identity"));
  EXPECT_EQ(annotation("aadpodidentity.k8s.io/access"), "");
  EXPECT_EQ(status().at("open"), false) << "not yet";
  ASSERT_TRUE(until([&] { return status().at("open") == json::value(true); }));
  EXPECT_GE(clock.wall_now(), opens);

  ASSERT_TRUE(become({"web-default-one: Created"}));
  EXPECT_GE(clock.wall_now(), opens + std::chrono::minutes(5));
  ASSERT_TRUE(until([&] { return attached(names.node_a_machine) == States{"node-identity"}; }));
  EXPECT_EQ(status().at("open"), false);

  patch(kube::kConfigMaps, "calendar", {{"data", {{"dates", "Christmas"}}}});
  ASSERT_TRUE(until([&] { return base::text_at(condition(), {"status"}) == "False"; }));
  EXPECT_EQ(base::text_at(condition(), {"reason"}), "CalendarUnreadable");
  ASSERT_TRUE(until([&] { return !event_messages("access unusable").empty(); }));
  EXPECT_THAT(event_messages("access unusable").front(), HasSubstr("default/b-one"));
}

}  // namespace
}  // namespace podid::test
