// SPDX-License-Identifier: Apache-2.0
// Managed mode: holidays from ConfigMaps.
#include "nmi/pods/calendar_reader.hpp"

#include <gtest/gtest.h>

#include <map>

#include "kube/kube_fixture.hpp"

namespace podid::nmi {
namespace {

const core::HolidayList kList{.config_map = "calendar", .key = "dates"};
const std::string kPath = "/api/v1/namespaces/shop/configmaps/calendar";

class CalendarReaderTest : public test::KubeFixture<base::RealClock> {
 protected:
  ~CalendarReaderTest() override {
    end_faults();
    await(reader.stop());
  }
  const core::Calendar* known() {
    const auto of_namespace = told.find("shop");
    if (of_namespace == told.end()) return nullptr;
    const auto found = of_namespace->second.find(kList);
    return found == of_namespace->second.end() ? nullptr : &found->second;
  }
  std::map<std::string, core::Calendars> told;
  CalendarReader reader{*client, [this](const std::string& ns, core::Calendars calendars) {
                          told.insert_or_assign(ns, std::move(calendars));
                        }};
};

TEST_F(CalendarReaderTest, ReadsWhatWindowsNameAndNothingElse) {
  server.put(kPath, {{"data", {{"dates", "2026-12-24\n# none else\n"}}}});
  reader.set_wanted({"shop", "b"}, {kList});
  ASSERT_TRUE(until([this] { return known() != nullptr; }));
  ASSERT_TRUE(known()->readable());
  EXPECT_EQ(known()->dates, std::vector{std::chrono::sys_days(std::chrono::December / 24 / 2026)});
  EXPECT_EQ(server.count_requests("GET", kPath), 1U);
  EXPECT_EQ(server.requests.size(), 1U) << "no list, no watch";
}

TEST_F(CalendarReaderTest, OneThatIsNotThereOrHasNotTheKeyIsUnreadable) {
  reader.set_wanted({"shop", "b"}, {kList});
  ASSERT_TRUE(until([this] { return known() != nullptr; }));
  EXPECT_FALSE(known()->readable());
  server.put(kPath, {{"data", {{"other", "2026-12-24"}}}});
  const core::HolidayList other{.config_map = "calendar", .key = "other"};
  reader.set_wanted({"shop", "c"}, {other});
  ASSERT_TRUE(until([&] { return told["shop"].contains(other) && told["shop"].at(other).readable(); }));
  EXPECT_TRUE(known()->problem.contains("has no key dates"));
}

}  // namespace
}  // namespace podid::nmi
