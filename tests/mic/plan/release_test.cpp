// SPDX-License-Identifier: Apache-2.0
#include "mic/plan/release.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/model/naming.hpp"

namespace podid::mic {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kVm = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachines/vm";
const std::string kSet = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/virtualmachinescalesets/set";
const std::string kIdentity =
    "/subscriptions/s/resourcegroups/g/providers/microsoft.managedidentity/userassignedidentities/one";

core::Node node(const std::string& provider_id) {
  core::Node node;
  node.name = "node-a";
  node.provider_id = provider_id;
  return node;
}

core::AzureAssignedIdentity assigned(const std::string& status = "Assigned") {
  core::AzureAssignedIdentity assigned;
  assigned.node_name = "node-a";
  assigned.status = status;
  assigned.identity.resource_id = core::ResourceId(kIdentity);
  assigned.identity.client_id = core::ClientId("client");
  return assigned;
}

TEST(Release, PendingReleasesSurviveTheirAnnotation) {
  const std::vector<Release> releases{{.target = kSet, .identity = kIdentity, .client_id = core::ClientId("client")},
                                      {.target = kVm, .identity = kIdentity, .client_id = {}}};
  core::AzureAssignedIdentity object;
  object.meta.annotations[std::string(kPendingDetachAnnotation)] = pending_releases_text(releases);
  EXPECT_EQ(pending_releases(object), releases);
  EXPECT_EQ(pending_releases_text({}), "");
}

TEST(Release, AnAnnotationThatSomebodyHasSpoiledIsReadAsFarAsPossible) {
  core::AzureAssignedIdentity object;
  std::string& text = object.meta.annotations[std::string(kPendingDetachAnnotation)];
  for (const char* bad : {"", "{", "7", "{}", "[7]", R"([{"target":7}])", R"([{"target":"x","identity":"y"}])"}) {
    text = bad;
    EXPECT_THAT(pending_releases(object), IsEmpty()) << bad;
  }
}

TEST(Release, TheAnnotationHasALimit) {
  const std::vector<Release> many(kMaxPendingDetach + 5, {.target = kVm, .identity = kIdentity, .client_id = {}});
  core::AzureAssignedIdentity object;
  object.meta.annotations[std::string(kPendingDetachAnnotation)] = pending_releases_text(many);
  EXPECT_THAT(pending_releases(object), SizeIs(kMaxPendingDetach));
}

TEST(Release, AnAssignmentReleasesItsIdentityWhereItsNodeIs) {
  NodeDirectory nodes;
  nodes.put(node("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"));
  const auto release = own_release(assigned(), nodes);
  ASSERT_TRUE(release.has_value());
  EXPECT_EQ(*release, (Release{.target = kVm, .identity = kIdentity, .client_id = core::ClientId("client")}));
  EXPECT_TRUE(own_release(assigned("Created"), nodes)) << "possibly attached (MIC-12)";
  EXPECT_TRUE(own_release(assigned(""), nodes)) << "written by an old release";
  EXPECT_FALSE(own_release(assigned("Unassigned"), nodes));
  core::AzureAssignedIdentity other = assigned();
  other.identity.type = core::IdentityType::service_principal_secret;
  EXPECT_FALSE(own_release(other, nodes));
  other = assigned();
  other.identity.resource_id = {};
  EXPECT_FALSE(own_release(other, nodes));
}

TEST(Release, OfAVanishedNodeOnlyAScaleSetIsReleased) {
  NodeDirectory nodes;
  EXPECT_FALSE(own_release(assigned(), nodes)) << "nobody knows where it was";
  core::AzureAssignedIdentity on_set = assigned();
  on_set.meta.annotations[std::string(core::kComputeAnnotation)] = kSet;
  ASSERT_TRUE(own_release(on_set, nodes));
  EXPECT_EQ(own_release(on_set, nodes)->target, kSet);
  core::AzureAssignedIdentity on_vm = assigned();
  on_vm.meta.annotations[std::string(core::kComputeAnnotation)] = kVm;
  EXPECT_FALSE(own_release(on_vm, nodes)) << "the VM went with its node";
}

TEST(Release, AnAssignmentOfAnotherControllerIsFoundByTheMemoryOfItsNode) {
  NodeDirectory nodes;
  nodes.put(
      node("azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/"
           "virtualMachineScaleSets/set/virtualMachines/3"));
  nodes.erase("node-a");
  ASSERT_TRUE(own_release(assigned(), nodes));
  EXPECT_EQ(own_release(assigned(), nodes)->target, kSet);
  nodes.forget_gone([](const std::string&) { return false; });
  EXPECT_FALSE(own_release(assigned(), nodes));
}

}  // namespace
}  // namespace podid::mic
