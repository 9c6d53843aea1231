// SPDX-License-Identifier: Apache-2.0
// Refusals as AzureTarget uses them, against an Azure that never says because of which identity it refuses (SEC-4).
#include "mic/machines/refusals.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "mic/machines/azure_target.hpp"
#include "mic/machines/limits.hpp"

namespace podid::mic {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Le;

constexpr int kMany = 200;
constexpr seconds kWriteTakes{20};

class RefusalsTest : public ::testing::Test {
 public:
  // Identities whose name begins with "bad" do not exist.
  void want(const std::string& identity, const std::string& ns) {
    target.wait_attached(identity, "pod-of-" + identity, ns);
  }
  void want_no_more(const std::string& identity) { target.forget_pod("pod-of-" + identity); }
  // New ones in the place of those before.
  void edit_bad_ones(const std::string& ns) {
    for (int i = 0; i < kMany; ++i) {
      want_no_more(fmt::format("bad-{}-{}", edits, i));
      want(fmt::format("bad-{}-{}", edits + 1, i), ns);
    }
    ++edits;
  }
  bool begin() {
    round = target.begin_round(now, [](const std::string&) { return false; }, [] { return Wanted(); }, RepairBy::round);
    if (!round) return false;
    asked.push_back(round->change.add);
    return true;
  }
  // With one write, as azure::ComputeClient does it.
  void end() {
    ++writes;
    now += kWriteTakes;
    azure::UpdateResult result;
    const std::vector<std::string>& add = round->change.add;
    if (!std::ranges::any_of(add, [](const std::string& id) { return id.starts_with("bad"); })) {
      attached.insert(add.begin(), add.end());
    } else {
      EXPECT_NE(round->change.on_refusal, azure::OnRefusal::find_culprits);
      result.error = base::fail(base::ErrorKind::invalid, "BadRequest").error();
      if (add.size() == 1) {
        result.refused.push_back({.id = add.front(), .reason = *result.error});
      } else {
        result.undecided = add;
      }
    }
    result.after.emplace();
    for (const std::string& id : attached) result.after->user_assigned.emplace(id, azure::UserIdentity());
    target.end_round(*round, result, {}, now, 0.0);
    round.reset();
  }
  // Until nothing is left to ask, or for so long.
  void work(base::Duration time = std::chrono::hours(1)) {
    const base::SteadyTime until = now + time;
    while (now < until && begin()) end();
  }
  int writes_until(const std::string& identity) {
    const int before = writes;
    while (!attached.contains(identity) && begin()) end();
    return writes - before;
  }

  base::SteadyTime now{std::chrono::hours(1)};
  AzureTarget target{{.kind = core::ComputeKind::scale_set, .subscription = "s", .resource_group = "g", .name = "set"},
                     {.max_age = std::chrono::hours(24),
                      .first_retry = seconds(5),
                      .last_retry = minutes(10),
                      .first_bad_delay = minutes(1),
                      .last_bad_delay = minutes(60)}};
  std::optional<Round> round;
  std::set<std::string> attached;
  std::vector<std::vector<std::string>> asked;
  int edits = 0;
  int writes = 0;
};

TEST_F(RefusalsTest, ManyIdentitiesThatAreEditedAgainAndAgainDelayOthersByOneWrite) {
  std::vector<int> took;
  for (int minute = 0; minute < 30; ++minute) {
    const base::SteadyTime next = now + minutes(1);
    edit_bad_ones("evil");
    const std::string first = fmt::format("good-a{}", minute);
    const std::string second = fmt::format("good-b{}", minute);
    want(first, "team-a");
    took.push_back(writes_until(first));
    // The other one comes while a request for the bad ones is under way.
    const bool under_way = begin();
    want(second, "team-b");
    if (under_way) end();
    took.push_back((under_way ? 1 : 0) + writes_until(second));
    while (now < next && begin()) end();
    now = std::max(now, next);
  }
  EXPECT_THAT(took, Each(Le(2)));
  EXPECT_EQ(attached.size(), 60u);
}

TEST_F(RefusalsTest, WhoIsRefusedTogetherWithManyBadOnesIsAskedForNext) {
  edit_bad_ones("evil");
  want("good", "team");
  EXPECT_EQ(writes_until("good"), 2);
  want("another", "team");
  ASSERT_TRUE(begin());
  EXPECT_THAT(round->change.add, ElementsAre("another")) << "nothing speaks against that namespace any more";
}

TEST_F(RefusalsTest, AmongManyNamespacesTheCulpritIsFoundByHalves) {
  for (int i = 0; i < 64; ++i) want(fmt::format("good-{}", i), fmt::format("team-{}", i));
  want("bad", "team-31");
  work(minutes(10));
  EXPECT_EQ(attached.size(), 64u);
  EXPECT_LE(writes, 18);
}

TEST_F(RefusalsTest, AnotherNamespacesWishForAnIdentityMakesItNoSuspect) {
  edit_bad_ones("evil");
  work(minutes(3));
  want("good", "evil");
  want("good", "team");
  EXPECT_EQ(writes_until("good"), 1);
  EXPECT_THAT(asked.back(), ElementsAre("good"));
}

TEST_F(RefusalsTest, ManyRefusalsMakeANamespacePauseLongerAndLonger) {
  const base::SteadyTime began = now;
  while (now < began + std::chrono::hours(2)) {
    const base::SteadyTime next = now + minutes(1);
    edit_bad_ones("evil");
    while (now < next && begin()) end();
    now = std::max(now, next);
  }
  // One refusal in ten minutes in the end.
  EXPECT_LE(writes, static_cast<int>(kRefusalsWithoutPause) + 8 + 16);
  EXPECT_GE(writes, static_cast<int>(kRefusalsWithoutPause) + 8 + 8);
  // And when it has been put right, its identities come, all of them.
  for (int i = 0; i < kMany; ++i) want_no_more(fmt::format("bad-{}-{}", edits, i));
  for (int i = 0; i < kMany; ++i) want(fmt::format("good-{}", i), "evil");
  now += kNamespaceLastPause;
  writes = 0;
  work();
  EXPECT_EQ(attached.size(), static_cast<std::size_t>(kMany));
  EXPECT_LE(writes, 9);
}

TEST_F(RefusalsTest, AFewRefusalsDelayNothingElseOfTheNamespace) {
  for (int i = 0; i < 4; ++i) want(fmt::format("bad-{}", i), "team");
  work(minutes(3));
  EXPECT_EQ(target.bad_identities(), 4u);
  want("good", "team");
  EXPECT_EQ(writes_until("good"), 1);
}

TEST_F(RefusalsTest, WhereSomethingCleanAlwaysWaitsSuspectsHaveTheirTurn) {
  edit_bad_ones("evil");
  work(minutes(3));
  asked.clear();
  for (int i = 0; i < 12; ++i) {
    want(fmt::format("good-{}", i), "team");
    ASSERT_TRUE(begin());
    end();
  }
  const auto of_evil = [](const std::vector<std::string>& ids) { return ids.front().starts_with("bad"); };
  EXPECT_EQ(std::ranges::count_if(asked, of_evil), 3);
  EXPECT_TRUE(attached.contains("good-10")) << "which delays the others by one request";
}

}  // namespace
}  // namespace podid::mic
