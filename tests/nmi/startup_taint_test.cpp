// SPDX-License-Identifier: Apache-2.0
#include "nmi/startup_taint.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace podid::nmi {
namespace {

TEST(StartupTaint, OnlyOursGoAndTheNodesVersionGuardsTheRest) {
  const boost::json::value node = boost::json::parse(R"({"metadata":{"resourceVersion":"7"},"spec":{"taints":[
    {"key":"ours/a","effect":"NoSchedule"},{"key":"theirs","effect":"NoExecute"},{"key":"ours/b"}]}})");
  std::size_t removed = 0;
  const auto patch = taint_patch(node, "ours/", removed);
  EXPECT_EQ(removed, 2u);
  ASSERT_TRUE(patch);
  EXPECT_EQ(*patch, boost::json::parse(R"({"metadata":{"resourceVersion":"7"},
    "spec":{"taints":[{"key":"theirs","effect":"NoExecute"}]}})"));
}

TEST(StartupTaint, WithoutOneOfOursNothingIsWritten) {
  std::size_t removed = 1;
  EXPECT_FALSE(taint_patch(boost::json::parse(R"({"spec":{"taints":[{"key":"theirs"}]}})"), "ours/", removed));
  EXPECT_FALSE(taint_patch(boost::json::parse(R"({"spec":{}})"), "ours/", removed));
  EXPECT_EQ(removed, 0u);
}

}  // namespace
}  // namespace podid::nmi
