// SPDX-License-Identifier: Apache-2.0
// deploy/examples/access-windows.yaml does what docs/access.md says of it.
#include <gtest/gtest.h>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "base/file.hpp"
#include "core/access/access_terms.hpp"
#include "core/model/access_json.hpp"
#include "core/model/resources_json.hpp"
#include "core/model/times.hpp"
#include "lab/apiserver/wire/yaml.hpp"
#include "zones/time_zones.hpp"

namespace podid::zones {
namespace {

namespace json = boost::json;
using core::AccessReason;

class ExamplesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto text = base::read_file(PODID_SOURCE_DIR "/deploy/examples/access-windows.yaml");
    ASSERT_TRUE(text);
    constexpr std::string_view kBreak = "\n---\n";
    for (std::size_t begin = 0; begin < text->size();) {
      const std::size_t end = std::min(text->find(kBreak, begin), text->size());
      add(std::string_view(*text).substr(begin, end - begin));
      begin = std::min(end + kBreak.size(), text->size());
    }
  }

  // Of the binding, with the example's calendar.
  core::AccessTerms terms(const std::string& binding) {
    return core::AccessTerms(bindings_.at(binding), zones_.lookup(), calendars_);
  }

  std::string state(const std::string& binding, std::string_view now) {
    const core::AccessState found = terms(binding).at(*core::read_time(now));
    return std::string(to_string(found.reason)) + (found.until ? " until " + core::time_text(*found.until) : "");
  }

  std::map<std::string, core::Access> bindings_;

 private:
  void add(std::string_view document) {
    std::string problem;
    const auto object = lab::apiserver::parse_yaml(document, problem);
    ASSERT_TRUE(object) << problem;
    const json::string kind = object->at("kind").as_string();
    if (kind == "ConfigMap") {
      const core::HolidayList list{.config_map = object->at("metadata").at("name").as_string().c_str()};
      calendars_[list] = core::read_calendar(object->at("data").at("dates").as_string());
    }
    if (kind != "AzureIdentityBinding") return;
    const auto binding = core::read_azure_identity_binding(*object);
    ASSERT_TRUE(binding && binding->access) << document;
    bindings_[binding->meta.name] = *binding->access;
  }

  TimeZones zones_;
  core::Calendars calendars_;
};

TEST_F(ExamplesTest, AreUnderstood) {
  EXPECT_EQ(bindings_.size(), 3U);
  for (const auto& [name, access] : bindings_) EXPECT_EQ(terms(name).problem(), "") << name;
}

TEST_F(ExamplesTest, BetweenMidnightAndOneOnBusinessDaysOnly) {
  const std::string name = "store-reader-at-night";
  EXPECT_EQ(state(name, "2026-11-29T22:59:59Z"), "window_closed until 2026-11-29T23:00:00Z");
  EXPECT_EQ(state(name, "2026-11-29T23:00:00Z"), "open until 2026-11-30T00:00:00Z");  // Monday, 00:00 in Berlin
  EXPECT_EQ(state(name, "2026-11-29T23:59:59Z"), "open until 2026-11-30T00:00:00Z");
  EXPECT_EQ(state(name, "2026-11-30T00:00:00Z"), "window_closed until 2026-11-30T23:00:00Z");
  // Friday is Christmas Day, then comes the weekend.
  EXPECT_EQ(state(name, "2026-12-24T00:00:00Z"), "window_closed until 2026-12-27T23:00:00Z");
}

TEST_F(ExamplesTest, ThroughTheNightAndTheWeekend) {
  EXPECT_EQ(state("nightly-export", "2026-11-26T21:00:00Z"), "open until 2026-11-27T03:00:00Z");
  EXPECT_EQ(state("nightly-export", "2026-11-27T21:00:00Z"), "open until 2026-11-29T23:00:00Z");
}

TEST_F(ExamplesTest, ForTheTimeOfAProject) {
  EXPECT_EQ(state("migration", "2026-12-31T23:59:59Z"), "not_yet until 2027-01-01T00:00:00Z");
  EXPECT_EQ(state("migration", "2027-06-30T21:59:59Z"), "open until 2027-06-30T22:00:00Z");
  EXPECT_EQ(state("migration", "2027-06-30T22:00:00Z"), "over");
}

}  // namespace
}  // namespace podid::zones
