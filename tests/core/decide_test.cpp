// SPDX-License-Identifier: Apache-2.0
#include "core/decide.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>
#include <source_location>

#include "support/allocation_counter.hpp"
#include "support/builders.hpp"

namespace podid::core {
namespace {

using test::make_assigned;
using test::make_binding;
using test::make_identity;
using test::make_pod;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;

// One pod on one node with its assignments, bindings and identities.
class DecideTest : public testing::Test {
 protected:
  AzureAssignedIdentity& assign(const AzureIdentity& identity, std::string_view status = kAssigned,
                                std::int64_t weight = 0) {
    AzureIdentityBinding binding = make_binding(identity.meta.ns, "b-" + identity.meta.name, identity.meta.name);
    binding.weight = weight;
    return assigned_.emplace_back(make_assigned(pod, identity, binding, status));
  }
  void bind(AzureIdentityBinding binding) { bindings_.push_back(std::move(binding)); }
  void define(AzureIdentity identity) { identities_.push_back(std::move(identity)); }

  Decision decide_now(CheckList* checks = nullptr) {
    assigned_view_.clear();
    bindings_view_.clear();
    identities_view_.clear();
    for (const auto& object : assigned_) assigned_view_.push_back(&object);
    for (const auto& object : bindings_) bindings_view_.push_back(&object);
    for (const auto& object : identities_) identities_view_.push_back(&object);
    input.pod_namespace = pod.ns;
    input.pod_name = pod.name;
    input.assigned = assigned_view_;
    input.bindings = bindings_view_;
    input.identities = identities_view_;
    return decide(input, checks);
  }
  void expect_refused(RefusalReason reason, Healing healing, const char* what = "",
                      const std::source_location& where = std::source_location::current()) {
    const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
    const Decision decision = decide_now();
    EXPECT_FALSE(decision.granted()) << what;
    EXPECT_EQ(decision.reason, reason) << what << ": " << to_string(decision.reason);
    EXPECT_EQ(decision.healing, healing) << what;
  }
  void expect_granted(std::string_view name, const char* what = "",
                      const std::source_location& where = std::source_location::current()) {
    const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
    const Decision decision = decide_now();
    ASSERT_TRUE(decision.granted()) << what << ": " << to_string(decision.reason);
    EXPECT_EQ(decision.identity->meta.name, name) << what;
  }

  Pod pod = make_pod("shop", "web-0");
  DecisionInput input = [this] {
    DecisionInput in;
    in.pod = &pod;
    in.node_name = "node-a";
    return in;
  }();

 private:
  std::deque<AzureAssignedIdentity> assigned_;
  std::deque<AzureIdentityBinding> bindings_;
  std::deque<AzureIdentity> identities_;
  std::vector<const AzureAssignedIdentity*> assigned_view_;
  std::vector<const AzureIdentityBinding*> bindings_view_;
  std::vector<const AzureIdentity*> identities_view_;
};

using DecideStandardTest = DecideTest;

TEST_F(DecideStandardTest, AssignedIdentityIsGranted) {
  assign(make_identity("default", "kv"));
  const Decision decision = decide_now();
  ASSERT_TRUE(decision.granted());
  EXPECT_EQ(decision.identity->client_id.text(), "client-kv");
  EXPECT_EQ(decision.binding->meta.name, "b-kv");
  EXPECT_EQ(decision.assigned->meta.name, "web-0-shop-kv");
  EXPECT_EQ(decision.candidates, 1u);
  EXPECT_FALSE(decision.legacy_assignment);
}

TEST_F(DecideStandardTest, StatusDecides) {
  struct Case {
    std::string_view status;
    bool granted;
    RefusalReason reason;
    bool created_seen;
  };
  const Case cases[] = {{"", true, RefusalReason::none, true},
                        {"Assigned", true, RefusalReason::none, true},
                        {"Created", false, RefusalReason::awaiting_assignment, true},
                        {"Unassigned", false, RefusalReason::awaiting_creation, false},
                        {"assigned", false, RefusalReason::awaiting_creation, false}};
  AzureAssignedIdentity& assigned = assign(make_identity("default", "kv"));
  for (const Case& c : cases) {
    assigned.status = c.status;
    const Decision decision = decide_now();
    EXPECT_EQ(decision.granted(), c.granted) << c.status;
    EXPECT_EQ(decision.reason, c.reason) << c.status;
    EXPECT_EQ(decision.created_seen, c.created_seen) << c.status;
    EXPECT_EQ(decision.legacy_assignment, c.granted && c.status.empty()) << c.status;
  }
}

TEST_F(DecideStandardTest, NothingYetWaits) {
  expect_refused(RefusalReason::awaiting_creation, Healing::waits);
  EXPECT_FALSE(decide_now().created_seen);
}

TEST_F(DecideStandardTest, UnlabelledPodIsRefusedAtOnce) {
  assign(make_identity("default", "kv"));
  pod.labels.clear();
  expect_refused(RefusalReason::no_binding_label, Healing::none);
}

TEST_F(DecideStandardTest, RequestsCompareWithoutCase) {
  AzureIdentity identity = make_identity("default", "kv");
  identity.meta.annotations.emplace(kObjectIdAnnotation, "object-kv");
  assign(identity);
  assign(make_identity("default", "aa"));
  const std::string resource_id = test::identity_resource_id("KV");
  const auto asked = [](std::string_view client, std::string_view resource, std::string_view object) {
    return IdentityRequest{ClientIdView(client), ResourceIdView(resource), ObjectIdView(object)};
  };
  const IdentityRequest fitting[] = {asked("CLIENT-KV", "", ""), asked("", resource_id, ""), asked("", "", "Object-KV"),
                                     asked("other", resource_id, "")};
  for (const IdentityRequest& request : fitting) {
    input.request = request;
    expect_granted("kv");
  }
  const IdentityRequest others[] = {asked("client-kx", "", ""), asked(resource_id, "", ""), asked("", "client-kv", ""),
                                    asked("", "", "object")};
  for (const IdentityRequest& request : others) {
    input.request = request;
    expect_refused(RefusalReason::not_requested, Healing::quiet);
  }
}

TEST_F(DecideStandardTest, WhatIsAskedForMayFollowWhileAnotherIsUnderWay) {
  assign(make_identity("default", "aa"), kCreated);
  input.request.client_id = ClientIdView("client-kv");
  expect_refused(RefusalReason::not_requested, Healing::waits);
  EXPECT_FALSE(decide_now().created_seen);
  assign(make_identity("default", "kv"), kCreated);
  expect_refused(RefusalReason::awaiting_assignment, Healing::waits);
  EXPECT_TRUE(decide_now().created_seen);
}

TEST_F(DecideStandardTest, OrdersSeveralIdentitiesByNamespaceThenWeightThenName) {
  assign(make_identity("b", "aa"));
  assign(make_identity("a", "zz"));
  assign(make_identity("a", "yy"));
  expect_granted("yy", "namespace before name");
  EXPECT_EQ(decide_now().candidates, 3u);
  assign(make_identity("c", "heavy"), kAssigned, 1000000);
  expect_granted("yy", "weights of two namespaces are not compared");
  assign(make_identity("a", "heavier"), kAssigned, 5);
  expect_granted("heavier", "weight before name");
  assign(make_identity("d", "old"), "");
  expect_granted("old", "no status before namespaces");
  assign(make_identity("shop", "own"));
  expect_granted("own", "the pod's namespace before all");
}

// SEC-3: whoever may write rules in some namespace must not change what a pod of another one gets.
TEST_F(DecideStandardTest, ForeignIdentitiesComeAfterThePodsOwn) {
  assign(make_identity("aaa-evil", "kv"), kAssigned, 1000000);
  assign(make_identity("shop", "kv"));
  const Decision unspecific = decide_now();
  ASSERT_TRUE(unspecific.granted());
  EXPECT_EQ(unspecific.identity->meta.ns, "shop");
  input.request.client_id = ClientIdView("client-kv");
  EXPECT_EQ(decide_now().identity->meta.ns, "shop") << "both have the client ID that was asked for";
}

TEST_F(DecideStandardTest, ForeignIdentitiesDoNotStepInWhileThePodsOwnIsUnderWay) {
  AzureIdentity foreign = make_identity("aaa-evil", "fast");
  foreign.type = IdentityType::service_principal_secret;
  assign(foreign);
  AzureAssignedIdentity& own = assign(make_identity("shop", "kv"), kCreated);
  expect_refused(RefusalReason::awaiting_assignment, Healing::waits);
  input.request.client_id = foreign.client_id;
  expect_granted("fast", "asked for by its client ID");
  input.request = {};
  own.status = kAssigned;
  expect_granted("kv");
}

TEST_F(DecideStandardTest,
       ForeignIdentitiesDoNotStepInWhileThePodsOwnIsMadeAnew) {  // its AzureIdentity was edited or replaced
  AzureIdentity foreign = make_identity("aaa-evil", "fast");
  foreign.type = IdentityType::service_principal_secret;
  assign(foreign);
  AzureAssignedIdentity& own = assign(make_identity("shop", "kv"));
  DoubtedAssignment rewritten[] = {{&own, Doubt::identity}};
  input.doubts = rewritten;
  expect_refused(RefusalReason::untrusted_assignment, Healing::waits);
  own.status = kUnassigned;
  expect_granted("fast", "the controller takes the pod's own away");
  own.status = kAssigned;
  rewritten[0].doubt = Doubt::unread;
  expect_refused(RefusalReason::untrusted_assignment, Healing::waits, "it may be the pod's own");
  rewritten[0].doubt = Doubt::binding;
  expect_granted("fast", "its binding is gone");
  input.doubts = {};
  expect_granted("kv");
}

TEST_F(DecideStandardTest, CreatedOnesDoNotHideAnAssignedOne) {
  assign(make_identity("default", "aa"), kCreated);
  assign(make_identity("default", "kv"));
  expect_granted("kv");
}

TEST_F(DecideStandardTest, FollowsTheNamespaceRule) {
  assign(make_identity("other", "kv"));
  expect_granted("kv", "not namespaced");
  input.namespaced = NamespacedMode::on;
  expect_refused(RefusalReason::namespace_rule, Healing::quiet);
  input.request.client_id = ClientIdView("client-kv");
  expect_refused(RefusalReason::namespace_rule, Healing::quiet);
  assign(make_identity("shop", "own")).meta.ns = "shop";
  input.request = {};
  expect_granted("own");
}

TEST_F(DecideStandardTest, AnnotatedIdentityNeedsThePodsNamespace) {
  AzureIdentity identity = make_identity("other", "kv");
  identity.meta.annotations.emplace(kBehaviorAnnotation, kNamespacedBehavior);
  assign(identity);
  expect_refused(RefusalReason::namespace_rule, Healing::quiet);
}

TEST_F(DecideStandardTest, UntrustedAssignmentsDoNotCount) {
  const std::pair<const char*, void (*)(AzureAssignedIdentity&)> cases[] = {
      {"no finalizer", [](AzureAssignedIdentity& a) { a.meta.finalizers.clear(); }},
      {"no label", [](AzureAssignedIdentity& a) { a.meta.labels.clear(); }},
      {"label of another node",
       [](AzureAssignedIdentity& a) { a.meta.labels[std::string(kNodeNameLabel)] = "node-b"; }},
      {"another node",
       [](AzureAssignedIdentity& a) {
         a.node_name = "node-b";
         a.meta.labels[std::string(kNodeNameLabel)] = "node-b";
       }},
      {"made-up name", [](AzureAssignedIdentity& a) { a.meta.name = "mine"; }},
      {"other namespace", [](AzureAssignedIdentity& a) { a.meta.ns = "evil"; }},
      {"no identity", [](AzureAssignedIdentity& a) { a.identity = {}; }},
      {"binding of another label", [](AzureAssignedIdentity& a) { a.binding.selector = "writer"; }},
      {"made for an earlier pod of this name",
       [](AzureAssignedIdentity& a) { a.meta.annotations[std::string(kPodUidAnnotation)] = "an-earlier-uid"; }},
  };
  AzureAssignedIdentity& assigned = assign(make_identity("default", "kv"));
  const AzureAssignedIdentity good = assigned;
  for (const auto& [what, spoil] : cases) {
    assigned = good;
    spoil(assigned);
    expect_refused(RefusalReason::untrusted_assignment, Healing::waits, what);
  }
  assigned = good;
  for (const Doubt doubt : {Doubt::identity, Doubt::binding, Doubt::unread}) {
    const DoubtedAssignment doubted[] = {{&assigned, doubt}};
    input.doubts = doubted;
    expect_refused(RefusalReason::untrusted_assignment, Healing::waits, "what it names does not say so");
    EXPECT_EQ(decide_now().doubt, doubt);
  }
  input.doubts = {};
  expect_granted("kv");
}

// SEC-11: exactly where the controller writes them.
TEST_F(DecideStandardTest, AnAssignmentCountsInOneNamespace) {
  AzureAssignedIdentity& assigned = assign(make_identity("shop", "kv"));
  expect_granted("kv");
  assigned.meta.ns = "shop";
  expect_refused(RefusalReason::untrusted_assignment, Healing::waits, "a tenant may write there");
  assigned.identity.meta.annotations.emplace(kBehaviorAnnotation, kNamespacedBehavior);
  expect_granted("kv", "namespaced by its annotation");
  assigned.meta.ns = "default";
  expect_refused(RefusalReason::untrusted_assignment, Healing::waits);
  assigned.identity.meta.annotations.clear();
  input.namespaced = NamespacedMode::on;
  expect_refused(RefusalReason::untrusted_assignment, Healing::waits);
  assigned.meta.ns = "shop";
  expect_granted("kv", "namespaced by --forceNamespaced");
}

TEST_F(DecideStandardTest, OldAssignmentWithoutBindingCopyIsGranted) {
  assign(make_identity("default", "kv"), "").binding = {};
  const Decision decision = decide_now();
  ASSERT_TRUE(decision.granted());
  EXPECT_EQ(decision.binding, nullptr);
}

TEST_F(DecideStandardTest, HostRequestForAnUnknownPodUsesItsAssignments) {
  input.pod = nullptr;
  expect_refused(RefusalReason::awaiting_creation, Healing::waits);
  assign(make_identity("default", "kv"));
  expect_granted("kv");
}

TEST_F(DecideStandardTest, KnownBindingsSayMore) {
  input.bindings_known = true;
  expect_refused(RefusalReason::no_matching_binding, Healing::none);
  bind(make_binding("shop", "b", "kv"));
  expect_refused(RefusalReason::identity_missing, Healing::none);
  define(make_identity("shop", "kv"));
  expect_refused(RefusalReason::awaiting_creation, Healing::waits);
  pod.ns = "elsewhere";
  input.namespaced = NamespacedMode::on;
  expect_refused(RefusalReason::namespace_rule, Healing::none);
}

TEST_F(DecideStandardTest, GrantAllocatesNothing) {
  for (int i = 0; i < 20; ++i) assign(make_identity("default", "a-rather-long-identity-name-" + std::to_string(i)));
  decide_now();  // fills the views
  const std::string client = "client-a-rather-long-identity-name-7";
  input.request.client_id = ClientIdView(client);
  const std::size_t before = test::allocations();
  const Decision decision = decide(input, nullptr);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_TRUE(decision.granted());
}

class DecideManagedTest : public DecideTest {
 protected:
  DecideManagedTest() {
    input.mode = OperationMode::managed;
    input.bindings_known = true;
    input.namespaced = NamespacedMode::on;
  }
};

TEST_F(DecideManagedTest, OnlyBindingAndIdentityOfThePodsNamespaceCount) {
  expect_refused(RefusalReason::no_matching_binding, Healing::none);
  bind(make_binding("other", "b", "kv"));
  define(make_identity("other", "kv"));
  expect_refused(RefusalReason::no_matching_binding, Healing::none, "another namespace does not count");
  bind(make_binding("shop", "b", "kv"));
  expect_refused(RefusalReason::identity_missing, Healing::none);
  define(make_identity("shop", "kv"));
  expect_granted("kv");
  EXPECT_EQ(decide_now().binding->meta.ns, "shop");
  EXPECT_EQ(decide_now().assigned, nullptr);
}

TEST_F(DecideManagedTest, EmptySelectorsAndUnlabelledPodsMatchNothing) {
  bind(make_binding("shop", "b", "kv", ""));
  define(make_identity("shop", "kv"));
  expect_refused(RefusalReason::no_matching_binding, Healing::none);
  pod.labels.clear();
  expect_refused(RefusalReason::no_binding_label, Healing::none);
}

TEST_F(DecideManagedTest, AManagedIdentityThatNothingNamesIsNotTheNodesOwn) {
  bind(make_binding("shop", "b", "kv"));
  AzureIdentity identity = make_identity("shop", "kv");
  identity.client_id = {};
  identity.resource_id = {};
  define(identity);
  expect_refused(RefusalReason::identity_missing, Healing::none);
}

TEST_F(DecideManagedTest, AnUnknownPodIsRefused) {
  input.pod = nullptr;
  expect_refused(RefusalReason::pod_unknown, Healing::none);
}

TEST_F(DecideManagedTest, FollowsRequestAndOrder) {
  for (const char* name : {"cc", "aa", "bb"}) {
    define(make_identity("shop", name));
    bind(make_binding("shop", std::string("b-") + name, name));
  }
  expect_granted("aa");
  EXPECT_EQ(decide_now().candidates, 3u);
  input.request.client_id = ClientIdView("CLIENT-CC");
  expect_granted("cc");
  input.request.client_id = ClientIdView("client-x");
  expect_refused(RefusalReason::not_requested, Healing::none);
  input.request = {};
  AzureIdentityBinding heavy = make_binding("shop", "z", "bb");
  heavy.weight = 1;
  bind(heavy);
  expect_granted("bb", "the heaviest binding of each identity counts");
  EXPECT_EQ(decide_now().candidates, 3u) << "two bindings of one identity are one candidate";
}

TEST_F(DecideManagedTest, GrantAllocatesNothing) {
  define(make_identity("shop", "kv"));
  bind(make_binding("shop", "b", "kv"));
  decide_now();
  const std::size_t before = test::allocations();
  EXPECT_TRUE(decide(input, nullptr).granted());
  EXPECT_EQ(test::allocations(), before);
}

// ---- the list of checks ----

std::string summary(const CheckList& checks) {
  std::string text;
  for (const Check& check : checks) {
    text += std::string(to_string(check.id)) + " " + std::string(to_string(check.outcome)) + " " + check.object + "\n";
    if (check.outcome == CheckOutcome::failed) {
      EXPECT_FALSE(check.remedy.empty()) << check.text;
    }
  }
  return text;
}

TEST_F(DecideTest, ChecksSayWhyItIsAGrant) {
  assign(make_identity("default", "kv"));
  input.request.client_id = ClientIdView("client-kv");
  CheckList checks;
  decide_now(&checks);
  EXPECT_EQ(summary(checks),
            "pod_known passed pod shop/web-0\n"
            "binding_label passed pod shop/web-0\n"
            "assignment_exists passed azureassignedidentity default/web-0-shop-kv\n"
            "assignment_trusted passed azureassignedidentity default/web-0-shop-kv\n"
            "identity_requested passed azureidentity default/kv\n"
            "assignment_status passed azureassignedidentity default/web-0-shop-kv\n"
            "choice passed azureidentity default/kv\n");
}

TEST_F(DecideTest, ChecksNameWhatIsMissing) {
  CheckList unlabelled;
  pod.labels.clear();
  decide_now(&unlabelled);
  EXPECT_EQ(summary(unlabelled), "pod_known passed pod shop/web-0\nbinding_label failed pod shop/web-0\n");
  EXPECT_THAT(unlabelled.back().text, HasSubstr("no label aadpodidbinding"));
  EXPECT_THAT(unlabelled.back().remedy, HasSubstr("aadpodidbinding="));
}

TEST_F(DecideTest, ChecksUseKnownBindings) {
  input.bindings_known = true;
  bind(make_binding("shop", "b", "kv"));
  bind(make_binding("shop", "c", "gone"));
  AzureIdentity broken = make_identity("shop", "kv");
  broken.resource_id = ResourceId("kv");
  define(broken);
  CheckList checks;
  decide_now(&checks);
  EXPECT_EQ(summary(checks),
            "pod_known passed pod shop/web-0\n"
            "binding_label passed pod shop/web-0\n"
            "binding_selects passed azureidentitybinding shop/b\n"
            "identity_exists failed azureidentity shop/kv\n"
            "binding_selects passed azureidentitybinding shop/c\n"
            "identity_exists failed azureidentitybinding shop/c\n"
            "assignment_exists skipped pod shop/web-0\n");
  EXPECT_THAT(checks, Contains(Field(&Check::text, HasSubstr("azureidentity shop/gone, which does not exist"))));
}

TEST_F(DecideTest, RecordingDoesNotChangeTheDecision) {
  assign(make_identity("default", "aa"), kCreated);
  assign(make_identity("other", "kv"));
  for (const NamespacedMode namespaced : {NamespacedMode::off, NamespacedMode::on}) {
    for (const char* client : {"", "client-kv", "client-aa", "client-x"}) {
      input.namespaced = namespaced;
      input.request.client_id = ClientIdView(client);
      CheckList checks;
      const Decision recorded = decide_now(&checks);
      const Decision plain = decide_now();
      EXPECT_EQ(recorded.identity, plain.identity);
      EXPECT_EQ(recorded.reason, plain.reason);
      EXPECT_EQ(recorded.healing, plain.healing);
      EXPECT_FALSE(checks.empty());
    }
  }
}

// The policy lets namespace shop use what is named so (SEC-10).
class DecidePolicyTest : public DecideTest {
 protected:
  DecidePolicyTest() { input.permissions = &permissions_; }
  void allow(const std::vector<std::string>& names, const std::vector<std::string>& namespaces = {"shop"}) {
    boost::json::object rule{{"name", "r"}};
    rule["namespaces"].emplace_object()["names"] = boost::json::array(namespaces.begin(), namespaces.end());
    boost::json::array& ids = rule["resourceIDs"].emplace_array();
    for (const std::string& name : names) ids.emplace_back(test::identity_resource_id(name));
    boost::json::value policy = boost::json::object();
    policy.get_object()["spec"].emplace_object()["rules"].emplace_array().emplace_back(std::move(rule));
    permissions_.set_policy(std::make_shared<const IdentityPolicy>(IdentityPolicy::read(policy).value()));
  }
  IdentityPermissions permissions_;
};

TEST_F(DecidePolicyTest, AnAssignedIdentityNeedsARule) {
  assign(make_identity("shop", "kv"));
  expect_refused(RefusalReason::policy_denied, Healing::none, "there is no policy");
  allow({"other"});
  expect_refused(RefusalReason::policy_denied, Healing::none);
  EXPECT_EQ(decide_now().denied->meta.name, "kv");
  allow({"kv"});
  expect_granted("kv");
  input.permissions = nullptr;
  expect_granted("kv", "--identity-policy=off");
}

// Whoever may declare it there, and label pods here, needs both.
TEST_F(DecidePolicyTest, TheIdentitysOwnNamespaceNeedsARuleToo) {
  assign(make_identity("default", "kv"));
  allow({"kv"});
  expect_refused(RefusalReason::policy_denied, Healing::none);
  allow({"kv"}, {"default"});
  expect_refused(RefusalReason::policy_denied, Healing::none);
  allow({"kv"}, {"default", "shop"});
  expect_granted("kv");
}

TEST_F(DecidePolicyTest, WhatIsDeniedStandsInNobodysWay) {
  assign(make_identity("shop", "own"), kCreated, 9);
  assign(make_identity("default", "kv"));
  allow({"kv"}, {"default", "shop"});
  expect_granted("kv", "nothing waits for the pod's own one");
  EXPECT_EQ(decide_now().candidates, 1u);
  input.request.client_id = ClientIdView("client-own");
  expect_refused(RefusalReason::policy_denied, Healing::none, "asked for");
}

TEST_F(DecidePolicyTest, LabelsThatAreNotKnownYetAreWorthWaitingFor) {
  assign(make_identity("shop", "kv"));
  const auto policy = boost::json::parse(
      R"({"spec": {"rules": [{"name": "r", "namespaces": {"matchLabels": {"policy.aadpodidentity.k8s.io/team": "a"}},
          "resourceIDs": [")" +
      test::identity_resource_id("kv") + R"("]}]}})");
  permissions_.set_policy(std::make_shared<const IdentityPolicy>(IdentityPolicy::read(policy).value()));
  expect_refused(RefusalReason::policy_denied, Healing::waits);
  permissions_.put_namespace({"shop", {}});
  expect_refused(RefusalReason::policy_denied, Healing::none);
  permissions_.put_namespace({"shop", {{"policy.aadpodidentity.k8s.io/team", "a"}}});
  expect_granted("kv");
}

// The controller makes no assignment, whatever is bound to the pod.
TEST_F(DecidePolicyTest, APodOfANamespaceThatMayUseNothingIsToldAtOnce) {
  expect_refused(RefusalReason::policy_denied, Healing::none, "there is no policy");
  EXPECT_EQ(decide_now().denied, nullptr);
  allow({"kv"}, {"vault"});
  expect_refused(RefusalReason::policy_denied, Healing::none, "none for this namespace");
  allow({"other"});
  expect_refused(RefusalReason::awaiting_creation, Healing::waits);
}

// The controller makes no assignment of it.
TEST_F(DecidePolicyTest, WithBindingsAtHandItIsTheReasonWhyThereIsNoAssignment) {
  input.bindings_known = true;
  bind(make_binding("shop", "b", "kv"));
  define(make_identity("shop", "kv"));
  CheckList checks;
  const Decision decision = decide_now(&checks);
  EXPECT_EQ(decision.reason, RefusalReason::policy_denied);
  EXPECT_EQ(decision.healing, Healing::none);
  EXPECT_THAT(checks, Contains(testing::AllOf(Field(&Check::id, CheckId::identity_policy),
                                              Field(&Check::outcome, CheckOutcome::failed),
                                              Field(&Check::text, HasSubstr("there is no AzureIdentityPolicy default")),
                                              Field(&Check::remedy, HasSubstr("create it")))));
  allow({"kv"});
  expect_refused(RefusalReason::awaiting_creation, Healing::waits);
}

TEST_F(DecidePolicyTest, ManagedModeAsksItToo) {
  input.mode = OperationMode::managed;
  input.namespaced = NamespacedMode::on;
  bind(make_binding("shop", "b", "kv"));
  bind(make_binding("shop", "c", "open"));
  define(make_identity("shop", "kv"));
  define(make_identity("shop", "open"));
  allow({});
  expect_refused(RefusalReason::policy_denied, Healing::none);
  allow({"open"});
  expect_granted("open");
  input.request.client_id = ClientIdView("client-kv");
  expect_refused(RefusalReason::policy_denied, Healing::none);
  input.request.client_id = ClientIdView("client-x");
  expect_refused(RefusalReason::not_requested, Healing::none);
}

TEST_F(DecidePolicyTest, ADecisionAllocatesNothing) {
  assign(make_identity("shop", "kv"));
  assign(make_identity("default", "other"));
  allow({"kv"});
  expect_granted("kv");
  const std::size_t before = test::allocations();
  const Decision decision = decide(input, nullptr);
  EXPECT_EQ(test::allocations() - before, 0u);
  EXPECT_TRUE(decision.granted());
}

TEST(DecideNames, ReasonsAreDistinct) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kRefusalReasons; ++i) names.insert(to_string(static_cast<RefusalReason>(i)));
  EXPECT_EQ(names.size(), kRefusalReasons);
}

}  // namespace
}  // namespace podid::core
