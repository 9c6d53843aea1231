// SPDX-License-Identifier: Apache-2.0
#include "mic/world/access_book.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace podid::mic {
namespace {

using namespace std::chrono_literals;
using core::Instant;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr Instant kDay{std::chrono::sys_days(std::chrono::year(2026) / 12 / 1)};
const core::ObjectKey kBinding{.ns = "shop", .name = "reader"};

// One binding, open from 01:00 to 02:00 each day.
class Daily final : public AccessSource {
 public:
  core::AccessState state_at(const core::ObjectKey&, Instant at) const override {
    core::AccessState state;
    if (closed_for_ever) {
      state.reason = core::AccessReason::over;
      return state;
    }
    const auto day = std::chrono::floor<std::chrono::days>(at);
    if (at >= day + 1h && at < day + 2h) {
      state.until = day + 2h;
    } else {
      state.reason = core::AccessReason::window_closed;
      state.until = at < day + 1h ? day + 1h : day + 25h;
    }
    return state;
  }
  std::string text_of(const core::ObjectKey&, const core::AccessState& state) const override {
    return std::string(core::to_string(state.reason));
  }
  std::string problem_of(const core::ObjectKey&) const override { return {}; }
  AccessSpan day_of(const core::ObjectKey&, Instant at) const override {
    const auto day = std::chrono::floor<std::chrono::days>(at);
    return {.from = day, .to = day + 24h};
  }
  bool closed_for_ever = false;
};

class AccessBookTest : public ::testing::Test {
 public:
  // Whom the news since the last call concerns.
  std::set<std::string> concerned(Instant now) {
    std::set<std::string> found;
    for (const AccessNews& news : book.advance(now)) {
      for (const std::string& node : nodes()) {
        const base::Duration delay = delay_of(node, {});
        if (news.after < delay && delay <= news.until) found.insert(node);
      }
    }
    return found;
  }
  std::set<std::string> held() const {
    std::set<std::string> found;
    for (const std::string& node : nodes()) {
      if (!book.closed_for(kBinding, node).empty()) found.insert(node);
    }
    return found;
  }
  static std::set<std::string> nodes() {
    std::set<std::string> made;
    for (int i = 0; i < 200; ++i) made.insert(fmt::format("node-{}", i));
    return made;
  }

  Daily source;
  AccessBook book{AccessTiming(), source};
};

// Whatever a pod's assignment should be is told when it changes, at whatever times the clock is looked at; and the work is
// spread over the nodes.
TEST_F(AccessBookTest, EveryChangeIsTold) {
  book.put(kBinding);
  Instant now = kDay;
  book.advance(now);
  std::set<std::string> known = held();
  EXPECT_THAT(known, SizeIs(200));
  std::size_t most_at_once = 0;
  int looks = 0;
  while (now < kDay + 26h) {
    const auto next = book.next();
    ASSERT_TRUE(next.has_value());
    ASSERT_GT(*next, now);
    now = std::max(*next, now + 1s);
    ++looks;
    const std::set<std::string> told = concerned(now);
    const std::set<std::string> now_held = held();
    std::set<std::string> changed;
    std::ranges::set_symmetric_difference(known, now_held, std::inserter(changed, changed.end()));
    EXPECT_TRUE(std::ranges::includes(told, changed));
    most_at_once = std::max(most_at_once, changed.size());
    known = now_held;
    const auto of_day = now - std::chrono::floor<std::chrono::days>(now);
    if (of_day < 58min || of_day >= 2h + 6min) EXPECT_THAT(known, SizeIs(200));
    if (of_day >= 59min && of_day < 2h + 5min) EXPECT_THAT(known, IsEmpty());
  }
  EXPECT_LT(most_at_once, 20u);
  EXPECT_LT(looks, 300);
}

TEST_F(AccessBookTest, AJumpIsLikeAllThatLiesBetween) {
  book.put(kBinding);
  book.advance(kDay);
  EXPECT_THAT(concerned(kDay + 90min), SizeIs(200));
  EXPECT_THAT(held(), IsEmpty());
  EXPECT_TRUE(book.moment(kBinding)->reason == core::AccessReason::open);
  EXPECT_THAT(concerned(kDay + 3h), SizeIs(200));
  EXPECT_THAT(held(), SizeIs(200));
  EXPECT_THAT(concerned(kDay + 90min), SizeIs(200)) << "back";
  EXPECT_THAT(held(), IsEmpty());
  EXPECT_THAT(concerned(kDay + 24h * 400), SizeIs(200));
  EXPECT_THAT(held(), SizeIs(200));
}

TEST_F(AccessBookTest, ABindingThatIsPutWhileItIsOpenWaitsForNobody) {
  book.advance(kDay + 90min);
  book.put(kBinding);
  EXPECT_THAT(held(), IsEmpty());
}

TEST_F(AccessBookTest, HeldAssignmentsSayUntilWhen) {
  book.advance(kDay);
  book.put(kBinding);
  EXPECT_EQ(book.closed_for(kBinding, "node-1"), "closed until 2026-12-01T01:00:00Z");
  source.closed_for_ever = true;
  book.put(kBinding);
  EXPECT_EQ(book.closed_for(kBinding, "node-1"), "closed");
  EXPECT_THAT(book.advance(kDay), SizeIs(1));
  EXPECT_EQ(book.next(), std::nullopt);
  book.erase(kBinding);
  EXPECT_EQ(book.closed_for(kBinding, "node-1"), "");
  EXPECT_EQ(book.moment(kBinding), nullptr);
}

}  // namespace
}  // namespace podid::mic
