// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace podid::base {
namespace {

class JsonTest : public testing::Test {
 protected:
  const boost::json::value value_ =
      boost::json::parse(R"({"a":{"b":"text","n":5,"f":1.5,"big":18446744073709551615},"l":["x"],"z":null})");
  const boost::json::object& object_ = value_.get_object();
};

TEST_F(JsonTest, TextIsFoundByItsPath) {
  EXPECT_EQ(text_at(value_, {"a", "b"}), "text");
  EXPECT_EQ(text_at(object_, {"a", "b"}), "text");
}

TEST_F(JsonTest, WhatIsAbsentOrOfAnotherTypeIsEmpty) {
  EXPECT_EQ(text_at(value_, {"a", "n"}), "");
  EXPECT_EQ(text_at(value_, {"a", "b", "c"}), "");
  EXPECT_EQ(text_at(value_, {"l", "0"}), "");
  EXPECT_EQ(text_at(object_, {"z"}), "");
  EXPECT_EQ(find_path(value_, {"none"}), nullptr);
  EXPECT_EQ(find_path(object_, {"none", "of", "them"}), nullptr);
}

TEST_F(JsonTest, IntegersOfSixtyFourBits) {
  EXPECT_EQ(integer_at(value_, {"a", "n"}), 5);
  EXPECT_EQ(integer_at(value_, {"a", "f"}), 0);
  EXPECT_EQ(integer_at(value_, {"a", "big"}), 0);
}

TEST_F(JsonTest, Objects) {
  EXPECT_EQ(find_object(object_, {"a"}), &object_.at("a").get_object());
  EXPECT_EQ(find_object(object_, {"l"}), nullptr);
  EXPECT_EQ(find_object(object_, {"z"}), nullptr);
  EXPECT_EQ(find_path(value_, {}), &value_);
}

}  // namespace
}  // namespace podid::base
