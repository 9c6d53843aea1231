// SPDX-License-Identifier: Apache-2.0
#include "nmi/record/issuance_events.hpp"

#include <gtest/gtest.h>

#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

PodEntryPtr entry() {
  auto made = std::make_shared<PodEntry>();
  made->pod = std::make_shared<const core::Pod>(test::make_pod("shop", "web-0"));
  return made;
}

TEST(IssuanceEvents, AnIssuanceIsAnEventOfTheBindingAboutThePod) {
  const core::AzureIdentity identity = test::make_identity("shop", "reader");
  core::AzureIdentityBinding binding = test::make_binding("shop", "b", "reader");
  binding.meta.uid = "uid-b";
  const kube::EventKey key = event_of({entry(), &identity, &binding, core::RefusalReason::none, "r", 1}, "r");
  EXPECT_EQ(key.regarding.kind, "AzureIdentityBinding");
  EXPECT_EQ(key.regarding.uid, "uid-b");
  EXPECT_EQ(key.related->key.name, "web-0");
  EXPECT_EQ(key.reason, "TokenIssued");
  EXPECT_EQ(key.message, "token for r issued to pod shop/web-0 as AzureIdentity shop/reader");
}

TEST(IssuanceEvents, AMismatchIsAnEventOfAzureIdentityAndBindingWhateverPodAsked) {
  const core::AzureIdentity identity = test::make_identity("shop", "reader");
  core::AzureIdentityBinding binding = test::make_binding("shop", "b", "reader");
  binding.meta.uid = "uid-b";
  const Issuance issuance{entry(), &identity, &binding, core::RefusalReason::none, "", 1, "the sentence"};
  const std::vector<kube::EventKey> events = events_of_mismatch(issuance);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].regarding.kind, "AzureIdentity");
  EXPECT_EQ(events[0].regarding.uid, "uid-reader");
  EXPECT_EQ(events[1].regarding.kind, "AzureIdentityBinding");
  EXPECT_EQ(events[1].regarding.uid, "uid-b");
  for (const kube::EventKey& event : events) {
    EXPECT_EQ(event.type, kube::EventType::warning);
    EXPECT_EQ(event.reason, "ClientIDMismatch");
    EXPECT_EQ(event.message, "the sentence");
    EXPECT_FALSE(event.related);
  }
}

TEST(IssuanceEvents, WhereThereIsNoBindingThePodHasTheEvent) {
  const kube::EventKey excepted = event_of({entry(), nullptr, nullptr, core::RefusalReason::none, "r", 1}, "r");
  EXPECT_EQ(excepted.regarding.kind, "Pod");
  EXPECT_TRUE(excepted.message.contains("the pod is excepted"));
  const kube::EventKey denied = event_of({entry(), nullptr, nullptr, core::RefusalReason::no_binding_label, "", 1}, "");
  EXPECT_EQ(denied.regarding.kind, "Pod");
  EXPECT_EQ(denied.reason, "TokenDenied");
  EXPECT_EQ(denied.message, "token refused: no_binding_label; to see why, run: podid explain pod web-0 -n shop");
}

}  // namespace
}  // namespace podid::nmi
