// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/label_selector.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

json::value labelled(json::object labels) {
  return json::object{{"metadata", json::object{{"labels", std::move(labels)}}}};
}

struct Case {
  std::string_view selector;
  bool matches;  // {"app": "web", "tier": "front", "count": "5"}
};

class LabelSelectorMatchTest : public testing::TestWithParam<Case> {};

TEST_P(LabelSelectorMatchTest, FollowsTheGrammar) {
  const auto selector = LabelSelector::parse(GetParam().selector);
  ASSERT_TRUE(selector) << selector.error();
  EXPECT_EQ(selector->matches(labelled({{"app", "web"}, {"tier", "front"}, {"count", "5"}})), GetParam().matches)
      << GetParam().selector;
}

INSTANTIATE_TEST_SUITE_P(All, LabelSelectorMatchTest,
                         testing::Values(Case{"", true}, Case{"app=web", true}, Case{"app==web", true},
                                         Case{"app = web , tier = front", true}, Case{"app!=web", false},
                                         Case{"other!=web", true}, Case{"app in (web, api)", true},
                                         Case{"app in (api)", false}, Case{"app notin (api)", true},
                                         Case{"other notin (api)", true}, Case{"app", true}, Case{"other", false},
                                         Case{"!other", true}, Case{"!app", false}, Case{"count>4", true},
                                         Case{"count<5", false}, Case{"app>1", false}, Case{"app=", false},
                                         Case{"other in (,x)", false}));

class LabelSelectorRefusalTest : public testing::TestWithParam<std::string_view> {};

TEST_P(LabelSelectorRefusalTest, SaysWhy) {
  const auto selector = LabelSelector::parse(GetParam());
  ASSERT_FALSE(selector) << GetParam();
  EXPECT_FALSE(selector.error().empty());
}

INSTANTIATE_TEST_SUITE_P(All, LabelSelectorRefusalTest,
                         testing::Values("a b", "==", "a in x", "a in (x", "a=b/c", "a/b/c=d", "a>x", "a,,b", "=b",
                                         "!"));

TEST(LabelSelector, AnObjectWithoutLabelsHasNone) {
  const json::value bare = json::object{{"metadata", json::object{}}};
  EXPECT_TRUE(LabelSelector::parse("!a")->matches(bare));
  EXPECT_FALSE(LabelSelector::parse("a")->matches(bare));
}

}  // namespace
}  // namespace podid::lab::apiserver
