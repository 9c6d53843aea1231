// SPDX-License-Identifier: Apache-2.0
#include "nmi/pods/snapshot_builder.hpp"

#include <gtest/gtest.h>

#include "support/token_builders.hpp"

namespace podid::nmi {
namespace {

using test::make_assigned;
using test::make_binding;
using test::make_identity;

core::Pod pod_at(const std::string& name, std::vector<std::string> addresses) {
  core::Pod pod = test::make_pod("shop", name);
  pod.pod_ips = std::move(addresses);
  return pod;
}

template <class T>
std::shared_ptr<const T> shared(T object) {
  return std::make_shared<const T>(std::move(object));
}

AddressKey address(std::string_view text) { return AddressKey::parse(text).value(); }

class SnapshotBuilderTest : public ::testing::Test {
 protected:
  const PodAtAddress& at(std::string_view text) {
    snapshot = builder.build();
    return snapshot->at(address(text));
  }
  std::string name_at(std::string_view text) {
    const PodAtAddress& found = at(text);
    return found.entry ? found.entry->pod->name : found.whose == Whose::ambiguous ? "ambiguous" : "nobody";
  }

  core::Serving serving_at(std::string_view text) { return at(text).entry->serving.at(test::kTestNow); }

  SnapshotBuilder builder{{}};
  SnapshotPtr snapshot;
};

TEST_F(SnapshotBuilderTest, FindsAPodByEachOfItsAddresses) {
  builder.put(shared(pod_at("web-0", {"10.0.0.1", "fd00::1"})));
  EXPECT_EQ(name_at("10.0.0.1"), "web-0");
  EXPECT_EQ(name_at("fd00::1"), "web-0");
  EXPECT_EQ(name_at("::ffff:10.0.0.1"), "web-0");
  EXPECT_EQ(name_at("10.0.0.2"), "nobody");
}

TEST_F(SnapshotBuilderTest, PodsThatDoNotOwnTheirAddressesAreNotFound) {
  core::Pod host = pod_at("host", {"10.0.0.1"});
  host.host_network = true;
  builder.put(shared(host));
  core::Pod done = pod_at("done", {"10.0.0.2"});
  done.phase = "Succeeded";
  builder.put(shared(done));
  core::Pod lost = pod_at("lost", {"10.0.0.3"});
  lost.phase = "Unknown";
  builder.put(shared(lost));
  core::Pod init = pod_at("init", {"10.0.0.4"});
  init.phase = "Pending";
  builder.put(shared(init));
  EXPECT_EQ(name_at("10.0.0.1"), "nobody");
  EXPECT_EQ(name_at("10.0.0.2"), "nobody");
  EXPECT_EQ(name_at("10.0.0.3"), "nobody");
  EXPECT_EQ(name_at("10.0.0.4"), "init");
  EXPECT_NE(snapshot->named("shop", "host"), nullptr) << "the host handler names pods";
}

TEST_F(SnapshotBuilderTest, TwoLivingPodsOnAnAddressAreRefused) {
  builder.put(shared(pod_at("a", {"10.0.0.1"})));
  builder.put(shared(pod_at("b", {"10.0.0.1"})));
  builder.put(shared(pod_at("c", {"10.0.0.1"})));
  const PodAtAddress& found = at("10.0.0.1");
  EXPECT_EQ(found.entry, nullptr);
  EXPECT_EQ(found.claimants, (std::vector<std::string>{"shop/a", "shop/b", "shop/c"}));
  builder.remove(pod_at("a", {}));
  builder.remove(pod_at("b", {}));
  EXPECT_EQ(name_at("10.0.0.1"), "c");
}

TEST_F(SnapshotBuilderTest, ALivingPodWinsOverTerminatingOnes) {
  for (const char* name : {"a", "z"}) {
    core::Pod old = pod_at(name, {"10.0.0.1"});
    old.deletion_timestamp = "2027-01-15T08:00:30Z";
    builder.put(shared(old));
  }
  EXPECT_EQ(name_at("10.0.0.1"), "ambiguous");
  builder.put(shared(pod_at("m", {"10.0.0.1"})));
  EXPECT_EQ(name_at("10.0.0.1"), "m");
}

TEST_F(SnapshotBuilderTest, ATerminatingPodIsServedUntilItsGracePeriodEnds) {
  core::Pod pod = pod_at("a", {"10.0.0.1"});
  pod.deletion_timestamp = "2027-01-15T08:00:30Z";
  builder.put(shared(pod));
  EXPECT_EQ(at("10.0.0.1").entry->serving.until(), test::kTestNow + std::chrono::seconds(30));
}

TEST_F(SnapshotBuilderTest, AssignmentsBelongToTheirPodWithTheirCredentials) {
  const core::Pod pod = pod_at("web-0", {"10.0.0.1"});
  const auto assigned =
      shared(make_assigned(pod, make_identity("shop", "reader"), make_binding("shop", "b", "reader")));
  builder.put(assigned);  // before its pod
  builder.put(shared(pod));
  builder.put(shared(pod_at("web-1", {"10.0.0.2"})));
  const PodEntryPtr entry = at("10.0.0.1").entry;
  ASSERT_EQ(entry->assigned.size(), 1u);
  ASSERT_NE(entry->credential_of(&entry->assigned[0]->identity), nullptr);
  EXPECT_EQ(entry->credential_of(&entry->assigned[0]->identity)->client_id.text(), "client-reader");
  EXPECT_TRUE(at("10.0.0.2").entry->assigned.empty());
  builder.remove(*assigned);
  EXPECT_TRUE(at("10.0.0.1").entry->assigned.empty());
  EXPECT_EQ(entry->assigned.size(), 1u) << "an entry in use does not change";
}

TEST_F(SnapshotBuilderTest, AnAssignmentIsConfirmedByTheIdentityThatItIsAbout) {
  const core::Pod pod = pod_at("web-0", {"10.0.0.1"});
  const core::AzureIdentity reader = make_identity("vault", "reader");
  core::AzureAssignedIdentity assigned = make_assigned(pod, reader, make_binding("vault", "b", "reader"));
  assigned.meta.uid = "uid-assigned";
  builder.put(shared(pod));
  builder.put(shared(assigned));
  builder.put(shared(assigned.binding));
  const auto is_confirmed = [this] { return at("10.0.0.1").entry->doubts.empty(); };
  EXPECT_FALSE(is_confirmed()) << "nobody has declared the identity";
  builder.put(shared(reader));
  EXPECT_TRUE(is_confirmed());

  core::AzureIdentity rotated = reader;
  rotated.client_id = core::ClientId("client-of-tomorrow");
  builder.put(shared(rotated));
  EXPECT_TRUE(is_confirmed()) << "until the controller replaces it";
  builder.put(shared(pod_at("web-0", {"10.0.0.1"})));
  EXPECT_TRUE(is_confirmed()) << "whatever else changes";
  core::AzureAssignedIdentity forged = assigned;
  forged.identity.client_id = core::ClientId("client-admin");
  builder.remove(assigned);
  builder.put(shared(forged));
  EXPECT_FALSE(is_confirmed());
  builder.remove(forged);
  builder.put(shared(assigned));
  EXPECT_FALSE(is_confirmed()) << "what it was before the forgery is not known any more";
  core::AzureAssignedIdentity replaced = assigned;
  replaced.identity = rotated;
  builder.remove(assigned);
  builder.put(shared(replaced));
  EXPECT_TRUE(is_confirmed());

  builder.remove(rotated);
  EXPECT_FALSE(is_confirmed()) << "the identity is gone";
  SnapshotBuilder later({});
  later.put(shared(pod));
  later.put(shared(assigned));
  later.put(shared(assigned.binding));
  later.put(shared(rotated));
  EXPECT_FALSE(later.build()->at(address("10.0.0.1")).entry->doubts.empty()) << "who has not seen them equal";
}

// SEC-11
TEST_F(SnapshotBuilderTest, AnAssignmentIsBackedByItsBindingAsItIsNow) {
  const core::Pod pod = pod_at("web-0", {"10.0.0.1"});
  const core::AzureIdentity reader = make_identity("vault", "reader");
  const core::AzureIdentityBinding binding = make_binding("vault", "b", "reader");
  const core::AzureAssignedIdentity assigned = make_assigned(pod, reader, binding);
  builder.put(shared(pod));
  builder.put(shared(assigned));
  builder.put(shared(reader));
  const auto doubt = [this] {
    const std::vector<core::DoubtedAssignment> doubts = at("10.0.0.1").entry->doubts;
    return doubts.empty() ? std::nullopt : std::optional(doubts.front().doubt);
  };
  EXPECT_EQ(doubt(), core::Doubt::binding);
  builder.put(shared(binding));
  EXPECT_EQ(doubt(), std::nullopt);
  core::AzureIdentityBinding moved = binding;
  moved.selector = "writer";
  builder.put(shared(moved));
  EXPECT_EQ(doubt(), core::Doubt::binding);
  builder.put(shared(binding));
  EXPECT_EQ(doubt(), std::nullopt);
  builder.remove(binding);
  EXPECT_EQ(doubt(), core::Doubt::binding);
  builder.set_unread(SnapshotBuilder::Kind::binding, binding.meta.key());
  EXPECT_EQ(doubt(), core::Doubt::unread) << "nothing is known of it";
  builder.set_read(SnapshotBuilder::Kind::binding, binding.meta.key());
  EXPECT_EQ(doubt(), core::Doubt::binding);
}

TEST_F(SnapshotBuilderTest, ABootTakesTheAddressesUntilTheKubeletHasToldTheNewOnes) {
  SnapshotBuilder booted({});
  booted.set_boot(test::kTestNow);
  const auto owner = [&booted](const std::string& ip) {
    const SnapshotPtr snapshot = booted.build();
    const PodAtAddress& at = snapshot->at(address(ip));
    return at.whose == Whose::pod ? at.entry->pod->name : "";
  };
  core::Pod before = pod_at("before", {"10.0.0.1"});
  before.last_start = "2027-01-15T07:59:59Z";
  booted.put(shared(before));
  EXPECT_EQ(owner("10.0.0.1"), "");
  core::Pod after = pod_at("after", {"10.0.0.1"});
  after.last_start = "2027-01-15T08:00:00Z";
  booted.put(shared(after));
  EXPECT_EQ(owner("10.0.0.1"), "after");
  before.pod_ips = {"10.0.0.2"};
  before.last_start = "2027-01-15T08:00:01Z";
  booted.put(shared(before));
  EXPECT_EQ(owner("10.0.0.2"), "before");
  before.last_start = "2027-01-15T07:59:59Z";
  booted.put(shared(before));
  booted.set_boot({});
  EXPECT_EQ(owner("10.0.0.2"), "before");
}

TEST_F(SnapshotBuilderTest, TellsWhetherAPodAwaitsItsAddress) {
  builder.put(shared(pod_at("web-0", {"10.0.0.1"})));
  EXPECT_FALSE(builder.build()->awaits_address());
  core::Pod coming = pod_at("web-1", {});
  coming.phase = "Pending";
  builder.put(shared(coming));
  EXPECT_TRUE(builder.build()->awaits_address());
  coming.host_network = true;
  builder.put(shared(coming));
  EXPECT_FALSE(builder.build()->awaits_address());
}

TEST_F(SnapshotBuilderTest, EntriesStayTheSameWhileNothingAboutThemChanges) {
  builder.put(shared(pod_at("a", {"10.0.0.1"})));
  const PodEntryPtr before = at("10.0.0.1").entry;
  builder.put(shared(pod_at("b", {"10.0.0.2"})));
  EXPECT_EQ(at("10.0.0.1").entry, before);
  builder.put(shared(pod_at("a", {"10.0.0.1"})));
  EXPECT_NE(at("10.0.0.1").entry, before);
}

TEST_F(SnapshotBuilderTest, ExceptionsApplyToPodsOfTheirNamespace) {
  core::Pod pod = pod_at("a", {"10.0.0.1"});
  pod.labels["app"] = "agent";
  builder.put(shared(pod));
  core::AzurePodIdentityException exception;
  exception.meta.name = "e";
  exception.meta.ns = "other";
  exception.pod_labels["app"] = "agent";
  builder.put(shared(exception));
  EXPECT_EQ(serving_at("10.0.0.1"), core::Serving::served);
  exception.meta.ns = "shop";
  builder.put(shared(exception));
  EXPECT_EQ(serving_at("10.0.0.1"), core::Serving::excepted);
  builder.remove(exception);
  EXPECT_EQ(serving_at("10.0.0.1"), core::Serving::served);
}

TEST_F(SnapshotBuilderTest, ControllerPodsAreKnownUnlessSwitchedOff) {
  core::Pod pod = pod_at("mic-0", {"10.0.0.1"});
  pod.ns = "default";
  pod.replica_set = "mic-5d4f";
  pod.labels["component"] = "mic";
  pod.labels["app.kubernetes.io/component"] = "mic";
  pod.service_account = "aad-pod-id-mic-service-account";
  builder.put(shared(pod));
  EXPECT_EQ(serving_at("10.0.0.1"), core::Serving::controller);
  SnapshotBuilder without({.mic_namespace = ""});
  without.put(shared(pod));
  EXPECT_EQ(without.build()->at(address("10.0.0.1")).entry->serving.at(test::kTestNow), core::Serving::served);
}

TEST(SnapshotBuilder, ManagedModeHoldsTheObjectsOfThePodsNamespace) {
  SnapshotBuilder builder({.mode = core::OperationMode::managed});
  builder.put(shared(pod_at("a", {"10.0.0.1"})));
  builder.put(shared(make_identity("shop", "reader")));
  builder.put(shared(make_identity("other", "stranger")));
  builder.put(shared(make_binding("shop", "b", "reader")));
  const SnapshotPtr before = builder.build();
  const PodEntryPtr entry = before->at(address("10.0.0.1")).entry;
  ASSERT_EQ(entry->objects->identities.size(), 1u);
  ASSERT_EQ(entry->objects->bindings.size(), 1u);
  EXPECT_NE(entry->credential_of(entry->objects->identities[0]), nullptr);
  builder.remove(make_binding("shop", "b", "reader"));
  EXPECT_TRUE(builder.build()->at(address("10.0.0.1")).entry->objects->bindings.empty());
}

TEST(SnapshotBuilder, ManagedModeTellsWhetherANamespaceIsKnown) {
  SnapshotBuilder builder({.mode = core::OperationMode::managed});
  const auto unread = [&builder](std::string_view ip) { return builder.build()->at(address(ip)).entry->unread; };
  core::Pod unlabelled = pod_at("b", {"10.0.0.2"});
  unlabelled.labels.clear();
  builder.put(shared(pod_at("a", {"10.0.0.1"})));
  builder.put(shared(unlabelled));
  builder.set_unread(SnapshotBuilder::Kind::binding, {"shop", ""});
  EXPECT_TRUE(unread("10.0.0.1"));
  EXPECT_FALSE(unread("10.0.0.2")) << "no binding can select it";
  builder.set_unread(SnapshotBuilder::Kind::identity, {"shop", ""});
  builder.set_read(SnapshotBuilder::Kind::binding, {"shop", ""});
  EXPECT_TRUE(unread("10.0.0.1"));
  builder.set_read(SnapshotBuilder::Kind::identity, {"shop", ""});
  EXPECT_FALSE(unread("10.0.0.1"));
}

TEST(SnapshotBuilder, IsCompleteOnlyWhenToldSo) {
  SnapshotBuilder builder({});
  EXPECT_FALSE(builder.build()->complete());
  builder.set_complete();
  EXPECT_TRUE(builder.build()->complete());
}

}  // namespace
}  // namespace podid::nmi
