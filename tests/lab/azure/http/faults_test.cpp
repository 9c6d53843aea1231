// SPDX-License-Identifier: Apache-2.0
#include "lab/azure/http/faults.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace podid::lab::azure {
namespace {

TEST(FaultList, TheOldestThatFitsHitsAsOftenAsItMay) {
  FaultList faults;
  ASSERT_TRUE(faults.add({.endpoint = "arm", .target_contains = "VM1", .count = 2, .status = 500}));
  ASSERT_TRUE(faults.add({.endpoint = "*", .count = -1, .status = 503}));
  EXPECT_EQ(faults.take("arm.patch", "/vm1?x")->status, 500);
  EXPECT_EQ(faults.take("arm.patch", "/vm2")->status, 503);
  EXPECT_EQ(faults.take("armada", "/vm1")->status, 503) << "a name that only begins alike";
  EXPECT_EQ(faults.take("arm", "/vm1")->status, 500);
  EXPECT_EQ(faults.take("arm", "/vm1")->status, 503);
  faults.clear();
  EXPECT_FALSE(faults.take("arm", "/vm1"));
}

TEST(FaultList, IsBoundedAndForgetsWhatIsRemoved) {
  FaultList faults;
  const auto first = faults.add({.count = -1});
  ASSERT_TRUE(first);
  EXPECT_TRUE(faults.remove(*first));
  EXPECT_FALSE(faults.remove(*first));
  EXPECT_FALSE(faults.take("imds", "/"));
  for (std::size_t i = 0; i < FaultList::kMaxFaults; ++i) ASSERT_TRUE(faults.add({}));
  EXPECT_EQ(faults.add({}).error().kind, base::ErrorKind::throttled);
}

TEST(Fault, SurvivesARoundTrip) {
  const Fault fault = arm_throttled(3, std::chrono::seconds(7));
  const auto read = read_fault(write_fault(fault));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->endpoint, "arm");
  EXPECT_EQ(read->count, 3);
  EXPECT_EQ(read->status, 429);
  EXPECT_EQ(read->headers.get_or_empty("Retry-After"), "7");
  EXPECT_EQ(read->body, fault.body);
  EXPECT_FALSE(read_fault(boost::json::value{{"count", 0}}));
  EXPECT_FALSE(read_fault(boost::json::value{{"kind", "x"}}));
}

}  // namespace
}  // namespace podid::lab::azure
