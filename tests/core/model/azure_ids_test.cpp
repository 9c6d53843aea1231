// SPDX-License-Identifier: Apache-2.0
#include "core/model/azure_ids.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace podid::core {
namespace {

TEST(AzureIds, FollowsTheRuleForIdentityResourceIds) {
  const std::string good[] = {
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
      "/SUBSCRIPTIONS/s/resourceGroups/g/providers/microsoft.managedidentity/USERASSIGNEDIDENTITIES/n",
      "/subscriptions/0-1/resourcegroups/My.rg_(1)-x/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n..",
  };
  for (const std::string& id : good) EXPECT_TRUE(is_valid_identity_resource_id(ResourceIdView(id))) << id;
  const std::string bad[] = {
      "",
      "n",
      "subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/n",
      "/subscriptions/s/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
      "/subscriptions//resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
      "/subscriptions/s/resourcegroups//providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
      "/subscriptions/s/resourcegroups/g/providers/MicrosoftxManagedIdentity/userAssignedIdentities/n",
      // What aad-pod-identity let through, and Azure refuses together with everything beside it (SEC-4, FLD-2).
      "https://x/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n/more",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n/../../x",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n/",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/..",
      "/subscriptions/./resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
      "/subscriptions/s/resourcegroups/a/b/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a b",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n?x",
      "/subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/%2e",
      " /subscriptions/s/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n",
  };
  for (const std::string& id : bad) EXPECT_FALSE(is_valid_identity_resource_id(ResourceIdView(id))) << id;
}

TEST(AzureIds, BlanksAndOneSlashAreTrimmed) {
  EXPECT_EQ(trimmed_resource_id(" \t/a/b/ \r\n"), "/a/b");
  EXPECT_EQ(trimmed_resource_id("/a//"), "/a/");
  EXPECT_EQ(trimmed_resource_id("a b"), "a b");
  EXPECT_EQ(trimmed_resource_id("/"), "");
  EXPECT_EQ(trimmed_resource_id("  "), "");
}

TEST(AzureIds, QuotesAnInvalidIdAsAadPodIdentityDoes) {
  EXPECT_EQ(invalid_resource_id_text(ResourceIdView("a\"b\n")),
            "invalid resource id: \"a\\\"b\\n\", must match /subscriptions/<subid>/resourcegroups/<resourcegroup>/"
            "providers/Microsoft.ManagedIdentity/userAssignedIdentities/<name>");
}

TEST(AzureIds, ReadsProviderIds) {
  const ProviderId set{"s", "G", "Microsoft.Compute", "virtualMachineScaleSets", "Pool"};
  EXPECT_EQ(parse_provider_id("azure:///subscriptions/s/resourceGroups/G/providers/Microsoft.Compute/"
                              "virtualMachineScaleSets/Pool/virtualMachines/3"),
            set);
  const ProviderId machine{"s", "g", "Microsoft.Compute", "virtualMachines", "vm-1"};
  EXPECT_EQ(
      parse_provider_id("azure:///SUBSCRIPTIONS/s/resourcegroups/g/Providers/Microsoft.Compute/virtualMachines/vm-1"),
      machine);
  for (const std::string bad : {"", "aws:///eu/i-1", "azure:///subscriptions/s/resourceGroups/g/providers/P/T",
                                "azure:///subscriptions//resourceGroups/g/providers/P/T/n",
                                "azure:///subscriptions/s/resourceGroups/g/providers/P/T/"}) {
    const auto id = parse_provider_id(bad);
    ASSERT_FALSE(id) << bad;
    EXPECT_EQ(id.error().message(), "failed to parse " + bad + ": invalid resource ID format");
  }
}

// All of it goes into the path of a request to Azure.
TEST(AzureIds, NoProviderIdLeadsElsewhere) {
  const std::string good = "azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/";
  const std::pair<std::string, std::string> cases[] = {
      {"azure:///subscriptions/../resourceGroups/g/providers/P/T/n", ".."},
      {"azure:///subscriptions/s/resourceGroups/./providers/P/T/n", "."},
      {good + "virtualMachines/..", ".."},
      {good + "virtualMachines/vm?api-version=1", "vm?api-version=1"},
      {good + "virtualMachines/vm%2f..", "vm%2f.."},
      {good + "virtualMachines/v m", "v m"},
      {good + "virtualMachineScaleSets/set/virtualMachines/../..", ".."},
  };
  for (const auto& [id, segment] : cases) {
    const auto parsed = parse_provider_id(id);
    ASSERT_FALSE(parsed) << id;
    EXPECT_EQ(parsed.error().message(),
              "failed to parse " + id + ": invalid resource ID format: \"" + segment + "\" is no name");
    EXPECT_FALSE(compute_target_from_key(id));
  }
  EXPECT_LT(parse_provider_id(std::string(10'000, 'x')).error().message().size(), 600u);
}

Node node_with(std::string provider_id) {
  Node node;
  node.name = "node-a";
  node.provider_id = std::move(provider_id);
  return node;
}

constexpr const char* kPrefix = "azure:///subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/";

TEST(AzureIds, FindsTheTargetOfANode) {
  const ComputeDefaults defaults{"sub", "group"};
  const auto key = [&](std::string provider_id) {
    return compute_target(node_with(std::move(provider_id)), defaults)->key();
  };
  const std::string base = "/subscriptions/s/resourcegroups/g/providers/microsoft.compute/";
  EXPECT_EQ(key(std::string(kPrefix) + "virtualMachines/VM"), base + "virtualmachines/vm");
  // All instances of a scale set are one target, however the type is spelled.
  EXPECT_EQ(key(std::string(kPrefix) + "virtualMachineScaleSets/Set/virtualMachines/0"),
            base + "virtualmachinescalesets/set");
  EXPECT_EQ(key(std::string(kPrefix) + "virtualmachinescalesets/SET/virtualMachines/1"),
            base + "virtualmachinescalesets/set");
  // Without a provider ID the node's name and the configuration stand in.
  EXPECT_EQ(key(""), "/subscriptions/sub/resourcegroups/group/providers/microsoft.compute/virtualmachines/node-a");
}

TEST(AzureIds, TargetsOfTwoGroupsDiffer) {
  const auto one = compute_target_from_key(
      "/subscriptions/s/resourcegroups/g1/providers/microsoft.compute/virtualmachinescalesets/x");
  const auto two = compute_target_from_key(
      "/subscriptions/s/resourcegroups/g2/providers/microsoft.compute/virtualmachinescalesets/x");
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->key(), two->key());
  EXPECT_EQ(one->kind, ComputeKind::scale_set);
  EXPECT_EQ(compute_target_from_key(one->key())->key(), one->key());
}

TEST(AzureIds, BadProviderIdNamesTheField) {
  const auto target = compute_target(node_with("kind://docker/x"), {});
  ASSERT_FALSE(target);
  EXPECT_THAT(target.error().message(), testing::StartsWith("spec.providerID: failed to parse kind://docker/x"));
  const auto other = compute_target(node_with("/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/x"), {});
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message(), testing::HasSubstr("expected a resource of Microsoft.Compute"));
}

}  // namespace
}  // namespace podid::core
