// SPDX-License-Identifier: Apache-2.0
#include "azure/json_fields.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"

namespace podid::azure {
namespace {

TEST(JsonFields, AbsentNullAndWrongMembersReadAsEmpty) {
  const auto object = parse_object(R"({"text":"a","null":null,"number":1,"object":{"b":1}})");
  ASSERT_TRUE(object);
  EXPECT_EQ(base::text_at(*object, {"text"}), "a");
  for (const char* name : {"absent", "null", "number", "object"}) EXPECT_EQ(base::text_at(*object, {name}), "") << name;
  ASSERT_NE(base::find_object(*object, {"object"}), nullptr);
  for (const char* name : {"absent", "null", "number", "text"})
    EXPECT_EQ(base::find_object(*object, {name}), nullptr) << name;
}

TEST(JsonFields, WhatIsNoObjectIsInvalid) {
  for (const char* text : {"", "[]", "1", "{", "{} x"}) {
    const auto object = parse_object(text);
    ASSERT_FALSE(object) << text;
    EXPECT_EQ(object.error().kind, base::ErrorKind::invalid);
  }
}

}  // namespace
}  // namespace podid::azure
