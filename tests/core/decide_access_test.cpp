// SPDX-License-Identifier: Apache-2.0
// spec.access in the decision: docs/design/access.md §4.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>

#include "core/decide.hpp"
#include "core/refusal_text.hpp"
#include "support/allocation_counter.hpp"
#include "support/builders.hpp"

namespace podid::core {
namespace {

using std::chrono::hours;
using test::make_binding;
using test::make_identity;
using testing::ElementsAre;
using testing::HasSubstr;

const Instant kNow{std::chrono::seconds(1'800'000'000)};  // 2027-01-15T08:00:00Z

AccessState closed(AccessReason reason, std::optional<Instant> opens = {}) {
  return {.reason = reason, .until = opens, .grant = {}};
}
AccessState open_until(std::optional<Instant> end) { return {.reason = AccessReason::open, .until = end, .grant = {}}; }

// Pod shop/web-0 with limited bindings, each of an identity of its own; in both modes.
class DecideAccessTest : public testing::TestWithParam<OperationMode> {
 protected:
  struct Bound {
    std::string name = "reader";
    std::optional<AccessState> state = {};  // nothing: not limited
    std::string_view status = kAssigned;
    std::string ns = "shop";
    std::int64_t weight = 0;
  };
  void bind(const Bound& bound) {
    AzureIdentity& identity = identities_.emplace_back(make_identity(bound.ns, bound.name));
    AzureIdentityBinding& binding = bindings_.emplace_back(make_binding(bound.ns, "b-" + bound.name, bound.name));
    binding.weight = bound.weight;
    AzureAssignedIdentity& assigned =
        assigned_.emplace_back(test::make_assigned(pod_, identity, binding, bound.status));
    if (!bound.state) return;
    const bool standard = GetParam() == OperationMode::standard;
    access_.push_back({.binding = standard ? &assigned.binding : &binding, .by = &said_, .state = *bound.state});
  }
  DecisionInput input(IdentityRequest request = {}) {
    DecisionInput input;
    input.mode = GetParam();
    input.pod_namespace = pod_.ns;
    input.pod_name = pod_.name;
    input.pod = &pod_;
    input.node_name = "node-a";
    input.now = kNow;
    input.request = request;
    input.access = access_;
    const auto view = [](const auto& objects, auto& views) {
      views.clear();
      for (const auto& object : objects) views.push_back(&object);
    };
    view(assigned_, assigned_view_);
    view(bindings_, bindings_view_);
    view(identities_, identities_view_);
    if (input.mode == OperationMode::standard) {
      input.assigned = assigned_view_;
    } else {
      input.bindings_known = true;
      input.bindings = bindings_view_;
      input.identities = identities_view_;
    }
    return input;
  }
  Decision decide_now(IdentityRequest request = {}) { return decide(input(request), nullptr); }

  Pod pod_ = test::make_pod("shop", "web-0");

 private:
  // What is told; the states are what is decided on.
  BindingAccess said_{{"shop", "b-reader"},
                      [] {
                        Access access;
                        access.not_before = kNow + hours(1);
                        access.not_after = kNow + hours(9);
                        const auto none = [](std::string_view) { return nullptr; };
                        return std::make_shared<const AccessTerms>(access, none, Calendars());
                      }(),
                      GrantSchedule()};
  std::deque<AzureIdentity> identities_;
  std::deque<AzureIdentityBinding> bindings_;
  std::deque<AzureAssignedIdentity> assigned_;
  std::vector<AccessOfBinding> access_;
  std::vector<const AzureAssignedIdentity*> assigned_view_;
  std::vector<const AzureIdentityBinding*> bindings_view_;
  std::vector<const AzureIdentity*> identities_view_;
};
INSTANTIATE_TEST_SUITE_P(Modes, DecideAccessTest, testing::Values(OperationMode::standard, OperationMode::managed));

TEST_P(DecideAccessTest, EveryStateThatIsNotOpenRefusesAtOnceUnderItsOwnName) {
  for (std::size_t i = 1; i < kAccessReasons; ++i) {
    const auto reason = static_cast<AccessReason>(i);
    const RefusalReason refusal = refusal_of(reason);
    EXPECT_TRUE(is_about_access(refusal));
    EXPECT_EQ(to_string(refusal), to_string(reason));
  }
  bind({.state = closed(AccessReason::window_closed, kNow + hours(1))});
  const Decision decision = decide_now();
  EXPECT_FALSE(decision.granted());
  EXPECT_EQ(decision.reason, RefusalReason::window_closed);
  EXPECT_EQ(decision.healing, Healing::none);
  ASSERT_NE(decision.binding, nullptr);
  EXPECT_EQ(decision.binding->meta.name, "b-reader");
  EXPECT_EQ(decision.access->until, kNow + hours(1));
}

TEST_P(DecideAccessTest, AnOpenOneIsGrantedWithItsEnd) {
  bind({.state = open_until(kNow + hours(1))});
  const Decision decision = decide_now();
  ASSERT_TRUE(decision.granted());
  EXPECT_EQ(decision.access->until, kNow + hours(1));
}

TEST_P(DecideAccessTest, OfTwoTheOpenOneIsUsedWhateverTheWeights) {
  bind({.name = "closed", .state = closed(AccessReason::grant_missing), .weight = 9});
  bind({.name = "open", .state = open_until({})});
  const Decision decision = decide_now();
  ASSERT_TRUE(decision.granted());
  EXPECT_EQ(decision.identity->meta.name, "open");
  EXPECT_EQ(decision.candidates, 1U);
  EXPECT_EQ(decide_now({ClientIdView("client-closed"), {}, {}}).reason, RefusalReason::grant_missing);
}

TEST_P(DecideAccessTest, AnUnlimitedOneHasNothingToSay) {
  bind({.name = "closed", .state = closed(AccessReason::over)});
  bind({.name = "free"});
  const Decision decision = decide_now();
  ASSERT_TRUE(decision.granted());
  EXPECT_EQ(decision.identity->meta.name, "free");
  EXPECT_FALSE(decision.access);
}

TEST_P(DecideAccessTest, OfSeveralClosedOnesTheFirstToOpenIsTheReason) {
  bind({.name = "a", .state = closed(AccessReason::over)});
  bind({.name = "b", .state = closed(AccessReason::window_closed, kNow + hours(2))});
  bind({.name = "c", .state = closed(AccessReason::not_yet, kNow + hours(1))});
  const Decision decision = decide_now();
  EXPECT_EQ(decision.reason, RefusalReason::not_yet);
  EXPECT_EQ(decision.binding->meta.name, "b-c");
}

TEST_P(DecideAccessTest, TheListHasItAfterThePolicyAndBeforeTheStatus) {
  bind({.state = closed(AccessReason::not_yet, kNow + hours(1))});
  CheckList checks;
  decide(input(), &checks);
  const Check& last = checks.back();
  EXPECT_EQ(to_string(last.id), "access");
  EXPECT_EQ(last.object, "azureidentitybinding shop/b-reader");
  EXPECT_EQ(last.outcome, CheckOutcome::failed);
  EXPECT_THAT(last.text, HasSubstr("2027-01-15T09:00:00Z"));
  EXPECT_FALSE(last.remedy.empty());
}

TEST_P(DecideAccessTest, TheSentenceSaysWhichBindingAndWhenItOpens) {
  bind({.state = closed(AccessReason::window_closed, kNow + hours(1))});
  const DecisionInput in = input();
  const Decision decision = decide(in, nullptr);
  EXPECT_EQ(refusal_summary(in, decision),
            "AzureIdentity shop/reader may not be used by pod web-0 in namespace shop now: AzureIdentityBinding "
            "shop/b-reader: spec.access.notBefore is 2027-01-15T09:00:00Z; it opens at 2027-01-15T09:00:00Z");
  EXPECT_EQ(legacy_refusal_text(in, decision, {}), refusal_description(in, decision));
}

// SEC-10, requireAccess: of the live binding, whose access the copy in an assignment lacks.
TEST_P(DecideAccessTest, WhatThePolicyRequiresIsLookedForInTheBinding) {
  const auto permit = [](const std::string& required) {
    IdentityPermissions permissions;
    permissions.set_policy(std::make_shared<const IdentityPolicy>(
        IdentityPolicy::read(boost::json::parse(R"({"spec": {"rules": [{"name": "r", "namespaces": {"names": ["shop"]},
            "resourceIDs": [")" + test::identity_resource_id("reader") +
                                                R"("], "requireAccess": [")" + required + R"("]}]}})"))
            .value()));
    return permissions;
  };
  bind({.state = open_until({})});  // by notBefore
  const IdentityPermissions windows = permit("windows");
  DecisionInput in = input();
  in.permissions = &windows;
  const Decision denied = decide(in, nullptr);
  EXPECT_EQ(denied.reason, RefusalReason::policy_denied);
  EXPECT_THAT(refusal_summary(in, denied), HasSubstr("windows"));
  const IdentityPermissions end = permit("notAfter");
  in.permissions = &end;
  EXPECT_TRUE(decide(in, nullptr).granted());
}

TEST_P(DecideAccessTest, CostsNoAllocation) {
  bind({.name = "a", .state = closed(AccessReason::over)});
  bind({.name = "b", .state = open_until(kNow + hours(1))});
  const DecisionInput in = input();
  const std::size_t before = test::allocations();
  const Decision decision = decide(in, nullptr);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_TRUE(decision.granted());
}

class DecideAccessStandardTest : public DecideAccessTest {};
INSTANTIATE_TEST_SUITE_P(Modes, DecideAccessStandardTest, testing::Values(OperationMode::standard));

// D17: the controller leaves it Created while it is closed.
TEST_P(DecideAccessStandardTest, TheTimeCountsBeforeTheStatus) {
  bind({.state = closed(AccessReason::window_closed, kNow + hours(1)), .status = kCreated});
  EXPECT_EQ(decide_now().reason, RefusalReason::window_closed);
}

TEST_P(DecideAccessStandardTest, AnOpenOneThatIsUnderWayIsWaitedFor) {
  bind({.name = "closed", .state = closed(AccessReason::window_closed)});
  bind({.name = "open", .state = open_until({}), .status = kCreated});
  const Decision decision = decide_now();
  EXPECT_EQ(decision.reason, RefusalReason::awaiting_assignment);
  EXPECT_EQ(decision.healing, Healing::waits);
}

// SEC-3 holds an identity of another namespace back while the pod's own is under way: a closed one is not.
TEST_P(DecideAccessStandardTest, AClosedOneOfThePodsOwnNamespaceHoldsNothingBack) {
  bind({.name = "own", .state = closed(AccessReason::window_closed), .status = kCreated});
  bind({.name = "other", .state = open_until({}), .ns = "default"});
  const Decision decision = decide_now();
  ASSERT_TRUE(decision.granted());
  EXPECT_EQ(decision.identity->meta.name, "other");
}

class DecideAccessManagedTest : public DecideAccessTest {};
INSTANTIATE_TEST_SUITE_P(Modes, DecideAccessManagedTest, testing::Values(OperationMode::managed));

TEST_P(DecideAccessManagedTest, ALimitedBindingOfWhichNothingIsSaidIsNotOpen) {
  AzureIdentity identity = make_identity("shop", "reader");
  AzureIdentityBinding binding = make_binding("shop", "b", "reader");
  binding.access.emplace();
  DecisionInput in = input();
  const AzureIdentity* identities[] = {&identity};
  const AzureIdentityBinding* bindings[] = {&binding};
  in.identities = identities;
  in.bindings = bindings;
  EXPECT_EQ(decide(in, nullptr).reason, RefusalReason::access_invalid);
}

}  // namespace
}  // namespace podid::core
