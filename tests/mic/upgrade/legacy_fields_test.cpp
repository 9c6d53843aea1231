// SPDX-License-Identifier: Apache-2.0
#include "mic/upgrade/legacy_fields.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <source_location>

namespace podid::mic {
namespace {

namespace json = boost::json;

void expect_modernised(std::string_view old_text, std::string_view new_text,
                       const std::source_location& where = std::source_location::current()) {
  const testing::ScopedTrace trace(where.file_name(), static_cast<int>(where.line()), "called here");
  json::value object = json::parse(old_text);
  modernise_field_names(object);
  EXPECT_EQ(object, json::parse(new_text)) << json::serialize(object);
  const json::value once = object;
  modernise_field_names(object);
  EXPECT_EQ(object, once);
}

TEST(LegacyFields, OldSpellingsBecomeTodays) {
  expect_modernised(
      R"({"metadata":{"clientid":"mine"},"spec":{"type":1,"clientid":"c","ClientPassword":{"Name":"n","Namespace":"s"},)"
      R"("TenantID":"t","adresourceid":"r","adendpoint":"e","auxiliarytenantids":["a"]}})",
      R"({"metadata":{"clientid":"mine"},"spec":{"type":1,"clientID":"c","clientPassword":{"name":"n","namespace":"s"},)"
      R"("tenantID":"t","adResourceID":"r","adEndpoint":"e","auxiliaryTenantIDs":["a"]}})");
  expect_modernised(R"({"spec":{"AzureIdentity":"i","Selector":"s"}})",
                    R"({"spec":{"azureIdentity":"i","selector":"s"}})");
  expect_modernised(R"({"spec":{"podlabels":{"App":"MIC"}},"Status":{"status":"x"}})",
                    R"({"spec":{"podLabels":{"App":"MIC"}},"status":{"status":"x"}})");
}

TEST(LegacyFields, CopiesInsideAnAssignmentToo) {
  expect_modernised(
      R"({"spec":{"azureidentityref":{"spec":{"resourceid":"r"}},"azurebindingref":{"spec":{"azureidentity":"i"}},)"
      R"("podnamespace":"ns","nodename":"node"},"Status":{"status":"Assigned","availableReplicas":1}})",
      R"({"spec":{"azureIdentityRef":{"spec":{"resourceID":"r"}},"azureBindingRef":{"spec":{"azureIdentity":"i"}},)"
      R"("podNamespace":"ns","nodename":"node"},"status":{"status":"Assigned","availableReplicas":1}})");
}

TEST(LegacyFields, TodaysSpellingWinsAndOddShapesAreLeftAlone) {
  expect_modernised(R"({"spec":{"clientID":"new","clientid":"old"}})", R"({"spec":{"clientID":"new"}})");
  for (const char* odd :
       {"7", "[]", "{}", R"({"spec":7})", R"({"spec":{"clientPassword":"x","azureIdentityRef":[]}})"}) {
    expect_modernised(odd, odd);
  }
}

}  // namespace
}  // namespace podid::mic
