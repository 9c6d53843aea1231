// SPDX-License-Identifier: Apache-2.0
#include "mic/machines/azure_target.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::mic {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kTeam = "team";
constexpr base::SteadyTime kStart{std::chrono::hours(1)};

class AzureTargetTest : public ::testing::Test {
 public:
  AzureTargetTest() { target.set_next_repair(kStart + minutes(3)); }

  std::optional<Round> begin(base::SteadyTime now) {
    return target.begin_round(
        now, [this](const std::string& id) { return kept.contains(id); }, [this] { return wanted(assigned); },
        repair_by);
  }
  static Wanted wanted(const std::set<std::string>& ids) {
    Wanted all;
    for (const std::string& id : ids) all.emplace(id, Namespaces{kTeam});
    return all;
  }
  static azure::UpdateResult success(const std::vector<std::string>& attached) {
    azure::UpdateResult result;
    result.after.emplace();
    for (const std::string& id : attached) result.after->user_assigned.emplace(id, azure::UserIdentity());
    return result;
  }
  static azure::UpdateResult failure(base::ErrorKind kind, std::optional<std::chrono::seconds> retry_after = {}) {
    azure::UpdateResult result;
    result.error.emplace();
    result.error->kind = kind;
    result.error->message = "failed";
    result.error->retry_after = retry_after;
    return result;
  }
  RoundOutcome run(base::SteadyTime now, const azure::UpdateResult& result) {
    const std::optional<Round> round = begin(now);
    EXPECT_TRUE(round.has_value());
    return round ? target.end_round(*round, result, wanted(assigned), now, 0.0) : RoundOutcome();
  }

  AzureTarget target{
      {.kind = core::ComputeKind::virtual_machine, .subscription = "s", .resource_group = "g", .name = "v"},
      {.max_age = minutes(3),
       .first_retry = seconds(5),
       .last_retry = minutes(10),
       .first_bad_delay = minutes(1),
       .last_bad_delay = minutes(60)}};
  std::set<std::string> kept;
  RepairBy repair_by = RepairBy::round;
  std::set<std::string> assigned;
};

TEST_F(AzureTargetTest, OneRoundCarriesAllThatIsWaitedFor) {
  target.wait_attached("one", "p1", kTeam);
  target.wait_attached("one", "p2", kTeam);
  target.wait_absent("two", "p3");
  const std::optional<Round> round = begin(kStart);
  ASSERT_TRUE(round);
  EXPECT_THAT(round->change.add, ElementsAre("one"));
  EXPECT_THAT(round->change.remove, ElementsAre("two"));
  EXPECT_FALSE(begin(kStart)) << "one round at a time";
  const RoundOutcome outcome = target.end_round(*round, success({"one"}), wanted(assigned), kStart, 0.0);
  EXPECT_THAT(outcome.ready_pods, ElementsAre("p1", "p2", "p3"));
  EXPECT_THAT(outcome.refusals, IsEmpty());
}

TEST_F(AzureTargetTest, WhatIsBeingChangedIsNeitherAttachedNorAbsent) {
  target.wait_attached("one", "p", kTeam);
  run(kStart, success({"one", "two"}));
  EXPECT_TRUE(target.attached("one", kStart));
  EXPECT_TRUE(target.absent("three"));
  target.forget_pod("p");
  target.wait_absent("one", "p");
  target.wait_attached("three", "q", kTeam);
  const auto round = begin(kStart);
  ASSERT_TRUE(round);
  EXPECT_FALSE(target.attached("one", kStart));
  EXPECT_FALSE(target.absent("three"));
  EXPECT_TRUE(target.attached("two", kStart));
}

TEST_F(AzureTargetTest, KnownIdentitiesNeedNoRound) {
  target.wait_attached("one", "p", kTeam);
  run(kStart, success({"one"}));
  target.wait_attached("one", "q", kTeam);
  EXPECT_FALSE(begin(kStart + seconds(1)));
  EXPECT_THAT(target.ready_pods(kStart, [](const std::string&) { return false; }), ElementsAre("p", "q"));
  EXPECT_FALSE(target.attached("one", kStart + minutes(3) + seconds(1))) << "what is old is asked again";
}

TEST_F(AzureTargetTest, AddingWinsAndKeptIdentitiesStay) {  // MIC-15
  target.wait_attached("one", "p", kTeam);
  target.wait_absent("one", "q");
  target.wait_absent("two", "r");
  kept = {"two"};
  const auto round = begin(kStart);
  ASSERT_TRUE(round);
  EXPECT_THAT(round->change.add, ElementsAre("one"));
  EXPECT_THAT(round->change.remove, IsEmpty());
  EXPECT_THAT(target.ready_pods(kStart, [this](const std::string& id) { return kept.contains(id); }), ElementsAre("r"));
}

TEST_F(AzureTargetTest, RefusedIdentitiesWaitLongerEachTimeWithoutDelayingOthers) {
  target.wait_attached("bad", "p", kTeam);
  target.wait_attached("good", "q", kTeam);
  azure::UpdateResult result = success({"good"});
  result.refused.push_back({.id = "bad", .reason = *failure(base::ErrorKind::invalid).error});
  result.error = result.refused.back().reason;
  const RoundOutcome outcome = run(kStart, result);
  EXPECT_THAT(outcome.ready_pods, ElementsAre("q"));
  ASSERT_THAT(outcome.refusals, SizeIs(1));
  EXPECT_EQ(outcome.refusals.front().pod, "p");
  EXPECT_EQ(target.bad_identities(), 1u);
  EXPECT_TRUE(target.last_change_failed());

  EXPECT_FALSE(begin(kStart + seconds(59)));
  target.wait_attached("third", "r", kTeam);
  const auto other = begin(kStart + seconds(30));
  ASSERT_TRUE(other) << "others need not wait";
  EXPECT_THAT(other->change.add, ElementsAre("third"));
  target.end_round(*other, success({"good", "third"}), wanted(assigned), kStart + seconds(30), 0.0);

  EXPECT_EQ(target.next_time(kStart + seconds(31), Repairs::unwanted), kStart + minutes(1));
  azure::UpdateResult again = success({"good", "third"});
  again.refused = result.refused;
  again.error = result.error;
  run(kStart + minutes(1), again);
  EXPECT_EQ(target.next_time(kStart + minutes(1), Repairs::unwanted), kStart + minutes(3)) << "twice as long";
}

TEST_F(AzureTargetTest, ARefusedRemovalDelaysNobodyElse) {
  target.wait_absent("stuck", "p");
  azure::UpdateResult result = success({"stuck"});
  result.refused.push_back({.id = "stuck", .reason = *failure(base::ErrorKind::denied).error});
  result.error = result.refused.back().reason;
  const RoundOutcome outcome = run(kStart, result);
  EXPECT_THAT(outcome.ready_pods, IsEmpty());
  ASSERT_THAT(outcome.refusals, SizeIs(1));
  EXPECT_TRUE(outcome.refusals.front().removal);
  EXPECT_EQ(target.bad_identities(), 1u);
  EXPECT_FALSE(target.waiting_to_retry(kStart));
  EXPECT_FALSE(begin(kStart + seconds(59)));

  target.wait_attached("good", "q", kTeam);
  const auto other = begin(kStart);
  ASSERT_TRUE(other) << "others need not wait";
  EXPECT_THAT(other->change.add, ElementsAre("good"));
  EXPECT_THAT(other->change.remove, IsEmpty());
  target.end_round(*other, success({"good", "stuck"}), wanted(assigned), kStart, 0.0);

  EXPECT_EQ(target.next_time(kStart, Repairs::unwanted), kStart + minutes(1));
  EXPECT_THAT(run(kStart + minutes(1), success({"good"})).ready_pods, ElementsAre("p", "q"));
  EXPECT_EQ(target.bad_identities(), 0u);
}

TEST_F(AzureTargetTest, AFailureAsAWholeIsRetriedWithBackOffAndRetryAfter) {
  target.wait_attached("one", "p", kTeam);
  const RoundOutcome outcome = run(kStart, failure(base::ErrorKind::unavailable));
  EXPECT_THAT(outcome.refusals, SizeIs(1));
  EXPECT_TRUE(target.waiting_to_retry(kStart));
  EXPECT_FALSE(begin(kStart + seconds(4)));
  run(kStart + seconds(5), failure(base::ErrorKind::unavailable));
  EXPECT_EQ(target.next_time(kStart + seconds(5), Repairs::unwanted), kStart + seconds(15));
  run(kStart + seconds(15), failure(base::ErrorKind::throttled, seconds(1200)));
  EXPECT_EQ(target.next_time(kStart + seconds(15), Repairs::unwanted), kStart + seconds(1215));
  run(kStart + seconds(1215), success({"one"}));
  EXPECT_FALSE(target.waiting_to_retry(kStart + seconds(1215)));
}

TEST_F(AzureTargetTest, WhatIsPutAsideDelaysTheOthersNoLonger) {  // SEC-4
  target.wait_attached("bad", "p", kTeam);
  target.wait_attached("untried", "q", kTeam);
  azure::UpdateResult result = success({});
  result.refused.push_back({.id = "bad", .reason = *failure(base::ErrorKind::invalid).error});
  result.error = result.refused.back().reason;
  const RoundOutcome outcome = run(kStart, result);
  ASSERT_THAT(outcome.refusals, SizeIs(1));
  EXPECT_EQ(outcome.refusals.front().pod, "p") << "the other one has heard nothing yet";
  const auto next = begin(kStart);
  ASSERT_TRUE(next) << "at once";
  EXPECT_THAT(next->change.add, ElementsAre("untried"));
}

TEST_F(AzureTargetTest, WhatWasRefusedBeforeIsTriedAfterTheOthers) {
  target.wait_attached("bad", "p", kTeam);
  target.wait_absent("stuck", "q");
  azure::UpdateResult result = success({"stuck"});
  result.refused = {{.id = "bad", .reason = *failure(base::ErrorKind::invalid).error},
                    {.id = "stuck", .reason = *failure(base::ErrorKind::invalid).error}};
  result.error = result.refused.back().reason;
  run(kStart, result);
  target.wait_attached("fresh", "r", kTeam);
  const auto round = begin(kStart + minutes(1));
  ASSERT_TRUE(round);
  EXPECT_THAT(round->change.add, ElementsAre("fresh"));
  EXPECT_THAT(round->change.remove, IsEmpty());
  target.end_round(*round, success({"fresh", "stuck"}), wanted(assigned), kStart + minutes(1), 0.0);
  const auto after = begin(kStart + minutes(1));
  ASSERT_TRUE(after);
  EXPECT_THAT(after->change.add, ElementsAre("bad"));
  EXPECT_THAT(after->change.remove, ElementsAre("stuck"));
}

TEST_F(AzureTargetTest, AFailureIsTriedAgainSoonWhenSomethingIsWaitedForNoMore) {  // FLD-2
  target.wait_attached("culprit", "p", kTeam);
  target.wait_attached("good", "q", kTeam);
  run(kStart, failure(base::ErrorKind::invalid));
  run(kStart + seconds(5), failure(base::ErrorKind::invalid));
  run(kStart + seconds(15), failure(base::ErrorKind::invalid));
  EXPECT_FALSE(begin(kStart + seconds(21)));
  target.forget_pod("p");
  const auto again = begin(kStart + seconds(21));
  ASSERT_TRUE(again);
  EXPECT_THAT(again->change.add, ElementsAre("good"));
  target.end_round(*again, failure(base::ErrorKind::throttled, seconds(60)), wanted(assigned), kStart + seconds(21),
                   0.0);
  target.forget_pod("q");
  target.wait_attached("other", "r", kTeam);
  EXPECT_FALSE(begin(kStart + seconds(80))) << "Azure has asked for that time";
}

TEST_F(AzureTargetTest, AVanishedResourceHasNothingAttached) {
  target.wait_absent("one", "p");
  EXPECT_THAT(run(kStart, failure(base::ErrorKind::not_found)).ready_pods, ElementsAre("p"));
}

TEST_F(AzureTargetTest, ARepairAsksForWhatIsAssigned) {
  assigned = {"one"};
  EXPECT_FALSE(begin(kStart));
  const auto round = begin(kStart + minutes(3));
  ASSERT_TRUE(round);
  EXPECT_TRUE(round->repair);
  EXPECT_THAT(round->change.add, ElementsAre("one"));
  target.end_round(*round, success({"one"}), wanted(assigned), kStart + minutes(3), 0.5);
  EXPECT_EQ(target.next_time(kStart + minutes(3), Repairs::wanted), kStart + minutes(3) + seconds(162))
      << "within the interval";
}

TEST_F(AzureTargetTest, ClientIdsThatCouldNotBeReadAreAskedForSoon) {
  target.wait_attached("one", "p", kTeam);
  azure::UpdateResult result = success({"one"});
  result.client_ids_unread = true;
  EXPECT_THAT(run(kStart, result).ready_pods, ElementsAre("p"));
  target.forget_pod("p");
  assigned = {"one"};
  EXPECT_EQ(target.next_time(kStart, Repairs::wanted), kStart + seconds(5));
  result.client_ids_unread = false;
  result.after->user_assigned["one"].client_id = "client-one";
  run(kStart + seconds(5), result);
  EXPECT_EQ(target.client_id("one"), "client-one");
  EXPECT_EQ(target.next_time(kStart + seconds(5), Repairs::wanted), kStart + seconds(5) + minutes(3)) << "once";
}

TEST_F(AzureTargetTest, AFailedRepairIsTriedAgainBeforeTheNextInterval) {
  assigned = {"one"};
  run(kStart + minutes(3), failure(base::ErrorKind::unavailable));
  EXPECT_EQ(target.next_time(kStart + minutes(3), Repairs::wanted), kStart + minutes(3) + seconds(5));
  const auto again = begin(kStart + minutes(3) + seconds(5));
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repair);
}

TEST_F(AzureTargetTest, AsksNothingWhereNothingIsDesired) {  // MIC-5
  EXPECT_FALSE(begin(kStart + minutes(3)));
  EXPECT_TRUE(target.unused(kStart + minutes(3)));
}

TEST_F(AzureTargetTest, AListMayBeBehindOurOwnChanges) {  // MIC-5
  target.wait_attached("one", "p", kTeam);
  run(kStart, success({"one"}));
  const base::SteadyTime soon = kStart + seconds(10);
  target.observed({}, wanted({"one"}), soon, soon, 0.0);
  EXPECT_TRUE(target.attached("one", soon)) << "our own look is not old enough to be replaced";
  target.set_next_repair(soon);
  target.observed({}, wanted({"one"}), soon, soon, 0.0);
  EXPECT_FALSE(target.repair_due(kStart + seconds(89))) << "the next list would not help either";
  EXPECT_TRUE(target.repair_due(kStart + seconds(90)));
  const base::SteadyTime later = kStart + minutes(2);
  target.observed({}, {}, later, later, 0.0);
  EXPECT_FALSE(target.attached("one", later));
  EXPECT_FALSE(target.absent("one")) << "a list is no proof that something is off";
}

TEST_F(AzureTargetTest, WhatAListMissesIsAttachedOnlyIfItIsStillAssigned) {
  repair_by = RepairBy::list;
  assigned = {"one"};
  const base::SteadyTime later = kStart + minutes(3);
  target.observed({}, wanted({"one", "two"}), later, later, 0.0);
  const auto round = begin(later);
  ASSERT_TRUE(round);
  EXPECT_THAT(round->change.add, ElementsAre("one"));
  EXPECT_FALSE(round->repair);
}

TEST_F(AzureTargetTest, WhatWasLearntIsKeptForAWhile) {
  target.wait_absent("one", "p");
  run(kStart, success({}));
  target.forget_pod("p");
  EXPECT_FALSE(begin(kStart));
  EXPECT_FALSE(target.unused(kStart)) << "what was learnt may still be of use";
  EXPECT_TRUE(target.unused(kStart + minutes(4)));
}

}  // namespace
}  // namespace podid::mic
