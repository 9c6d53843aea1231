// SPDX-License-Identifier: Apache-2.0
#include "core/model/access_json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "core/model/resources_json.hpp"
#include "core/model/times.hpp"

namespace podid::core {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(AccessJson, ReadsEverything) {
  const Access access = read_access(json::parse(R"({
    "notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-12-31T23:59:59Z",
    "windows": [{"timeZone": "Europe/Berlin", "days": ["Mon", "Fri"], "start": "22:00", "end": "01:30",
                 "holidays": {"configMap": "business-calendar", "key": "de"}}, {}],
    "grant": {"maxDuration": "4h", "approvals": 2}, "tokenBeyondWindow": "Deny"})"));
  Access wanted;
  wanted.not_before = read_time("2026-01-01T00:00:00Z");
  wanted.not_after = read_time("2026-12-31T23:59:59Z");
  wanted.windows = {{.time_zone = "Europe/Berlin",
                     .days = 0b10001,
                     .start = 22h,
                     .end = 90min,
                     .holidays = HolidayList{.config_map = "business-calendar", .key = "de"}},
                    AccessWindow{}};
  wanted.grant = GrantTerms{.max_duration = 4h, .approvals = 2};
  wanted.token_beyond_window = TokenBeyondWindow::deny;
  EXPECT_EQ(access, wanted) << access.invalid;
}

TEST(AccessJson, DefaultsAreTheSchemas) {
  const Access access =
      read_access(json::parse(R"({"windows": [{"holidays": {"configMap": "c"}}], "grant": {"maxDuration": "1m"}})"));
  EXPECT_EQ(access.invalid, "");
  EXPECT_EQ(access.windows.at(0).time_zone, "UTC");
  EXPECT_EQ(access.windows.at(0).days, AccessWindow::kEveryDay);
  EXPECT_EQ(access.windows.at(0).start, 0min);
  EXPECT_EQ(access.windows.at(0).end, 24h);
  EXPECT_EQ(access.windows.at(0).holidays->key, "dates");
  EXPECT_EQ(access.grant->approvals, 1);
  EXPECT_EQ(access.token_beyond_window, TokenBeyondWindow::allow);
}

// No form that may have been meant as a limit is none, and each says what is wrong.
TEST(AccessJson, WhatIsWrongDeniesAndNamesTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("")", "spec.access is not an object but a string"},
      {"[]", "spec.access is not an object but a list"},
      {"{}", "spec.access limits nothing: it needs notBefore, notAfter, windows or grant"},
      {R"({"tokenBeyondWindow": "Deny"})",
       "spec.access limits nothing: it needs notBefore, notAfter, windows or grant"},
      {R"({"notAftr": "2026-01-01T00:00:00Z"})", "spec.access.notAftr: is a member that this release does not know"},
      {R"({"notAfter": "2026-01-01T00:00:00Z", "sourceNetworks": []})",
       "spec.access.sourceNetworks: is a member that this release does not know"},
      {R"({"windows": null, "notAfter": "2026-01-01T00:00:00Z"})", "spec.access.windows: is null"},
      {R"({"windows": [null]})", "spec.access.windows[0]: is null"},
      {R"({"windows": [{"days": ["Mon", null]}]})", "spec.access.windows[0].days[1]: is null"},
      {R"({"notAfter": "2026-01-01"})",
       "spec.access.notAfter: is no RFC 3339 time with seconds and zone, from 1970 on, such as 2026-12-31T23:59:59Z"},
      {R"({"notAfter": 7})", "spec.access.notAfter: expected a string, found a number"},
      {R"({"notAfter": ""})",
       "spec.access.notAfter: is no RFC 3339 time with seconds and zone, from 1970 on, such as 2026-12-31T23:59:59Z"},
      {R"({"notBefore": "2026-01-01T00:00:00Z", "notAfter": "2026-01-01T00:00:00Z"})",
       "spec.access.notAfter: is not later than notBefore"},
      {R"({"windows": []})", "spec.access.windows: is empty"},
      {R"({"windows": {}})", "spec.access.windows: expected a list, found an object"},
      {R"({"windows": ["x"]})", "spec.access.windows[0]: expected an object, found a string"},
      {R"({"windows": [{}, {"day": ["Mon"]}]})",
       "spec.access.windows[1].day: is a member that this release does not know"},
      {R"({"windows": [{"days": []}]})", "spec.access.windows[0].days: is empty"},
      {R"({"windows": [{"days": ["mon"]}]})",
       "spec.access.windows[0].days: has a day that is none of Mon, Tue, Wed, Thu, Fri, Sat, Sun"},
      {R"({"windows": [{"days": ["Mon", "Mon"]}]})", "spec.access.windows[0].days: has a day twice"},
      {R"({"windows": [{"days": "Mon"}]})", "spec.access.windows[0].days: expected a list, found a string"},
      {R"({"windows": [{"start": "24:00"}]})",
       "spec.access.windows[0].start: is no wall-clock time from 00:00 to 23:59"},
      {R"({"windows": [{"start": ""}]})", "spec.access.windows[0].start: is no wall-clock time from 00:00 to 23:59"},
      {R"({"windows": [{"end": "24:01"}]})", "spec.access.windows[0].end: is no wall-clock time from 00:00 to 24:00"},
      {R"({"windows": [{"start": "08:00", "end": "08:00"}]})",
       "spec.access.windows[0].end: equals start: for the whole day leave both out"},
      {R"({"windows": [{"timeZone": ""}]})", "spec.access.windows[0].timeZone: is no IANA name, such as Europe/Berlin"},
      {R"({"windows": [{"timeZone": "../UTC"}]})",
       "spec.access.windows[0].timeZone: is no IANA name, such as Europe/Berlin"},
      {R"({"windows": [{"holidays": {}}]})", "spec.access.windows[0].holidays.configMap: is missing"},
      {R"({"windows": [{"holidays": {"configMap": "a/b"}}]})",
       "spec.access.windows[0].holidays.configMap: is no name of a ConfigMap or of a key in one"},
      {R"({"windows": [{"holidays": {"configMap": "a", "dates": []}}]})",
       "spec.access.windows[0].holidays.dates: is a member that this release does not know"},
      {R"({"grant": {}})", "spec.access.grant.maxDuration: is missing"},
      {R"({"grant": {"maxDuration": "1.5h"}})",
       "spec.access.grant.maxDuration: is no duration in hours, minutes and seconds, such as 4h or 1h30m"},
      {R"({"grant": {"maxDuration": "59s"}})", "spec.access.grant.maxDuration: is not from 1m to 168h"},
      {R"({"grant": {"maxDuration": "169h"}})", "spec.access.grant.maxDuration: is not from 1m to 168h"},
      {R"({"grant": {"maxDuration": "1h", "approvals": 6}})",
       "spec.access.grant.approvals: expected a whole number from 0 to 5, found 6"},
      {R"({"grant": {"maxDuration": "1h", "approvals": -1}})",
       "spec.access.grant.approvals: expected a whole number from 0 to 5, found -1"},
      {R"({"grant": {"maxDuration": "1h", "approvals": "0"}})",
       "spec.access.grant.approvals: expected a whole number, found a string"},
      {R"({"grant": true})", "spec.access.grant: expected an object, found a boolean"},
      {R"({"notAfter": "2026-01-01T00:00:00Z", "tokenBeyondWindow": "deny"})",
       "spec.access.tokenBeyondWindow: is neither Allow nor Deny"},
      {R"({"notAfter": "2026-01-01T00:00:00Z", "tokenBeyondWindow": ""})",
       "spec.access.tokenBeyondWindow: is neither Allow nor Deny"},
  };
  for (const auto& [text, problem] : cases) {
    EXPECT_EQ(read_access(json::parse(text)).invalid, problem) << text;
  }
}

TEST(AccessJson, AtMostSixteenWindowsAndNoLongTexts) {
  json::array windows(16, json::object());
  EXPECT_EQ(read_access(json::object{{"windows", windows}}).invalid, "");
  windows.push_back(json::object());
  const Access access = read_access(json::object{{"windows", windows}});
  EXPECT_EQ(access.invalid, "spec.access.windows: has more than 16 items");
  EXPECT_TRUE(access.windows.empty());
  const Access long_name = read_access(json::object{{"\n" + std::string(10'000, 'x'), 1}});
  EXPECT_LT(long_name.invalid.size(), 200U);
  EXPECT_THAT(long_name.invalid, HasSubstr("spec.access.?xxx"));
  EXPECT_NE(read_access(json::object{{"notAfter", std::string(10'000, '1')}}).invalid, "");
}

TEST(AccessJson, ZoneNames) {
  for (const char* name : {"UTC", "Europe/Berlin", "America/Argentina/ComodRivadavia", "Etc/GMT+5", "Etc/GMT-14"}) {
    EXPECT_TRUE(is_zone_name(name)) << name;
  }
  for (const std::string& name :
       {std::string(), std::string("/etc/passwd"), std::string("../../etc/passwd"), std::string("Europe/"),
        std::string("Europe//Berlin"), std::string("a/b/c/d"), std::string(":UTC"), std::string("Europe/Ber lin"),
        std::string("Europe/Berlin\0", 14), std::string("zone.tab"), std::string(65, 'A'), std::string("5/A")}) {
    EXPECT_FALSE(is_zone_name(name)) << name;
  }
}

json::value binding_json(std::string_view access, std::string_view annotations = "{}") {
  return json::parse(R"({"apiVersion": "aadpodidentity.k8s.io/v1", "kind": "AzureIdentityBinding",
    "metadata": {"name": "b", "namespace": "shop", "annotations": )" +
                     std::string(annotations) + R"(}, "spec": {"azureIdentity": "i", "selector": "s", "access": )" +
                     std::string(access) + "}}");
}

// Whoever writes a binding back, as the controller's type upgrade does, must not lift its limits.
TEST(AccessJson, ABindingIsWrittenBackExactly) {
  for (const char* access : {R"({"notAfter":"2026-12-31T23:59:59+00:00"})",
                             R"({"windows":[{"end":"01:00"}],"later":{"x":[1,null]}})", R"("text")", "{}"}) {
    const auto binding = read_azure_identity_binding(binding_json(access));
    ASSERT_TRUE(binding) << binding.error().message();
    ASSERT_TRUE(binding->access.has_value());
    const json::object written = write_azure_identity_binding(*binding);
    EXPECT_EQ(json::serialize(written.at("spec").at("access")), access);
  }
}

TEST(AccessJson, AbsentOrNullIsNoLimit) {
  EXPECT_FALSE(read_azure_identity_binding(binding_json("null"))->access.has_value());
  EXPECT_FALSE(read_azure_identity_binding(json::parse("{}"))->access.has_value());
}

// A client of aad-pod-identity drops the field, but not the annotation.
TEST(AccessJson, AHashWithoutTheFieldDenies) {
  const auto lost =
      read_azure_identity_binding(binding_json("null", R"({"aadpodidentity.k8s.io/access-hash": "sha256:00"})"));
  ASSERT_TRUE(lost);
  ASSERT_TRUE(lost->access.has_value());
  EXPECT_THAT(lost->access->invalid,
              HasSubstr("spec.access is missing while annotation aadpodidentity.k8s.io/access-hash"));
  EXPECT_FALSE(write_azure_identity_binding(*lost).at("spec").as_object().contains("access"));
}

TEST(AccessJson, AnAssignmentsCopyHasNone) {
  const auto binding = read_azure_identity_binding(binding_json(R"({"windows": [{}]})"));
  ASSERT_TRUE(binding && binding->access.has_value());
  EXPECT_TRUE(trimmed(*binding).access.has_value());
  EXPECT_FALSE(copied(*binding).access.has_value());
  EXPECT_FALSE(embed(*binding).at("spec").as_object().contains("access"));
  const auto assigned = read_azure_assigned_identity(json::object{
      {"spec", json::object{{"azureBindingRef",
                             binding_json(R"({"windows": [{}]})", R"({"aadpodidentity.k8s.io/access-hash": "x"})")}}}});
  ASSERT_TRUE(assigned);
  EXPECT_FALSE(assigned->binding.access.has_value());
  EXPECT_EQ(assigned->binding.unknown.spec, json::object());
}

TEST(AccessJson, OneThatIsTooLongRefusesTheBinding) {
  const auto binding = read_azure_identity_binding(binding_json("\"" + std::string(20'000, 'x') + "\""));
  ASSERT_FALSE(binding);
  EXPECT_EQ(binding.error().message(), "spec.access: is longer than 16384 bytes");
}

TEST(AccessJson, TheHashIsTheSameBeforeAndAfterTheServerStoresIt) {
  const std::string sent = access_hash(json::parse(
      R"({"windows": [{"end": "01:00", "holidays": {"configMap": "c"}}], "grant": {"maxDuration": "1h"}})"));
  const std::string stored = access_hash(json::parse(
      R"({"tokenBeyondWindow": "Allow", "grant": {"approvals": 1, "maxDuration": "1h"},
          "windows": [{"timeZone": "UTC", "start": "00:00", "holidays": {"key": "dates", "configMap": "c"}, "end": "01:00"}]})"));
  EXPECT_EQ(sent, stored);
  // By hand: printf '%s' '{"notAfter":"2026-12-31T23:59:59Z","tokenBeyondWindow":"Allow"}' | sha256sum
  EXPECT_EQ(access_hash(json::parse(R"({"notAfter": "2026-12-31T23:59:59Z", "notBefore": null})")),
            "sha256:651f2ed49cf0f0026906d46ea2d9d01c2731842a3943423a174fe45ab1f74d2c");
  EXPECT_NE(access_hash(json::parse(R"({"notAfter": "2027-12-31T23:59:59Z"})")), sent);
}

}  // namespace
}  // namespace podid::core
