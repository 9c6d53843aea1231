// SPDX-License-Identifier: Apache-2.0
#include "core/access/access_text.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "core/model/access_json.hpp"
#include "core/model/times.hpp"

namespace podid::core {
namespace {

std::shared_ptr<const Zone> zones(std::string_view name) {
  return name == "UTC" ? std::make_shared<const Zone>(0, std::vector<Zone::Shift>{}) : nullptr;
}

std::string text(std::string_view access, std::string_view now) {
  const AccessTerms terms(read_access(boost::json::parse(access)), zones, {});
  return access_text({"shop", "reader"}, terms, terms.at(*read_time(now)));
}

TEST(AccessText, SaysWhyAndUntilWhen) {
  constexpr std::string_view kWindow = R"({"notBefore": "2026-01-01T12:00:00Z", "notAfter": "2026-01-03T00:00:00Z",
                                           "windows": [{"end": "01:00"}]})";
  EXPECT_EQ(text(kWindow, "2026-01-01T00:00:00Z"),
            "AzureIdentityBinding shop/reader: spec.access.notBefore is 2026-01-01T12:00:00Z; it opens at "
            "2026-01-02T00:00:00Z.");
  EXPECT_EQ(text(kWindow, "2026-01-02T00:30:00Z"),
            "AzureIdentityBinding shop/reader: open until 2026-01-02T01:00:00Z.");
  EXPECT_EQ(text(kWindow, "2026-01-02T12:00:00Z"),
            "AzureIdentityBinding shop/reader: no window of spec.access is open, and none opens by itself.");
  EXPECT_EQ(text(kWindow, "2026-01-01T13:00:00Z"),
            "AzureIdentityBinding shop/reader: no window of spec.access is open; the next one opens at "
            "2026-01-02T00:00:00Z.");
  EXPECT_EQ(text(kWindow, "2026-01-04T00:00:00Z"),
            "AzureIdentityBinding shop/reader: spec.access.notAfter was 2026-01-03T00:00:00Z; it does not open again.");
  EXPECT_EQ(text(R"({"windows": []})", "2026-01-04T00:00:00Z"),
            "AzureIdentityBinding shop/reader: nobody may use it, because spec.access.windows: is empty.");
  EXPECT_EQ(
      text(R"({"windows": [{"holidays": {"configMap": "c"}}]})", "2026-01-04T00:00:00Z"),
      "AzureIdentityBinding shop/reader: spec.access.windows[0].holidays: the dates of key dates in ConfigMap c cannot "
      "be read: they are not known here; that window stays closed until they can.");
}

TEST(AccessText, SaysWhatGrantsLack) {
  const AccessTerms terms(read_access(boost::json::parse(R"({"grant": {"maxDuration": "4h", "approvals": 2}})")), zones,
                          {});
  const auto say = [&terms](const AccessState& state) { return access_text({"shop", "reader"}, terms, state); };
  EXPECT_EQ(say({.reason = AccessReason::grant_missing}),
            "AzureIdentityBinding shop/reader: it needs an AzureIdentityGrant (at most 4h, 2 approvals), and none is "
            "live for "
            "this pod.");
  EXPECT_EQ(say({.reason = AccessReason::grant_pending}),
            "AzureIdentityBinding shop/reader: an AzureIdentityGrant for this pod waits for approval.");
  EXPECT_EQ(say({.reason = AccessReason::grant_pending, .until = *read_time("2026-01-04T00:00:00Z")}),
            "AzureIdentityBinding shop/reader: an AzureIdentityGrant for this pod begins at 2026-01-04T00:00:00Z.");
  EXPECT_EQ(say({.reason = AccessReason::open, .until = *read_time("2026-01-04T00:00:00Z"), .grant = "inc-4711"}),
            "AzureIdentityBinding shop/reader: open by AzureIdentityGrant inc-4711 until 2026-01-04T00:00:00Z.");
  EXPECT_NE(say({.reason = AccessReason::grant_policy_missing}).find("admission policies"), std::string::npos);
}

TEST(AccessText, InShort) {
  EXPECT_EQ(short_access_text({}), "open");
  EXPECT_EQ(short_access_text({.reason = AccessReason::over}), "closed");
  EXPECT_EQ(short_access_text({.reason = AccessReason::window_closed, .until = *read_time("2026-01-04T00:00:00Z")}),
            "closed until 2026-01-04T00:00:00Z");
}

}  // namespace
}  // namespace podid::core
