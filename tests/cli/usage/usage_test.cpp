// SPDX-License-Identifier: Apache-2.0
#include "cli/usage/usage.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/time_text.hpp"
#include "support/builders.hpp"

namespace podid::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const base::WallTime kNow = *base::parse_rfc3339("2026-11-28T12:00:00Z");

audit::Record issued(const std::string& binding, const std::string& pod, std::uint64_t count = 1) {
  audit::Record record;
  record.binding = binding;
  record.identity = "shop/store";
  record.ns = "shop";
  record.pod = pod;
  record.resource = "https://vault.azure.net";
  record.time = kNow - std::chrono::minutes(5);
  record.last = record.time;
  record.count = count;
  return record;
}

TEST(Usage, NeverUsedBindingsComeFirst) {
  UsageCount count;
  count.add(issued("shop/reader", "web", 3));
  count.add(issued("shop/reader", "api"));
  audit::Record denied = issued("shop/night", "batch");
  denied.outcome = audit::Outcome::denied;
  count.add(denied);
  count.add(issued("shop/gone", "old"));
  audit::Record own;
  own.kind = audit::Kind::rotated;
  count.add(own);
  const std::vector<core::AzureIdentityBinding> bindings{test::make_binding("shop", "night", "store"),
                                                         test::make_binding("shop", "reader", "store"),
                                                         test::make_binding("shop", "unused", "store")};
  const auto usage = count.of(bindings);
  ASSERT_THAT(usage, SizeIs(4));
  EXPECT_EQ(usage[0].binding, "shop/night");
  EXPECT_EQ(usage[0].denied, 1u);
  EXPECT_EQ(usage[1].binding, "shop/unused");
  EXPECT_EQ(usage[2].binding, "shop/gone");
  EXPECT_FALSE(usage[2].exists);
  EXPECT_EQ(usage[3].issued, 4u);
  EXPECT_THAT(usage[3].pods, SizeIs(2));

  const std::string table = to_table(usage, {.wide = true}, kNow);
  EXPECT_THAT(table, HasSubstr("never used in this log"));
  EXPECT_THAT(table, HasSubstr("5m ago"));
  EXPECT_THAT(table, HasSubstr("https://vault.azure.net (4)"));
  EXPECT_EQ(to_json(usage).at("bindings").at(3).at("resources").at("https://vault.azure.net"), 4);
}

}  // namespace
}  // namespace podid::cli
