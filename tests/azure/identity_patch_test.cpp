// SPDX-License-Identifier: Apache-2.0
#include "azure/identity_patch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <set>

namespace podid::azure {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Ids = std::vector<std::string>;

IdentityState state_of(IdentityType type, const Ids& ids) {
  IdentityState state;
  state.type = type;
  state.type_text = to_string(type);
  for (const std::string& id : ids) state.user_assigned[id];
  return state;
}

Ids numbered(std::string_view prefix, int count) {
  Ids ids;
  for (int i = 0; i < count; ++i) ids.push_back(fmt::format("{}{:03}", prefix, i));
  return ids;
}

// mic.md §7.3 with MIC-1 and MIC-15: what one PATCH says, or that none is sent.
TEST(PlanPatches, KeepsWhatItMayNotTouch) {
  struct Row {
    std::string_view name;
    IdentityType type;
    Ids attached;
    Ids add;
    Ids remove;
    std::string_view body;  // empty: no PATCH
  };
  constexpr auto kNone = IdentityType::none;
  constexpr auto kUser = IdentityType::user;
  constexpr auto kSystem = IdentityType::system;
  constexpr auto kBoth = IdentityType::system_and_user;
  for (const Row& row : std::initializer_list<Row>{
           {"first identity",
            kNone,
            {},
            {"a"},
            {},
            R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{"a":{}}}})"},
           {"one more",
            kUser,
            {"b"},
            {"a"},
            {},
            R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{"a":{}}}})"},
           {"swap",
            kUser,
            {"b", "c"},
            {"a"},
            {"b"},
            R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{"b":null,"a":{}}}})"},
           {"only removal, some stay",
            kUser,
            {"b", "c"},
            {},
            {"b"},
            R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{"b":null}}})"},
           {"last one", kUser, {"b"}, {}, {"b"}, R"({"identity":{"type":"None"}})"},
           {"last one replaced",
            kUser,
            {"b"},
            {"a"},
            {"b"},
            R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{"b":null,"a":{}}}})"},
           {"next to system",
            kSystem,
            {},
            {"a"},
            {},
            R"({"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"a":{}}}})"},
           {"more next to system",
            kBoth,
            {"b"},
            {"a"},
            {},
            R"({"identity":{"type":"SystemAssigned, UserAssigned","userAssignedIdentities":{"a":{}}}})"},
           {"last one next to system", kBoth, {"b"}, {}, {"b"}, R"({"identity":{"type":"SystemAssigned"}})"},
           {"MIC-1: nothing to remove from system", kSystem, {}, {}, {"a"}, ""},
           {"nothing to remove from none", kNone, {}, {}, {"a"}, ""},
           {"already there", kUser, {"a"}, {"a"}, {}, ""},
           {"already there in another case", kUser, {"a"}, {"A"}, {}, ""},
           {"already gone", kUser, {"a"}, {}, {"b"}, ""},
           {"MIC-15: add wins over remove, whatever the case", kUser, {"a"}, {"A"}, {"a"}, ""},
           {"MIC-15: add wins for an absent one",
            kNone,
            {},
            {"A"},
            {"a"},
            R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{"a":{}}}})"},
           {"named twice",
            kNone,
            {},
            {"a", "A", "a"},
            {},
            R"({"identity":{"type":"UserAssigned","userAssignedIdentities":{"a":{}}}})"},
           {"empty change", kUser, {"a"}, {}, {}, ""},
       }) {
    const auto plan = plan_patches(state_of(row.type, row.attached), {.add = row.add, .remove = row.remove});
    ASSERT_TRUE(plan.has_value()) << row.name;
    if (row.body.empty()) {
      EXPECT_THAT(*plan, IsEmpty()) << row.name;
    } else {
      ASSERT_THAT(*plan, SizeIs(1)) << row.name;
      EXPECT_EQ(plan->front().body(), row.body) << row.name;
    }
  }
}

TEST(PlanPatches, AnUnknownTypeIsLeftAlone) {
  IdentityState state = state_of(IdentityType::unknown, {"a"});
  state.type_text = "ActorAssigned";
  const auto plan = plan_patches(state, {.add = {"b"}, .remove = {}});
  ASSERT_FALSE(plan.has_value());
  EXPECT_EQ(plan.error().kind, base::ErrorKind::unsupported);
  EXPECT_THAT(plan.error().message, HasSubstr("\"ActorAssigned\""));
}

// Applies the plan and checks that each id is sent once, removals before additions, and every step within the limit.
IdentityState play(IdentityState state, const std::vector<IdentityPatch>& plan) {
  std::set<std::string> sent;
  bool adding = false;
  for (const IdentityPatch& patch : plan) {
    EXPECT_FALSE(adding && !patch.remove.empty());
    adding = adding || !patch.add.empty();
    for (const Ids* ids : {&patch.remove, &patch.add}) {
      for (const std::string& id : *ids) EXPECT_TRUE(sent.insert(id).second) << id;
    }
    if (patch.type == IdentityType::user) EXPECT_LE(patch.remove.size() + patch.add.size(), kMaxIdentitiesPerPatch);
    state = apply(std::move(state), patch);
    EXPECT_EQ(state.user_assigned.empty(), patch.type == IdentityType::none);
  }
  return state;
}

TEST(PlanPatches, LargeChangesGoInStepsRemovalsFirst) {
  struct Row {
    int kept;
    int removed;
    int added;
    std::size_t steps;
  };
  for (const Row& row : {Row{1, 0, 150, 1}, Row{1, 0, 151, 2}, Row{1, 160, 5, 2}, Row{1, 150, 150, 2},
                         Row{0, 150, 5, 2}, Row{0, 200, 200, 3}, Row{0, 400, 0, 1}, Row{5, 400, 0, 3}}) {
    const Ids kept = numbered("kept", row.kept);
    const Ids removed = numbered("removed", row.removed);
    const Ids added = numbered("added", row.added);
    Ids attached = kept;
    attached.insert(attached.end(), removed.begin(), removed.end());
    const IdentityState before = state_of(attached.empty() ? IdentityType::none : IdentityType::user, attached);
    const auto plan = plan_patches(before, {.add = added, .remove = removed});
    ASSERT_TRUE(plan.has_value());
    EXPECT_THAT(*plan, SizeIs(row.steps));
    const IdentityState after = play(before, *plan);
    Ids expected = kept;
    expected.insert(expected.end(), added.begin(), added.end());
    EXPECT_EQ(after.user_assigned.size(), expected.size());
    for (const std::string& id : expected) EXPECT_TRUE(after.has(id)) << id;
  }
}

TEST(PlanPatches, RunningItTwiceChangesNothing) {
  const IdentityState before = state_of(IdentityType::system_and_user, {"a", "b", "foreign"});
  const IdentityChange change = {.add = {"c", "b"}, .remove = {"a", "x"}};
  const auto plan = plan_patches(before, change);
  ASSERT_TRUE(plan.has_value());
  const IdentityState after = play(before, *plan);
  EXPECT_TRUE(after.has("foreign"));
  EXPECT_THAT(*plan_patches(after, change), IsEmpty());
}

}  // namespace
}  // namespace podid::azure
