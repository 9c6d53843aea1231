// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/yaml.hpp"

#include <gtest/gtest.h>

#include "lab/apiserver/wire/limits.hpp"

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

TEST(Yaml, ReadsScalarsByTheirForm) {
  std::string problem;
  const auto value = parse_yaml(R"(
text: hello
quoted: "1"
number: 12
negative: -3
real: 1.5
yes: true
no: False
nothing: ~
empty:
tagged: !!str 7
date: 2026-01-01
list: [1, "a", {b: c}]
block: |
  x
  y
)",
                                problem);
  ASSERT_TRUE(value) << problem;
  EXPECT_EQ(*value,
            json::parse(R"({"text":"hello","quoted":"1","number":12,"negative":-3,"real":1.5,"yes":true,"no":false,
                                   "nothing":null,"empty":null,"tagged":"7","date":"2026-01-01","list":[1,"a",{"b":"c"}],
                                   "block":"x\ny\n"})"))
      << json::serialize(*value);
}

TEST(Yaml, ReadsJson) {
  std::string problem;
  EXPECT_EQ(*parse_yaml(R"({"a":{"b":[1,true,null,"1"]}})", problem), json::parse(R"({"a":{"b":[1,true,null,"1"]}})"));
}

TEST(Yaml, RefusesWhatCanHurt) {
  std::string problem;
  const std::string deep = std::string(kMaxJsonDepth + 1, '[') + std::string(kMaxJsonDepth + 1, ']');
  for (const std::string& text : {std::string(""), std::string("a: ["), std::string("a: &x 1\nb: *x\n"),
                                  std::string("a\n---\nb\n"), std::string("[a]: b\n"), deep}) {
    problem.clear();
    EXPECT_FALSE(parse_yaml(text, problem)) << text;
    EXPECT_FALSE(problem.empty()) << text;
  }
}

}  // namespace
}  // namespace podid::lab::apiserver
