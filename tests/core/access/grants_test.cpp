// SPDX-License-Identifier: Apache-2.0
#include "core/access/grants.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <random>
#include <set>

#include "core/model/resources_json.hpp"
#include "core/model/times.hpp"
#include "support/allocation_counter.hpp"

namespace podid::core {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;

Instant instant(std::string_view text) { return read_time(text).value(); }
// Of one day.
Instant at(std::string_view clock) { return instant(fmt::format("2026-11-28T{}:00Z", clock)); }

const ObjectKey kBinding{.ns = "shop", .name = "reader-binding"};

AzureIdentityGrant make_grant(const std::string& name, Instant made, seconds duration = hours(1)) {
  AzureIdentityGrant grant;
  grant.meta.ns = "shop";
  grant.meta.name = name;
  grant.meta.uid = "uid-" + name;
  grant.meta.creation_timestamp = time_text(made);
  grant.binding = "reader-binding";
  grant.duration = duration;
  grant.reason = "INC-4711";
  grant.requested_by = "alice";
  return grant;
}

AzureIdentityGrantApproval make_approval(const AzureIdentityGrant& grant, const std::string& by, Instant made) {
  AzureIdentityGrantApproval approval;
  approval.meta.ns = grant.meta.ns;
  approval.meta.name = fmt::format("{}-{}-{}", grant.meta.name, by, made.time_since_epoch().count());
  approval.meta.uid = "uid-" + approval.meta.name;
  approval.meta.creation_timestamp = time_text(made);
  approval.grant = grant.meta.name;
  approval.grant_uid = grant.meta.uid;
  approval.binding = grant.binding;
  approval.requested_by = grant.requested_by;
  approval.approved_by = by;
  return approval;
}

struct GrantsTest : testing::Test {
  GrantsTest() { book.set_policies({.problem = {}, .count_from = at("06:00")}); }

  GrantSchedule schedule(Instant now = at("07:00"), const StringMap& labels = {{"job", "replay"}}) const {
    return book.schedule(kBinding, terms, labels, now);
  }
  AccessReason reason(std::string_view clock) const { return schedule(at(clock)).at(at(clock)).reason; }
  std::string text(std::string_view clock) const { return schedule(at(clock)).text(at(clock)); }
  // A grant of 08:00 that bob approved at 08:10, changed.
  template <class Change>
  AccessReason with(Change change) {
    AzureIdentityGrant grant = make_grant("g", at("08:00"));
    AzureIdentityGrantApproval approval = make_approval(grant, "bob", at("08:10"));
    change(grant, approval);
    GrantBook other;
    other.set_policies(book.policies());
    other.put(grant);
    other.put(approval);
    return other.schedule(kBinding, terms, {}, at("08:20")).at(at("08:20")).reason;
  }

  GrantTerms terms{.max_duration = hours(4), .approvals = 1};
  GrantBook book;
};

TEST_F(GrantsTest, OneThatIsApprovedOpensFromThenForItsTime) {
  const AzureIdentityGrant grant = make_grant("inc-4711", at("08:00"));
  book.put(grant);
  book.put(make_approval(grant, "bob", at("08:10")));
  const GrantSchedule schedule = this->schedule();
  EXPECT_EQ(schedule.at(at("08:09")).reason, AccessReason::grant_pending);
  EXPECT_EQ(schedule.at(at("08:09")).until, at("08:10"));
  const AccessState open = schedule.at(at("08:10"));
  EXPECT_TRUE(open.open());
  EXPECT_EQ(open.until, at("09:10"));
  EXPECT_EQ(open.grant, "inc-4711");
  EXPECT_TRUE(schedule.at(at("09:10") - seconds(1)).open());
  EXPECT_EQ(schedule.at(at("09:10")).reason, AccessReason::grant_missing);
  EXPECT_EQ(schedule.text(at("09:10")), "grant inc-4711 ended at 2026-11-28T09:10:00Z");
}

TEST_F(GrantsTest, WithoutOneItIsMissing) {
  EXPECT_EQ(reason("08:00"), AccessReason::grant_missing);
  EXPECT_EQ(schedule().at(at("08:00")).until, std::nullopt);
  EXPECT_EQ(text("08:00"), "there is no grant for this pod");
  EXPECT_EQ(GrantSchedule().at(at("08:00")).reason, AccessReason::grant_missing);
}

TEST_F(GrantsTest, OneThatLacksApprovalsIsPendingAndSaysHowMany) {
  terms.approvals = 2;
  const AzureIdentityGrant grant = make_grant("inc-4711", at("08:00"));
  book.put(grant);
  EXPECT_EQ(text("08:00"), "grant inc-4711 has 0 of 2 approvals");
  book.put(make_approval(grant, "bob", at("08:10")));
  EXPECT_EQ(text("08:20"), "grant inc-4711 has 1 of 2 approvals");
  EXPECT_EQ(reason("08:20"), AccessReason::grant_pending);
  EXPECT_EQ(schedule().at(at("08:20")).until, std::nullopt) << "nobody knows when";
  book.put(make_approval(grant, "erik", at("08:30")));
  EXPECT_EQ(schedule().at(at("08:30")).until, at("09:30")) << "from the second one on";
}

TEST_F(GrantsTest, APersonCountsOnceByTheirEarliestApproval) {
  const AzureIdentityGrant grant = make_grant("g", at("08:00"));
  book.put(grant);
  book.put(make_approval(grant, "bob", at("08:30")));
  book.put(make_approval(grant, "bob", at("08:10")));
  book.put(make_approval(grant, "bob", at("08:20")));
  EXPECT_EQ(schedule().at(at("08:10")).until, at("09:10"));
  terms.approvals = 2;
  EXPECT_EQ(text("08:40"), "grant g has 1 of 2 approvals");
}

TEST_F(GrantsTest, ALaterStartIsWaitedFor) {
  AzureIdentityGrant grant = make_grant("g", at("08:00"));
  grant.not_before = at("12:00");
  book.put(grant);
  book.put(make_approval(grant, "bob", at("08:10")));
  EXPECT_EQ(reason("09:00"), AccessReason::grant_pending);
  EXPECT_EQ(text("09:00"), "grant g starts at 2026-11-28T12:00:00Z");
  EXPECT_EQ(schedule().at(at("12:00")).until, at("13:00"));
}

TEST_F(GrantsTest, SelfServiceOpensAtOnceForAccountsToo) {
  terms.approvals = 0;
  AzureIdentityGrant grant = make_grant("g", at("08:00"));
  grant.requested_by = "system:serviceaccount:shop:ci";
  book.put(grant);
  EXPECT_EQ(schedule().at(at("08:00")).until, at("09:00"));
  terms.approvals = 1;
  book.put(make_approval(grant, "bob", at("08:10")));
  EXPECT_EQ(reason("08:20"), AccessReason::grant_missing);
  EXPECT_THAT(text("08:20"), HasSubstr("a person must ask"));
}

TEST_F(GrantsTest, OnlyTheBindingsPodsThatItSelectsAreOpened) {
  AzureIdentityGrant grant = make_grant("g", at("08:00"));
  grant.pod_labels = {{"job", "replay"}};
  book.put(grant);
  book.put(make_approval(grant, "bob", at("08:00")));
  EXPECT_TRUE(schedule().at(at("08:10")).open());
  const GrantSchedule other = schedule(at("08:10"), {{"job", "web"}});
  EXPECT_EQ(other.at(at("08:10")).reason, AccessReason::grant_missing);
  EXPECT_EQ(other.text(at("08:10")), "grant g is for other pods (podSelector)");
  EXPECT_FALSE(schedule(at("08:10"), {}).at(at("08:10")).open());
}

TEST_F(GrantsTest, AnApprovalIsOfOneGrantAsItIs) {
  using Approval = AzureIdentityGrantApproval;
  EXPECT_EQ(with([](auto&, Approval&) {}), AccessReason::open);
  EXPECT_EQ(with([](auto&, Approval& a) { a.grant_uid = "uid-other"; }), AccessReason::grant_pending);
  EXPECT_EQ(with([](auto&, Approval& a) { a.grant = "other"; }), AccessReason::grant_pending);
  EXPECT_EQ(with([](auto&, Approval& a) { a.binding = "other-binding"; }), AccessReason::grant_pending);
  EXPECT_EQ(with([](auto&, Approval& a) { a.requested_by = "carol"; }), AccessReason::grant_pending);
  EXPECT_EQ(with([](auto&, Approval& a) { a.approved_by = "alice"; }), AccessReason::grant_pending);
  EXPECT_EQ(with([](auto&, Approval& a) { a.meta.ns = "team-b"; }), AccessReason::grant_pending);
  EXPECT_EQ(with([](auto&, Approval& a) { a.meta.deletion_timestamp = "2026-11-28T08:11:00Z"; }),
            AccessReason::grant_pending);
  EXPECT_EQ(with([](auto&, Approval& a) { a.meta.creation_timestamp = "soon"; }), AccessReason::grant_pending);
}

TEST_F(GrantsTest, AGrantCountsWhileNothingSpeaksAgainstIt) {
  using Grant = AzureIdentityGrant;
  EXPECT_EQ(with([](Grant& g, auto&) { g.revocation.emplace(); }), AccessReason::grant_missing);
  EXPECT_EQ(with([](Grant& g, auto&) { g.meta.deletion_timestamp = "2026-11-28T08:11:00Z"; }),
            AccessReason::grant_missing);
  EXPECT_EQ(with([](Grant& g, auto&) { g.duration = hours(5); }), AccessReason::grant_missing);
  EXPECT_EQ(with([](Grant& g, auto&) { g.invalid = "spec.reason: is missing"; }), AccessReason::grant_missing);
  EXPECT_EQ(with([](Grant& g, auto&) { g.meta.creation_timestamp = ""; }), AccessReason::grant_missing);
  EXPECT_EQ(with([](Grant& g, auto&) { g.binding = "other-binding"; }), AccessReason::grant_missing);
  EXPECT_EQ(with([](Grant& g, auto&) { g.meta.ns = "team-b"; }), AccessReason::grant_missing);
}

TEST_F(GrantsTest, WhatTheBindingAllowsNowCounts) {
  const AzureIdentityGrant grant = make_grant("g", at("08:00"), hours(4));
  book.put(grant);
  book.put(make_approval(grant, "bob", at("08:00")));
  EXPECT_EQ(reason("09:00"), AccessReason::open);
  terms.max_duration = minutes(90);
  EXPECT_EQ(reason("09:00"), AccessReason::grant_missing);
  EXPECT_EQ(text("09:00"), "grant g asks for 4h, and the binding allows 1h30m");
}

TEST_F(GrantsTest, WhatWasMadeBeforeThePoliciesActedCountsForNothing) {
  const AzureIdentityGrant early = make_grant("early", at("06:00") - seconds(1));
  book.put(early);
  book.put(make_approval(early, "bob", at("06:10")));
  EXPECT_EQ(reason("06:20"), AccessReason::grant_policy_missing);
  EXPECT_EQ(text("06:20"),
            "grant early was made before the admission policies surely acted, from 2026-11-28T06:00:00Z on: ask anew");
  const AzureIdentityGrant grant = make_grant("in-time", at("06:00"));
  book.put(grant);
  book.put(make_approval(grant, "bob", at("06:00") - seconds(1)));
  EXPECT_EQ(text("06:20"), "grant in-time has 0 of 1 approvals");
  book.put(make_approval(grant, "bob", at("06:10")));
  EXPECT_EQ(schedule().at(at("06:20")).until, at("07:10")) << "whoever said so too early may say so again";
}

// Who deletes a binding and makes one of its name with another identity has no use of the grants of the first.
TEST_F(GrantsTest, AGrantOfAnEarlierBindingOfTheNameCountsForNothing) {
  const AzureIdentityGrant grant = make_grant("g", at("08:00"));
  book.put(grant);
  book.put(make_approval(grant, "bob", at("08:10")));
  terms.binding_made = at("08:00");
  EXPECT_EQ(reason("08:20"), AccessReason::open);
  terms.binding_made = at("08:00") + seconds(1);
  EXPECT_EQ(reason("08:20"), AccessReason::grant_missing);
  EXPECT_EQ(text("08:20"), "grant g was made before this binding, for an earlier one of its name: ask anew");

  const auto binding = read_azure_identity_binding(boost::json::parse(
      R"({"metadata": {"name": "b", "namespace": "shop", "creationTimestamp": "2026-11-28T08:00:01Z"},
          "spec": {"azureIdentity": "i", "selector": "s", "access": {"grant": {"maxDuration": "4h"}}}})"));
  ASSERT_TRUE(binding && binding->access && binding->access->grant);
  EXPECT_EQ(binding->access->grant->binding_made, at("08:00") + seconds(1));
}

TEST_F(GrantsTest, WithoutThePoliciesNothingCounts) {
  const AzureIdentityGrant grant = make_grant("g", at("08:00"));
  book.put(grant);
  book.put(make_approval(grant, "bob", at("08:00")));
  EXPECT_EQ(reason("08:10"), AccessReason::open);
  EXPECT_TRUE(book.set_policies({.problem = "they are gone", .count_from = {}}));
  EXPECT_FALSE(book.set_policies({.problem = "they are gone", .count_from = {}}));
  EXPECT_EQ(reason("08:10"), AccessReason::grant_policy_missing);
  EXPECT_EQ(text("08:10"), "they are gone");
  EXPECT_EQ(GrantBook().schedule(kBinding, terms, {}, at("08:10")).at(at("08:10")).reason,
            AccessReason::grant_policy_missing)
      << "not read yet";
}

TEST_F(GrantsTest, TheMostHelpfulReasonIsTold) {
  AzureIdentityGrant revoked = make_grant("revoked", at("09:00"));
  revoked.revocation.emplace();
  book.put(revoked);
  EXPECT_EQ(text("10:00"), "grant revoked is revoked");
  book.put(make_grant("long", at("08:00"), hours(9)));
  EXPECT_THAT(text("10:00"), HasSubstr("grant long asks for 9h"));
  book.put(make_grant("waits", at("07:00")));
  EXPECT_EQ(text("10:00"), "grant waits has 0 of 1 approvals");
  book.put(make_grant("waits-too", at("07:30")));
  EXPECT_EQ(text("10:00"), "grant waits-too has 0 of 1 approvals") << "the newest";
}

TEST_F(GrantsTest, ThoseThatFollowEachOtherKeepItOpen) {
  terms.approvals = 0;
  book.put(make_grant("a", at("08:00"), hours(1)));
  book.put(make_grant("b", at("08:30"), minutes(20)));  // within a
  book.put(make_grant("c", at("08:40"), hours(2)));
  AzureIdentityGrant later = make_grant("d", at("08:00"), hours(1));
  later.not_before = at("12:00");
  book.put(later);
  const GrantSchedule schedule = this->schedule();
  EXPECT_EQ(schedule.at(at("08:45")).grant, "a");
  EXPECT_EQ(schedule.at(at("08:45")).until, at("10:40"));
  EXPECT_EQ(schedule.at(at("09:00")).grant, "c");
  EXPECT_EQ(schedule.at(at("10:40")).reason, AccessReason::grant_pending);
  EXPECT_EQ(schedule.at(at("10:40")).until, at("12:00"));
  EXPECT_EQ(schedule.at(at("12:00")).until, at("13:00"));
}

TEST_F(GrantsTest, TheFarFutureDoesNotOverflow) {
  terms.approvals = 0;
  AzureIdentityGrant grant = make_grant("g", at("08:00"));
  grant.not_before = Instant::max();
  book.put(grant);
  EXPECT_EQ(schedule().at(at("09:00")).reason, AccessReason::grant_missing) << "its time is no time";
  grant.not_before = Instant::max() - minutes(1);
  book.put(grant);
  EXPECT_EQ(schedule().at(at("09:00")).reason, AccessReason::grant_pending);
  EXPECT_TRUE(schedule().at(Instant::max() - seconds(1)).open());
}

TEST_F(GrantsTest, TheBookKnowsWhatIsNewAndForgets) {
  AzureIdentityGrant grant = make_grant("g", at("08:00"));
  const AzureIdentityGrantApproval approval = make_approval(grant, "bob", at("08:00"));
  EXPECT_TRUE(book.put(grant));
  EXPECT_FALSE(book.put(grant));
  EXPECT_TRUE(book.put(approval));
  EXPECT_FALSE(book.put(approval));
  EXPECT_EQ(reason("08:10"), AccessReason::open);
  AzureIdentityGrantApproval moved = approval;
  moved.grant_uid = "uid-other";
  EXPECT_TRUE(book.put(moved));
  EXPECT_TRUE(book.approvals_of(grant).empty());
  EXPECT_TRUE(book.put(approval));
  EXPECT_EQ(book.approvals_of(grant).size(), 1u);
  EXPECT_TRUE(book.erase_approval(approval.meta.key()));
  EXPECT_FALSE(book.erase_approval(approval.meta.key()));
  EXPECT_EQ(reason("08:10"), AccessReason::grant_pending);
  book.put(approval);
  grant.meta.uid = "uid-made-anew";
  grant.duration = hours(4);
  EXPECT_TRUE(book.put(grant));
  EXPECT_EQ(reason("08:10"), AccessReason::grant_pending) << "what bob approved is gone";
  EXPECT_TRUE(book.erase_grant(grant.meta.key()));
  EXPECT_EQ(reason("08:10"), AccessReason::grant_missing);
}

TEST_F(GrantsTest, AskingAllocatesNothing) {
  terms.approvals = 0;
  for (int i = 0; i < 100; ++i) {
    book.put(
        make_grant(fmt::format("a-grant-with-a-name-that-is-long-{}", i), at("08:00") + minutes(7 * i), minutes(5)));
  }
  const GrantSchedule schedule = this->schedule();
  const Instant first = at("08:00");
  const std::size_t before = test::allocations();
  int open = 0;
  for (int i = 0; i < 700; ++i) open += schedule.at(first + minutes(i)).open() ? 1 : 0;
  EXPECT_EQ(test::allocations(), before);
  EXPECT_EQ(open, 500);
}

// Thousands of short ones do not fill the memory of each pod: the last ones are kept, so that today's is among them.
TEST_F(GrantsTest, OfVeryManyTheLastCount) {
  terms.approvals = 0;
  constexpr int kMany = static_cast<int>(GrantSchedule::kMostPieces) + 10;
  for (int i = 0; i < kMany; ++i) book.put(make_grant(fmt::format("g{}", i), at("08:00") + minutes(2 * i), minutes(1)));
  const GrantSchedule schedule = this->schedule();
  EXPECT_FALSE(schedule.at(at("08:00") + minutes(2 * 9)).open());
  EXPECT_TRUE(schedule.at(at("08:00") + minutes(2 * 10)).open());
  EXPECT_TRUE(schedule.at(at("08:00") + minutes(2 * (kMany - 1))).open());
}

TEST(WithGrants, BothHaveToBeOpen) {
  const AccessState always;
  const AccessState until_ten{.until = at("10:00"), .token_beyond_window = TokenBeyondWindow::deny};
  const AccessState closed{.reason = AccessReason::window_closed, .until = at("12:00")};
  const AccessState over{.reason = AccessReason::over};
  const AccessState granted{.until = at("11:00"), .grant = "g"};
  const AccessState starts{.reason = AccessReason::grant_pending, .until = at("09:00")};
  const AccessState missing{.reason = AccessReason::grant_missing};
  const auto expect = [](const AccessState& both, AccessReason reason, std::optional<Instant> until) {
    EXPECT_EQ(both.reason, reason);
    EXPECT_EQ(both.until, until);
  };
  expect(with_grants(always, granted), AccessReason::open, at("11:00"));
  expect(with_grants(until_ten, granted), AccessReason::open, at("10:00"));
  EXPECT_EQ(with_grants(until_ten, granted).grant, "g");
  EXPECT_EQ(with_grants(until_ten, granted).token_beyond_window, TokenBeyondWindow::deny);
  expect(with_grants(until_ten, starts), AccessReason::grant_pending, at("09:00"));
  // What is open has closed by then, and may open again: there is more to come.
  expect(with_grants({.until = at("09:00")}, starts), AccessReason::grant_pending, at("09:00"));
  expect(with_grants(until_ten, missing), AccessReason::grant_missing, std::nullopt);
  expect(with_grants(closed, granted), AccessReason::window_closed, at("12:00"));
  expect(with_grants(closed, starts), AccessReason::window_closed, at("12:00"));
  expect(with_grants(closed, missing), AccessReason::window_closed, std::nullopt);
  expect(with_grants(over, granted), AccessReason::over, std::nullopt);
}

// ---- histories at random, against the rules of docs/design/access.md said once more ----

constexpr minutes kStep{5};
const Instant kBegin = at("05:45");
const Instant kEnd = at("05:45") + hours(12);  // no story goes on for so long

struct Story {
  std::mt19937 random;
  GrantTerms terms;
  StringMap labels{{"job", "replay"}};
  Instant policies = at("06:00");
  std::vector<AzureIdentityGrant> grants;
  std::vector<AzureIdentityGrantApproval> approvals;

  explicit Story(unsigned seed) : random(seed) {
    terms = {.max_duration = minutes(30 * pick(1, 4)), .approvals = pick(0, 2)};
    const std::string people[] = {"alice", "bob", "erik", "system:serviceaccount:shop:ci"};
    const int many = pick(1, 6);
    for (int i = 0; i < many; ++i) {
      AzureIdentityGrant grant = make_grant(fmt::format("g{}", i), time(), minutes(10 * pick(1, 12)));
      grant.requested_by = people[pick(0, 3)];
      if (rarely()) grant.not_before = time();
      if (rarely()) grant.revocation.emplace();
      if (rarely()) grant.meta.deletion_timestamp = "2026-11-28T09:00:00Z";
      if (rarely()) grant.binding = "other-binding";
      if (rarely()) grant.pod_labels = {{"job", pick(0, 1) == 0 ? "replay" : "web"}};
      if (rarely()) grant.invalid = "wrong";
      grants.push_back(grant);
      for (int k = pick(0, 4); k-- > 0;) {
        AzureIdentityGrantApproval approval = make_approval(grant, people[pick(0, 2)], time());
        if (rarely()) approval.grant_uid = fmt::format("uid-g{}", pick(0, many - 1));
        if (rarely()) approval.grant = "g0";
        if (rarely()) approval.binding = "other-binding";
        if (rarely()) approval.requested_by = people[pick(0, 2)];
        if (rarely()) approval.meta.deletion_timestamp = "2026-11-28T09:00:00Z";
        approvals.push_back(approval);
      }
    }
  }
  int pick(int low, int high) { return std::uniform_int_distribution(low, high)(random); }
  bool rarely() { return pick(0, 7) == 0; }
  Instant time() { return at("05:45") + minutes(5 * pick(0, 60)); }

  // Since when a grant opens, as slowly and plainly as can be.
  std::optional<Instant> start_of(const AzureIdentityGrant& grant) const {
    const Instant made = instant(grant.meta.creation_timestamp);
    if (made < policies || grant.revocation || grant.meta.deleting() || !grant.invalid.empty()) return {};
    if (grant.binding != "reader-binding" || grant.duration > terms.max_duration) return {};
    if (!grant.pod_labels.empty() && grant.pod_labels != labels) return {};
    if (terms.approvals > 0 && grant.requested_by.starts_with("system:")) return {};
    // The first moment at which all is there.
    for (Instant start = made; start < kEnd; start += kStep) {
      std::set<std::string> people;
      for (const AzureIdentityGrantApproval& each : approvals) {
        const Instant said = instant(each.meta.creation_timestamp);
        if (each.grant_uid == grant.meta.uid && each.grant == grant.meta.name && each.binding == grant.binding &&
            each.requested_by == grant.requested_by && each.approved_by != grant.requested_by &&
            !each.meta.deleting() && said >= policies && said <= start) {
          people.insert(each.approved_by);
        }
      }
      if (std::ssize(people) >= terms.approvals && (!grant.not_before || *grant.not_before <= start)) return start;
    }
    return {};
  }
  // The names of the grants that open, at each step.
  std::vector<std::set<std::string>> told() const {
    std::vector<std::set<std::string>> names(static_cast<std::size_t>((kEnd - kBegin) / kStep));
    for (const AzureIdentityGrant& grant : grants) {
      const auto start = start_of(grant);
      if (!start) continue;
      for (Instant now = *start; now < std::min(*start + grant.duration, kEnd); now += kStep) {
        names[static_cast<std::size_t>((now - kBegin) / kStep)].insert(grant.meta.name);
      }
    }
    return names;
  }
};

TEST(GrantProperty, WhatOpensIsWhatTheRulesSayAtAnyTime) {
  std::size_t opened = 0;
  for (unsigned seed = 0; seed < 200; ++seed) {
    const Story story(seed);
    const std::vector<std::set<std::string>> told = story.told();
    GrantBook book;
    book.set_policies({.problem = {}, .count_from = story.policies});
    for (const auto& grant : story.grants) book.put(grant);
    for (const auto& approval : story.approvals) book.put(approval);
    const GrantSchedule early = book.schedule(kBinding, story.terms, story.labels, at("05:00"));
    // `until` is the next time at which it is otherwise.
    std::optional<Instant> until;
    for (std::size_t i = told.size(); i-- > 0;) {
      const Instant now = kBegin + kStep * static_cast<int>(i);
      const bool open = !told[i].empty();
      if (i + 1 < told.size() && told[i + 1].empty() == open) until = now + kStep;
      const AccessState state = early.at(now);
      ASSERT_EQ(state.open(), open) << "seed " << seed << " at " << time_text(now) << ": " << early.text(now);
      ASSERT_EQ(state.until, until) << "seed " << seed << " at " << time_text(now);
      const GrantSchedule fresh = book.schedule(kBinding, story.terms, story.labels, now);
      ASSERT_EQ(fresh.at(now).open(), open) << "made then; seed " << seed << " at " << time_text(now);
      ASSERT_EQ(fresh.at(now).until, until) << "made then; seed " << seed << " at " << time_text(now);
      if (!open) continue;
      ++opened;
      ASSERT_TRUE(told[i].contains(std::string(state.grant))) << "seed " << seed << " at " << time_text(now);
    }
  }
  EXPECT_GT(opened, 1000u) << "the stories are worth something";
}

}  // namespace
}  // namespace podid::core
