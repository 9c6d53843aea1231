// SPDX-License-Identifier: Apache-2.0
#include "nmi/record/issuance_events.hpp"

#include <gtest/gtest.h>

#include "base/json.hpp"
#include "kube/kube_fixture.hpp"
#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

PodEntryPtr entry() {
  auto made = std::make_shared<PodEntry>();
  made->pod = std::make_shared<const core::Pod>(test::make_pod("shop", "web-0"));
  return made;
}

class IssuanceEventsTest : public test::KubeFixture<base::RealClock> {
 protected:
  IssuanceEventsTest() {
    kube::EventRecorderOptions options;
    options.api = kube::EventApi::events_v1;
    options.component = "aadpodidentity.k8s.io/nmi";
    options.instance = "node-a";
    recorder = std::make_unique<kube::EventRecorder>(*client, std::move(options));
  }
  std::unique_ptr<kube::EventRecorder> recorder;
};

TEST(IssuanceEvents, AnIssuanceIsAnEventOfTheBindingAboutThePod) {
  core::AzureIdentity identity = test::make_identity("shop", "reader");
  identity.client_id = core::ClientId(std::string("11111111-2222-3333-4444-555555555555"));
  core::AzureIdentityBinding binding = test::make_binding("shop", "b", "reader");
  binding.meta.uid = "uid-b";
  const kube::EventKey key = event_of({entry(), &identity, &binding, core::RefusalReason::none, "r", 1}, "r");
  EXPECT_EQ(key.regarding.kind, "AzureIdentityBinding");
  EXPECT_EQ(key.regarding.uid, "uid-b");
  EXPECT_EQ(key.related->key.name, "web-0");
  EXPECT_EQ(key.reason, "TokenIssued");
  EXPECT_EQ(key.action, "IssueToken");
  EXPECT_EQ(
      key.message,
      "token for r issued to pod shop/web-0 as AzureIdentity shop/reader (client ID 1111##### REDACTED #####5555)");
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

TEST(IssuanceEvents, ARefusalIsTheBindingsWhereOneWasLookedAt) {
  core::AzureIdentityBinding binding = test::make_binding("shop", "b", "reader");
  binding.meta.uid = "uid-b";
  const kube::EventKey denied =
      event_of({entry(), nullptr, &binding, core::RefusalReason::policy_denied, "", 1}, "closed");
  EXPECT_EQ(denied.regarding.uid, "uid-b");
  EXPECT_EQ(denied.related->key.name, "web-0");
  EXPECT_EQ(denied.message, "token refused: policy_denied: closed; to see why, run: podid explain pod web-0 -n shop");
}

TEST_F(IssuanceEventsTest, APodsResourcesHaveSixtyFourSeriesAndOneForTheRest) {
  IssuanceEvents events(*recorder);
  const PodEntryPtr pod = entry();
  std::vector<Issuance> issuances;
  for (int i = 0; i < 100; ++i) {
    issuances.push_back({pod, nullptr, nullptr, core::RefusalReason::none, "r" + std::to_string(i), 2});
  }
  events.record(issuances);
  await(recorder->stop(test::soon()));
  std::int64_t total = 0, other = 0;
  std::size_t written = 0;
  for (const net::Request& request : server.requests) {
    const boost::json::value event = boost::json::parse(request.body);
    const std::int64_t count = base::integer_at(event, {"series", "count"});
    total += count;
    ++written;
    if (base::text_at(event, {"note"}).starts_with("token for other ")) other += count;
  }
  EXPECT_EQ(written, 65u);
  EXPECT_EQ(total, 200);
  EXPECT_EQ(other, 2 * (100 - 64));
}

}  // namespace
}  // namespace podid::nmi
