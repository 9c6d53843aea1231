// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/store/field_selector.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

bool matches(std::string_view selector, const json::value& object) {
  const auto parsed = FieldSelector::parse(selector);
  EXPECT_TRUE(parsed) << selector;
  return parsed && parsed->matches(object);
}

TEST(FieldSelector, ComparesPathsAsText) {
  const json::value pod = json::parse(R"({"metadata":{"name":"a"},"spec":{"nodeName":"n1","hostNetwork":true}})");
  EXPECT_TRUE(matches("", pod));
  EXPECT_TRUE(matches("spec.nodeName=n1,metadata.name==a", pod));
  EXPECT_FALSE(matches("spec.nodeName!=n1", pod));
  EXPECT_TRUE(matches("spec.hostNetwork=true", pod));
}

TEST(FieldSelector, AMissingFieldIsTheZeroValue) {
  const json::value node = json::parse(R"({"metadata":{"name":"n"},"spec":{}})");
  EXPECT_TRUE(matches("status.phase=", node));
  EXPECT_TRUE(matches("status.phase!=Running", node));
  EXPECT_TRUE(matches("spec.unschedulable=false", node));
}

TEST(FieldSelector, AnEventsSourceIsEitherOfItsComponents) {
  EXPECT_TRUE(matches("source=c", json::parse(R"({"source":{"component":"c"}})")));
  EXPECT_TRUE(matches("source=c,reportingComponent=c", json::parse(R"({"reportingComponent":"c"})")));
}

TEST(FieldSelector, ValuesCanEscapeTheMarks) {
  EXPECT_TRUE(matches(R"(a=x\,y\=z\\)", json::parse(R"({"a":"x,y=z\\"})")));
}

TEST(FieldSelector, RefusesWhatIsNoTerm) {
  for (const std::string_view text : {"a", "=b", R"(a=b\x)", "a=b=c"}) {
    const auto parsed = FieldSelector::parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_NE(parsed.error().find(text), std::string::npos);
  }
}

}  // namespace
}  // namespace podid::lab::apiserver
