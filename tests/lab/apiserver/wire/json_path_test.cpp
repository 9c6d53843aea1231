// SPDX-License-Identifier: Apache-2.0
#include "lab/apiserver/wire/json_path.hpp"

#include <gtest/gtest.h>

namespace podid::lab::apiserver {
namespace {

namespace json = boost::json;

std::string found(std::string_view path) {
  static const json::value document = json::parse(
      R"({"spec":{"type":0,"list":[{"n":"a","v":1},{"n":"b","v":2}]},
          "metadata":{"labels":{"x.y/z":"label"}},"status":{"conditions":[{"type":"Ready","status":"True"}]}})");
  const auto parsed = JsonPath::parse(path);
  if (!parsed) return "(bad)";
  std::string out;
  for (const json::value* value : parsed->find(document)) out += (out.empty() ? "" : " ") + json::serialize(*value);
  return out;
}

TEST(JsonPath, FindsMembersItemsAndFilteredItems) {
  EXPECT_EQ(found(".spec.type"), "0");
  EXPECT_EQ(found("$.spec.type"), "0");
  EXPECT_EQ(found(".spec.none"), "");
  EXPECT_EQ(found(".spec.list[1].n"), R"("b")");
  EXPECT_EQ(found(".spec.list[-1].n"), R"("b")");
  EXPECT_EQ(found(".spec.list[7].n"), "");
  EXPECT_EQ(found(".spec.list[*].v"), "1 2");
  EXPECT_EQ(found(R"(.metadata.labels.x\.y/z)"), R"("label")");
  EXPECT_EQ(found(R"(.metadata.labels['x.y/z'])"), R"("label")");
  EXPECT_EQ(found(R"(.status.conditions[?(@.type=="Ready")].status)"), R"("True")");
  EXPECT_EQ(found(R"(.spec.list[?(@.v!=1)].n)"), R"("b")");
}

TEST(JsonPath, RefusesWhatItDoesNotKnow) {
  for (const std::string_view path :
       {"", "spec", "..spec", ".spec[", ".spec[?(@.a)]", ".spec[1:2]", ".spec[?(@.a==zz)]"}) {
    EXPECT_EQ(found(path), "(bad)") << path;
  }
}

}  // namespace
}  // namespace podid::lab::apiserver
