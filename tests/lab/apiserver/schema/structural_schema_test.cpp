// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/schema/structural_schema.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

const json::value& schema() {
  static const json::value value = json::parse(R"({
    "type": "object",
    "properties": {
      "spec": {
        "type": "object",
        "required": ["a"],
        "properties": {
          "a": {"type": "string", "enum": ["x", "y"]},
          "count": {"type": "integer", "minimum": 1, "maximum": 5, "default": 3},
          "open": {"type": "number", "minimum": 0, "exclusiveMinimum": true},
          "word": {"type": "string", "pattern": "^a+$", "maxLength": 4, "minLength": 2},
          "set": {"type": "array", "maxItems": 3, "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
          "map": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
                  "items": {"type": "object", "properties": {"k": {"type": "string"}, "v": {"type": "integer", "default": 7}}}},
          "port": {"x-kubernetes-int-or-string": true},
          "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
          "named": {"type": "object", "additionalProperties": {"type": "integer"}},
          "perhaps": {"type": "string", "nullable": true},
          "time": {"type": "string", "format": "date-time"},
          "ref": {"type": "object", "x-kubernetes-embedded-resource": true,
                  "properties": {"spec": {"type": "object", "properties": {"z": {"type": "integer"}}}}}
        }
      }
    }
  })");
  return value;
}

json::value object_with(std::string_view spec) {
  json::value object = json::parse(R"({"apiVersion":"g/v1","kind":"K","metadata":{"name":"n"}})");
  object.as_object()["spec"] = json::parse(spec);
  return object;
}

std::vector<std::string> problems(std::string_view spec) {
  std::vector<StatusCause> causes;
  validate(object_with(spec), schema(), causes);
  std::vector<std::string> out;
  for (const StatusCause& cause : causes) out.push_back(cause.field + ": " + cause.message);
  return out;
}

TEST(StructuralSchema, PrunesWhatItDoesNotSpecify) {
  json::value object =
      object_with(R"({"a":"x","junk":1,"free":{"q":{"r":1}},"named":{"n":1},"map":[{"k":"1","w":2}]})");
  object.as_object()["extra"] = 1;
  const auto removed = prune(object, schema());
  ASSERT_TRUE(removed);
  EXPECT_EQ(*removed, (std::vector<std::string>{"spec.junk", "spec.map[0].w", "extra"}));
  EXPECT_EQ(object, object_with(R"({"a":"x","free":{"q":{"r":1}},"named":{"n":1},"map":[{"k":"1"}]})"));
}

TEST(StructuralSchema, KeepsTheFrameOfAnEmbeddedResource) {
  json::value object = object_with(
      R"({"ref":{"apiVersion":"v","kind":"K","metadata":{"name":"n","foo":1,"creationTimestamp":null},"spec":{"z":1,"y":2},"junk":1}})");
  const auto removed = prune(object, schema());
  ASSERT_TRUE(removed);
  EXPECT_EQ(*removed, (std::vector<std::string>{"spec.ref.metadata.foo", "spec.ref.spec.y", "spec.ref.junk"}));
  EXPECT_EQ(object, object_with(R"({"ref":{"apiVersion":"v","kind":"K","metadata":{"name":"n"},"spec":{"z":1}}})"));
}

TEST(StructuralSchema, RefusesEmbeddedMetadataOfAWrongShape) {
  json::value object = object_with(R"({"ref":{"apiVersion":"v","kind":"K","metadata":{"labels":{"a":1}}}})");
  const auto removed = prune(object, schema());
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, 400);
  EXPECT_NE(removed.error().message.find("spec.ref.metadata"), std::string::npos);
}

TEST(StructuralSchema, DropsNullsThatAreNotAllowed) {
  json::value object = object_with(R"({"a":null,"perhaps":null,"count":null})");
  EXPECT_TRUE(prune(object, schema()));
  EXPECT_EQ(object, object_with(R"({"perhaps":null,"count":null})"));
  apply_defaults(object, schema());
  EXPECT_EQ(object, object_with(R"({"perhaps":null,"count":3})"));
}

TEST(StructuralSchema, SetsDefaultsInListsToo) {
  json::value object = object_with(R"({"map":[{"k":"1"},{"k":"2","v":1}]})");
  apply_defaults(object, schema());
  EXPECT_EQ(object, object_with(R"({"map":[{"k":"1","v":7},{"k":"2","v":1}],"count":3})"));
}

TEST(StructuralSchema, AcceptsWhatFits) {
  EXPECT_EQ(problems(R"({"a":"x","count":5,"open":0.1,"word":"aaa","set":["p","q"],"port":80,"perhaps":null,
                         "time":"2026-01-01T00:00:00Z","map":[{"k":"1"},{"k":"2"}],"count":2.0,
                         "ref":{"apiVersion":"v","kind":"K"}})"),
            std::vector<std::string>{});
  EXPECT_EQ(problems(R"({"a":"y","port":"http"})"), std::vector<std::string>{});
}

struct Case {
  std::string_view spec;
  std::string problem;
};

class SchemaRefusalTest : public testing::TestWithParam<Case> {};

TEST_P(SchemaRefusalTest, NamesFieldAndRule) {
  EXPECT_EQ(problems(GetParam().spec), std::vector<std::string>{GetParam().problem});
}

INSTANTIATE_TEST_SUITE_P(
    All, SchemaRefusalTest,
    testing::Values(
        Case{"{}", "spec.a: Required value"},
        Case{R"({"a":"z"})", R"(spec.a: Unsupported value: "z": supported values: "x", "y")"},
        Case{R"({"a":1})", R"(spec.a: Invalid value: "integer": spec.a in body must be of type string: "integer")"},
        Case{R"({"a":"x","count":1.5})",
             R"(spec.count: Invalid value: "number": spec.count in body must be of type integer: "number")"},
        Case{R"({"a":"x","count":6})",
             "spec.count: Invalid value: 6: spec.count in body should be less than or equal to 5"},
        Case{R"({"a":"x","count":0})",
             "spec.count: Invalid value: 0: spec.count in body should be greater than or equal to 1"},
        Case{R"({"a":"x","open":0})", "spec.open: Invalid value: 0: spec.open in body should be greater than 0"},
        Case{R"({"a":"x","word":"abc"})", R"(spec.word: Invalid value: "abc": spec.word in body should match '^a+$')"},
        Case{R"({"a":"x","word":"aaaaa"})", "spec.word: Too long: may not be more than 4 bytes"},
        Case{R"({"a":"x","word":"a"})",
             R"(spec.word: Invalid value: "a": spec.word in body should be at least 2 chars long)"},
        Case{R"({"a":"x","set":["p","p"]})", R"(spec.set[1]: Duplicate value: "p")"},
        Case{R"({"a":"x","set":["1","2","3","4"]})", "spec.set: Too many: 4: must have at most 3 items"},
        Case{R"({"a":"x","map":[{"k":"1"},{"k":"1"}]})", R"(spec.map[1]: Duplicate value: {"k":"1"})"},
        Case{R"({"a":"x","port":1.5})",
             R"(spec.port: Invalid value: "number": spec.port in body must be of type integer,string: "number")"},
        Case{R"({"a":"x","named":{"n":"1"}})",
             R"(spec.named.n: Invalid value: "string": spec.named.n in body must be of type integer: "string")"},
        Case{R"({"a":"x","time":"soon"})",
             R"(spec.time: Invalid value: "soon": spec.time in body must be of type date-time: "soon")"},
        Case{R"({"a":"x","ref":{"apiVersion":"v"}})", "spec.ref.kind: Required value"}));

TEST(StructuralSchema, IsCheckedItself) {
  std::vector<StatusCause> causes;
  check_structural(json::parse(R"({"type":"object","properties":{"a":{},"b":{"type":"array"}}})"), "s", causes);
  ASSERT_EQ(causes.size(), 2U);
  EXPECT_EQ(causes[0].field, "s.properties[a].type");
  EXPECT_EQ(causes[1].field, "s.properties[b].items");
}

}  // namespace
}  // namespace podid::lab::apiserver
