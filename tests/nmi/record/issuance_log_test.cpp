// SPDX-License-Identifier: Apache-2.0
#include "nmi/record/issuance_log.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/builders.hpp"

namespace podid::nmi {
namespace {

PodEntryPtr entry() {
  auto made = std::make_shared<PodEntry>();
  made->pod = std::make_shared<const core::Pod>(test::make_pod("shop", "web-0"));
  return made;
}

TEST(IssuanceLog, CountsEqualRecordsTogether) {
  const core::AzureIdentity identity = test::make_identity("shop", "reader");
  const core::AzureIdentityBinding binding = test::make_binding("shop", "b", "reader");
  core::Decision granted;
  granted.identity = &identity;
  granted.binding = &binding;
  IssuanceLog log;
  const PodEntryPtr pod = entry();
  for (int i = 0; i < 3; ++i) log.issued(pod, granted, "r");
  log.issued(pod, granted, "other");
  core::Decision refused;
  refused.reason = core::RefusalReason::no_binding_label;
  log.refused(pod, refused, "the label is missing");
  log.refused(pod, refused, "the label is missing");
  std::vector<Issuance> taken = log.take();
  ASSERT_EQ(taken.size(), 3u);
  std::ranges::sort(taken, {}, &Issuance::count);
  EXPECT_EQ(taken[1].count, 2u);
  EXPECT_EQ(taken[1].why, "the label is missing");
  EXPECT_EQ(taken.back().count, 3u);
  EXPECT_EQ(taken.back().resource, "r");
  EXPECT_EQ(taken.back().binding, &binding);
  EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace podid::nmi
